"""High dynamic range, against ffmpeg's filters for it."""

from pathlib import Path

import av
import numpy as np
import pytest

from service.decoding.pixels.crop import Cropper
from service.decoding.pixels.tone import TO_BT709

from ....support.pictures import crop_of
from ....support.videos import HEVC, Picture, ffmpeg
from .test_crop import CROP

SIZE = (256, 144)
TAGS = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc")


def scene() -> Picture:
    """Smooth colours, from dark to light."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    planes = [columns / SIZE[0], rows / SIZE[1], (np.sin(columns / 20) + 1) / 2]
    return np.asarray(np.rint(np.stack(planes, -1) * 255), np.uint8)


def pq_code(picture: Picture, white: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    """A picture for a standard display, shown with `white` cd/m2, in PQ and BT.2020's primaries: 16 bits."""
    light = np.clip((picture / 255) ** 2.4 @ np.linalg.inv(TO_BT709.astype(float)).T, 0, 1) * white / 10000
    power = light ** (2610 / 16384)
    return np.rint(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32) * 65535).astype("<u2")


def write_hdr(path: Path, raw: bytes, transfer: str) -> Path:
    """One frame of RGB with 16 bits as 10-bit HEVC."""
    source = ("-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", f"{SIZE[0]}x{SIZE[1]}", "-i", "-")
    tags = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}"
    filters = f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,{tags}"
    lossless = (*HEVC[:-1], "log-level=none:lossless=1")
    ffmpeg(*source, "-vf", filters, *lossless, *TAGS, "-color_trc", transfer, str(path), stdin=raw)
    return path


def by_ffmpeg(path: Path, filters: str) -> Picture:
    raw = ffmpeg("-i", str(path), "-vf", filters, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(SIZE[1], SIZE[0], 3)


def crop_in(path: Path) -> Picture:
    with path.open("rb") as file, av.open(file, "r") as container:
        return Cropper(CROP).crop(next(container.decode(video=0)))


@pytest.mark.parametrize("white", [100, 203, 600])
def test_pq_is_mapped_as_ffmpegs_filters_map_it(tmp_path: Path, white: float) -> None:
    path = write_hdr(tmp_path / "a.mkv", pq_code(scene(), white).tobytes(), "smpte2084")
    to_light = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709"
    wanted = by_ffmpeg(path, f"{to_light},tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p")
    difference = np.abs(crop_in(path).astype(int) - crop_of(wanted)).mean()
    unmapped = np.abs(crop_of(by_ffmpeg(path, "null")).astype(int) - crop_of(wanted)).mean()
    assert difference < 8
    assert difference < unmapped / 2


def test_hlg_is_converted_with_the_matrix_of_its_tag(tmp_path: Path) -> None:
    path = write_hdr(tmp_path / "a.mkv", (scene().astype("<u2") * 257).tobytes(), "arib-std-b67")
    wanted = by_ffmpeg(path, "scale=in_color_matrix=bt2020:flags=bilinear")
    other = by_ffmpeg(path, "scale=in_color_matrix=bt601:flags=bilinear")
    assert np.abs(crop_in(path).astype(int) - crop_of(wanted)).max() <= 3
    assert np.abs(crop_of(other).astype(int) - crop_of(wanted)).max() > 10
