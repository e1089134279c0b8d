from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service.errors import StartupError
from service.evaluation.labelled import Labelled, read_labelled

LABELS = ("abseiling", "air drumming", "petting animal (not cat)", "Zumba, fast")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.mark.parametrize(
    "text",
    [
        'a.mp4,abseiling\nb c.mp4,air drumming\nd/e.mp4,"Zumba, fast"\n',
        'path,label\na.mp4,abseiling\nb c.mp4,air drumming\nd/e.mp4,"Zumba, fast"\n',
        "Label,Filename\nabseiling,a.mp4\nair drumming,b c.mp4\n3,d/e.mp4\n",
        "\ufeffa.mp4,0\r\nb c.mp4,1\r\n\r\nd/e.mp4,3\r\n",
        "a.mp4 0\nb c.mp4 1\nd/e.mp4 3\n",
        "a.mp4\tabseiling\nb c.mp4\tair drumming\nd/e.mp4\tZumba, fast\n",
        'a.mp4,Abseiling\nb c.mp4,air_drumming\nd/e.mp4,"zumba,_fast"\n',
        "a.mp4,abseiling\nb c.mp4,air drumming\na.mp4,0\nd/e.mp4,3\n",
    ],
    ids=["names", "header", "columns", "indices", "spaces", "tabs", "spelling", "twice"],
)
def test_lists_as_they_are_about(listed: Path, text: str) -> None:
    listed.write_text(text, newline="")
    folder = listed.parent
    assert read_labelled(listed, LABELS) == [
        Labelled("a.mp4", folder / "a.mp4", 0),
        Labelled("b c.mp4", folder / "b c.mp4", 1),
        Labelled("d/e.mp4", folder / "d/e.mp4", 3),
    ]


def test_kinetics_own_list_names_the_videos_as_they_are_distributed(listed: Path, tmp_path: Path) -> None:
    listed.write_text("label,youtube_id,time_start,time_end,split\nair drumming,9EnSwbXxu5g,56,66,val\n")
    name = "9EnSwbXxu5g_000056_000066.mp4"
    assert read_labelled(listed, LABELS, tmp_path / "val") == [Labelled(name, tmp_path / "val" / name, 1)]


def test_an_absolute_path_is_not_moved(listed: Path) -> None:
    listed.write_text("/data/a.mp4,0\n")
    assert read_labelled(listed, LABELS, Path("/elsewhere"))[0].path == Path("/data/a.mp4")


def test_a_label_that_looks_like_an_index_is_a_name_first(listed: Path) -> None:
    listed.write_text("a.mp4,1\n")
    assert read_labelled(listed, ("2", "3", "1"))[0].label == 2


def test_a_name_that_might_be_two_labels_is_neither(listed: Path) -> None:
    listed.write_text("a.mp4,JUMP\n")
    with pytest.raises(StartupError, match="'JUMP'"):
        read_labelled(listed, ("jump", "Jump"))


def test_unknown_labels_are_named_with_their_lines(listed: Path) -> None:
    listed.write_text("path,label\na.mp4,abseiling\nb.mp4,flying\nc.mp4,4\n" + "d.mp4,swimming\n" * 5)
    with pytest.raises(StartupError) as caught:
        read_labelled(listed, LABELS)
    assert str(caught.value) == (
        f"{listed}: labels that the model does not have: 'flying' (line 3), '4' (line 4), 'swimming' (line 5), "
        "'swimming' (line 6), 'swimming' (line 7) and 2 more"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no videos in it"),
        ("path,label\n", "no videos in it"),
        ("a.mp4,0\nb.mp4\n", "line 2 is not a path and a label: 'b.mp4'"),
        ("path,label\na.mp4,0,1\n", "line 2 is not what its first line names"),
        ("name,label\na.mp4,0\n", "line 2 is not what its first line names"),
        ("a.mp4,0\nb.mp4,1\n./a.mp4,1\n", "lines 1 and 3 label ./a.mp4 differently"),
    ],
)
def test_what_is_wrong_with_a_list(listed: Path, text: str, said: str) -> None:
    listed.write_text(text)
    with pytest.raises(StartupError, match=said):
        read_labelled(listed, LABELS)


def test_what_is_no_text(listed: Path, manifest: Manifest) -> None:
    listed.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StartupError, match="cannot be read as text"):
        read_labelled(listed, manifest.labels)
