"""Files made to do harm: nothing is run or read beyond a storage, and only CheckpointError is raised."""

import io
import pickle
import re
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.checkpoints.load import load_checkpoint
from engine_builder.checkpoints.old_format import MAGIC
from engine_builder.errors import CheckpointError

from ...support.checkpoints import Attack, needs_torch, torch_state
from ...support.recipe import draw, narrow

STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
EMPTY_STATE = b"ccollections\nOrderedDict\n)R"
MUTANTS = 300


def archive(
    path: Path, pickled: bytes, records: Mapping[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED
) -> Path:
    """A file as torch.save makes it, with a storage of four numbers."""
    with zipfile.ZipFile(path, "w", compression) as written:
        written.writestr("a/data.pkl", pickled)
        for name, content in ({"data/0": bytes(16)} | dict(records or {})).items():
            written.writestr(f"a/{name}", content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def in_zip(path: Path, pickled: bytes) -> Path:
    return archive(path, pickled)


def in_old_format(path: Path, pickled: bytes) -> Path:
    path.write_bytes(MAGIC + pickle.dumps(1001) + pickle.dumps({"little_endian": True}) + pickled + pickle.dumps([]))
    return path


class Nested:
    """An attack within the arguments of something harmless."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ([("a", self.inner)],)


class Evaluated:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"__import__('os').mkdir({str(self.directory)!r})",)


class Run:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return subprocess.call, (["mkdir", str(self.directory)],)


def state_set(directory: Path) -> bytes:
    """An object whose `__setstate__` is to be os.system, set by one BUILD and called by the next."""
    command = f"mkdir {directory}".encode()
    set_it = b"cargparse\nNamespace\n)\x81}U\x0c__setstate__cposix\nsystem\nsb"
    return b"\x80\x02" + set_it + b"U" + bytes([len(command)]) + command + b"b."


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("within", [in_zip, in_old_format])
@pytest.mark.parametrize("attack", [Attack, Evaluated, Run, lambda directory: Nested(Attack(directory))])
def test_code_is_refused_by_name_and_not_run(
    tmp_path: Path, within: Callable[[Path, bytes], Path], attack: Callable[[Path], object], protocol: int
) -> None:
    path = within(tmp_path / "bad.pth", pickle.dumps({"a": attack(tmp_path / "attacked")}, protocol))
    said = refusal(path)
    assert "could run code" in said
    # In protocols 0 to 2 under Python 2's names.
    names = ("posix.mkdir", "builtins.eval", "__builtin__.eval", "subprocess.call", "commands.call")
    assert any(name in said for name in names)
    assert not (tmp_path / "attacked").exists()


def test_attributes_of_an_object_are_never_set(tmp_path: Path) -> None:
    assert "posix.system" in refusal(archive(tmp_path / "bad.pth", state_set(tmp_path / "attacked")))
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize(
    ("pickled", "said"),
    [
        (b"(iposix\nsystem\n.", "INST"),
        (b"(cposix\nsystem\no.", "posix.system"),
        (b"\x82\x01.", "EXT1"),
        (b"P0\n.", "PERSID"),
        (b"ctorch\nload\n.", "torch.load"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "__globals__"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix.system"),
        (b"ctorch\nFloatStorage\n)R.", "calls torch.FloatStorage"),
        (b"]K\x01s.", "damaged"),
        (b"K\x01K\x02K\x03s.", "damaged"),
        (b"r\xff\xff\xff\x7f.", "damaged"),
        (b"X\xff\xff\xff\xffabc.", "damaged"),
        (b"I" + b"9" * 5000 + b"\n.", "damaged"),
        (b"(" * 100_000 + b".", "damaged"),
    ],
)
def test_opcodes_that_no_state_dict_has(tmp_path: Path, pickled: bytes, said: str) -> None:
    assert said in refusal(archive(tmp_path / "bad.pth", pickled))


def tensor(offset: bytes, shape: bytes, strides: bytes) -> bytes:
    view = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + offset + shape + strides + b"\x89" + EMPTY_STATE + b"tR"
    return b"}X\x0d\x00\x00\x00stem.0.weight" + view + b"s."


ONE = b"K\x01\x85"


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "said"),
    [
        (b"K\x04", ONE, ONE, "beyond its storage"),
        (b"K\x00", b"K\x05\x85", ONE, "beyond its storage"),
        (b"K\x00", b"K\x03\x85", b"K\x02\x85", "beyond its storage"),
        (b"J\xff\xff\xff\xff", ONE, ONE, "is no number"),
        (b"K\x00", ONE, b"J\xff\xff\xff\xff\x85", "is no number"),
        (b"K\x00", b"X\x01\x00\x00\x00a\x85", ONE, "is no number"),
        (b"K\x00", b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00\x85", ONE, "is no number"),
        (b"K\x00", ONE, b")", "do not go together"),
        (b"K\x00", b"N", ONE, "without a storage or a shape"),
        (b"K\x00", b"\x8a\x06\x00\x00\x00\x00\x00\x10\x85", b"K\x00\x85", "missing|fit no|values"),
    ],
)
def test_views_beyond_their_storage(tmp_path: Path, offset: bytes, shape: bytes, strides: bytes, said: str) -> None:
    assert re.search(said, refusal(archive(tmp_path / "bad.pth", tensor(offset, shape, strides))))


def test_a_storage_shorter_than_it_says(tmp_path: Path) -> None:
    said = refusal(archive(tmp_path / "bad.pth", tensor(b"K\x00", ONE, ONE), {"data/0": bytes(15)}))
    assert "truncated: its record 'data/0' has less than 16 bytes" in said


def test_zip_bombs(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.pth", b"}.", {"data/1": bytes(1 << 24)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 16
    assert "compressed" in refusal(bomb)


def test_records_that_overlap(tmp_path: Path) -> None:
    """Every entry of the directory points at the same bytes."""
    path = archive(tmp_path / "bad.pth", b"}.", {"data/1": bytes(4096), "data/2": bytes(4096)})
    with zipfile.ZipFile(path) as written:
        places = {record.filename: record.header_offset for record in written.infolist()}
    content = path.read_bytes()
    first, second = (places[f"a/data/{number}"].to_bytes(4, "little") for number in (1, 2))
    entry = content.rindex(b"a/data/2")
    content = content[: entry - 4] + first + content[entry:]
    assert content[entry - 4 : entry] != second
    path.write_bytes(content.replace(bytes(4096), b"", 1))
    refusal(path)


def test_a_tensor_that_repeats_one_number_for_ever(tmp_path: Path) -> None:
    """All of a network's tensors as a single number with strides of 0, of a network of a million classes."""
    shapes = narrow("r3d_18", 16, 3) | {"fc.weight": (1_000_000, 32), "fc.bias": (1_000_000,)}
    pickled = b"}"
    for name, shape in shapes.items():
        sizes, strides = (pickle.dumps(values, 2)[2:-1] for values in (shape, (0,) * len(shape)))
        view = STORAGE + b"K\x00" + sizes + strides + b"\x89" + EMPTY_STATE
        key = b"X" + len(name).to_bytes(4, "little") + name.encode()
        pickled += key + b"ctorch._utils\n_rebuild_tensor_v2\n(" + view + b"tRs"
    assert "more values than the file could hold" in refusal(archive(tmp_path / "bad.pth", pickled + b"."))


def test_dicts_within_dicts_without_end(tmp_path: Path) -> None:
    cyclic = b"}q\x00X\x01\x00\x00\x00ah\x00s."
    doubled = b"}q\x00" + b"".join(
        b"}q" + bytes([level + 1]) + b"(K\x01h" + bytes([level]) + b"K\x02h" + bytes([level]) + b"u"
        for level in range(60)
    )
    for pickled in (cyclic, doubled + b"."):
        assert "no tensors at all" in refusal(archive(tmp_path / "bad.pth", pickled))


@needs_torch
@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_mutants_raise_nothing_but_our_error(tmp_path: Path, form: str) -> None:
    import torch
    from safetensors.torch import save

    state = torch_state(draw(narrow("r3d_18", 64, 3)))
    buffer = io.BytesIO(save(state) if form == "safetensors" else b"")
    if form != "safetensors":
        torch.save({"model": state, "epoch": 3}, buffer, _use_new_zipfile_serialization=form == "zip")
    content = buffer.getvalue()
    rng = np.random.default_rng(0)
    path = tmp_path / "mutant.pth"
    refused = 0
    for _ in range(MUTANTS):
        path.write_bytes(mutant(content, rng))
        try:
            load_checkpoint(path)
        except CheckpointError:
            refused += 1
    assert MUTANTS // 4 < refused < MUTANTS


def mutant(content: bytes, rng: "np.random.Generator") -> bytes:
    """Some bytes changed, most of them near the beginning and the end, where the structure is; or cut off."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = rng.integers(0, [len(changed), 4096, 2048][rng.integers(3)])
        changed[-1 - place if rng.integers(2) else place] = rng.integers(256)
    return bytes(changed[: rng.integers(len(changed))] if rng.integers(10) == 0 else changed)
