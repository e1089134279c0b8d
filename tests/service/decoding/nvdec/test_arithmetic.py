"""The kernel's arithmetic, in NumPy, against the CPU's crops; the kernel's source, as C++, against both."""

import ctypes
import hashlib
import itertools
import subprocess

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import ColorRange, Colorspace

from service.decoding.nvdec import kernel as prepared
from service.decoding.nvdec.colours import Colours
from service.decoding.nvdec.wire import Stream
from service.decoding.pixels.conversion import Conversion
from service.decoding.pixels.grid import Axis, CropFormat, Grid, Picture

from ....support.nvdec import arithmetic
from ....support.nvdec.codec import nv12_of

CROP = CropFormat(128, 171, 8, 30, 112, 112)
SOURCE = prepared.CODE.with_suffix(".cu")
# What CUDA has and C++ does not, for a grid of one thread at a time.
CUDA = """
#define __device__
#define __global__
struct Dimensions { int x, y, z; };
static Dimensions blockIdx, blockDim = {1, 1, 1}, threadIdx = {0, 0, 0};
"""
ONE_BY_ONE = """
extern "C" void crops(int count, const Frames *a, int b, int c, int d, const int *e, int lines, const int *f,
                      int columns, int g, int h, int i, int j, int k, int l, unsigned char *m)
{
    for (blockIdx.z = 0; blockIdx.z < count; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < lines; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < columns; blockIdx.x++)
                crop(*a, b, c, d, e, lines, f, columns, g, h, i, j, k, l, m);
}
"""
KINDS = list(itertools.product((8, 10), (False, True), (False, True)))


def frame_of(width: int, height: int, bits: int, wide: bool, full_range: bool, seed: int = 0) -> av.VideoFrame:
    """Random samples, each possible value among them."""
    frame = av.VideoFrame(width, height, "yuv420p" if bits == 8 else "yuv420p10le")
    chance = np.random.default_rng([width * height + bits, seed])
    for plane in frame.planes:
        samples = chance.integers(0, 1 << bits, plane.buffer_size // (1 if bits == 8 else 2))
        plane.update(samples.astype(np.uint8 if bits == 8 else "<u2").tobytes())
    frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    frame.colorspace = Colorspace.BT2020 if wide else Colorspace.ITU601
    return frame


def table_of(axis: Axis) -> npt.NDArray[np.int32]:
    return np.column_stack([*axis.places, axis.weights]).astype(np.int32)


def colours_of(bits: int, wide: bool, full_range: bool) -> Colours:
    stream = Stream(codec="hevc", bits=bits, width=2, height=2, turns=0, wide=wide, full_range=full_range)
    return Colours.of(stream)


def by_twin(frame: av.VideoFrame, grid: Grid, bits: int, colours: Colours) -> Picture:
    stored = nv12_of(frame)
    luma, chroma = stored[: frame.height], stored[frame.height :]
    return arithmetic.crop(luma, chroma, bits, table_of(grid.lines), table_of(grid.columns), colours)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernel as a function of C++."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "crops.cpp").write_text(CUDA + SOURCE.read_text() + ONE_BY_ONE)
    library = folder / "crops.so"
    command = ["g++", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fsanitize=undefined"]
    command += ["-fsanitize-undefined-trap-on-error", "-o", str(library), str(folder / "crops.cpp")]
    subprocess.run(command, check=True, timeout=60)
    return ctypes.CDLL(str(library))


def by_kernel(
    kernel: ctypes.CDLL, frames: list[av.VideoFrame], grid: Grid, bits: int, colours: Colours
) -> list[Picture]:
    """Crops of frames of one size, by one call."""
    stored = [nv12_of(frame) for frame in frames]
    lines, columns = table_of(grid.lines), table_of(grid.columns)
    made = np.zeros((len(frames), len(lines), len(columns), 3), np.uint8)
    kernel.crops(
        len(frames),
        (ctypes.c_void_p * prepared.FRAMES)(*(each.ctypes.data for each in stored)),
        *(frames[0].width, frames[0].height, bits),
        *(lines.ctypes.data_as(ctypes.c_void_p), len(lines), columns.ctypes.data_as(ctypes.c_void_p), len(columns)),
        *vars(colours).values(),
        made.ctypes.data_as(ctypes.c_void_p),
    )
    return list(made)


@pytest.mark.parametrize(("bits", "wide", "full_range"), KINDS)
@pytest.mark.parametrize("size", [(1280, 720), (640, 361), (480, 852), (64, 48), (48, 16)])
def test_the_twin_gives_the_crop_of_the_cpu(size: tuple[int, int], bits: int, wide: bool, full_range: bool) -> None:
    frame = frame_of(*size, bits, wide, full_range)
    for rotation in (0, 90, 180, 270):
        grid = Grid.of(*size, rotation, CROP)
        made = by_twin(frame, grid, bits, colours_of(bits, wide, full_range))
        assert (made == Conversion(frame, grid).convert(frame)).all()


@pytest.mark.parametrize(("bits", "wide", "full_range"), KINDS)
def test_the_kernel_gives_the_crop_of_the_twin(kernel: ctypes.CDLL, bits: int, wide: bool, full_range: bool) -> None:
    for size in ((1280, 720), (322, 181), (48, 16)):
        frames, grid = [frame_of(*size, bits, wide, full_range, seed) for seed in range(3)], Grid.of(*size, 90, CROP)
        colours = colours_of(bits, wide, full_range)
        for frame, made in zip(frames, by_kernel(kernel, frames, grid, bits, colours), strict=True):
            assert (made == by_twin(frame, grid, bits, colours)).all()


def test_the_ptx_was_made_of_the_source() -> None:
    first, rest = prepared.CODE.read_text().split("\n", 1)
    assert first == f"// of crops.cu, SHA-256 {hashlib.sha256(SOURCE.read_bytes()).hexdigest()}"
    assert ".visible .entry crop(" in rest
    assert ".target sm_75" in rest
    parameters = [line.split()[1] for line in rest.splitlines() if line.strip().startswith(".param .")]
    others = prepared.ARGUMENTS.removeprefix("P" * prepared.FRAMES)
    assert [".align", *(".u64" if each == "P" else ".u32" for each in others)] == parameters
    assert f"crop_param_0[{prepared.FRAMES * 8}]" in rest
