import struct
from pathlib import Path

import numpy as np
import pytest

from engine_builder import wts
from engine_builder.errors import WtsError
from engine_builder.wts import read_wts, write_wts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.wts"


def test_format_is_the_one_tensorrtx_reads(path: Path) -> None:
    write_wts(path, {"conv.weight": np.array([[1.0, -2.5]], np.float32), "fc.bias": np.array([0.1], np.float32)})
    expected = "2\nconv.weight 2 3f800000 c0200000\nfc.bias 1 3dcccccd\n"
    assert path.read_text() == expected


def test_every_bit_survives(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wts, "CHUNK", 7)  # many chunks, one of them short
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 1 << 32, 100, np.uint32)
    values = bits.view(np.float32)
    values = np.concatenate((values[np.isfinite(values)], np.array([0.0, -0.0, 1e-45, 3.4028235e38], np.float32)))
    write_wts(path, {"a": values, "b": values[:7]})
    back = read_wts(path)
    assert list(back) == ["a", "b"]
    assert back["a"].dtype == np.float32
    assert back["a"].tobytes() == values.tobytes()
    assert back["b"].tobytes() == values[:7].tobytes()


def test_values_are_read_as_python_packs_them(path: Path) -> None:
    numbers = [0.1, -7.25, 1e30]
    line = " ".join(struct.pack(">f", number).hex() for number in numbers)
    path.write_text(f"1\nx 3 {line}\n")
    assert read_wts(path)["x"].tolist() == np.array(numbers, np.float32).tolist()


@pytest.mark.parametrize(
    "text",
    ["1\nx 1 3F800000\n", "1\nx 1 3f800000", "1\nx 1  3f800000\n", "1\r\nx 1 3f800000\r\n", "1\nx 1 3f800000\n\n \n"],
    ids=["upper case", "no last newline", "two spaces", "CRLF", "blank end"],
)
def test_harmless_variants_are_read(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert read_wts(path)["x"].tolist() == [1.0]


def test_a_tensor_without_values(path: Path) -> None:
    path.write_text("2\nx 0\ny 1 3f800000\n")
    tensors = read_wts(path)
    assert tensors["x"].size == 0
    assert tensors["y"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("text", "line", "tensor", "reason"),
    [
        ("", 1, None, "expected the number of tensors"),
        ("x\n", 1, None, "expected the number of tensors"),
        ("2\nx 1 3f800000\n", 3, None, "truncated"),
        ("1\nx one 3f800000\n", 2, None, "expected `name count values`"),
        ("1\nx 3 3f800000 3f800000\n", 2, "x", "truncated"),
        ("2\nx 3 3f800000 3f800000\ny 1 3f800000\n", 2, "x", "after 2"),
        ("1\nx 1 3f800000 3f800000\n", 2, "x", "more than the 1 values"),
        ("1\nx 2 3f800000 3f80000g\n", 2, "x", "value 1: bad hex '3f80000g'"),
        ("1\nx 2 3f800000_3f800000\n", 2, "x", "value 1: expected a space"),
        ("1\nx 2 3f800000 3f80", 2, "x", "truncated"),
        ("1\nx 2 3f800000 7fc00000\n", 2, "x", "value 1 is nan"),
        ("1\nx 1 ff800000\n", 2, "x", "value 0 is -inf"),
        ("2\nx 1 3f800000\nx 1 3f800000\n", 3, "x", "duplicate name"),
        ("1\nx 1 3f800000\ny 1 3f800000\n", 3, None, "trailing data"),
        ("1\nx 99999999999 3f800000\n", 2, "x", "truncated"),
    ],
)
def test_bad_files_say_where_and_why(path: Path, text: str, line: int, tensor: str | None, reason: str) -> None:
    path.write_text(text)
    with pytest.raises(WtsError) as caught:
        read_wts(path)
    assert (caught.value.line, caught.value.tensor) == (line, tensor)
    assert reason in str(caught.value)
    assert f"line {line}" in str(caught.value)


def test_writing_nonsense_leaves_no_file(path: Path) -> None:
    path.write_text("old")
    with pytest.raises(WtsError, match="value 1 is nan"):
        write_wts(path, {"a": np.ones(3), "b": np.array([1.0, np.nan])})
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_name_must_be_one_word(path: Path) -> None:
    with pytest.raises(WtsError, match="one word"):
        write_wts(path, {"a b": np.ones(1)})
