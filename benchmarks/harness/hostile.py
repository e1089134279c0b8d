"""Files that no video service should come to harm by, and what a server does with them."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .videos import ffmpeg

SIDE = 16_000  # pixels, of the large picture
PICTURES = 40  # more than a clip has
PATIENCE = 15  # seconds


@dataclass(frozen=True)
class HostileFile:
    """An upload, and the name that its client gives it. `steals`: to answer it is to have read a file of the server."""

    name: str
    path: Path
    upload_name: str
    steals: bool = False

    def try_on(self, url: str) -> str:
        """Post it to a server: its status and seconds, or what went wrong."""
        started = time.monotonic()
        try:
            with self.path.open("rb") as stream:
                files = {"file": (self.upload_name, stream, "video/mp4")}
                status = httpx.post(f"{url}/classify", files=files, timeout=PATIENCE).status_code
        except httpx.TimeoutException:
            return f"none in {PATIENCE} s"
        except httpx.TransportError:
            return "connection lost"
        seconds = time.monotonic() - started
        return "read a file" if self.steals and status == 200 else f"{status}, {seconds:.1f} s"


@contextmanager
def hostile_files(video: Path) -> Iterator[list[HostileFile]]:
    """The files, the most expensive last; `video` becomes the file of the server's that the playlists point to."""
    content = video.read_bytes()
    # Among the system's temporary files, where servers keep uploads.
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        secret = folder / "secret.ts"
        ffmpeg("-i", str(video), "-an", "-c", "copy", str(secret))
        hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n"
        # FFmpeg refuses absolute paths in such a list; this one is relative to the upload's directory.
        concat = f"ffconcat version 1.0\nfile {folder.name}/{secret.name}\n"
        yield [
            _written(folder, "text", b"hello\n" * 100, "text.mp4"),
            _written(folder, "cut mp4", content[: len(content) // 2], "cut.mp4"),
            _written(folder, "HLS list", hls.encode(), "list.m3u8", steals=True),
            _written(folder, "concat list", concat.encode(), "list.mp4", steals=True),
            large_pictures(folder),
        ]


def _written(folder: Path, name: str, content: bytes, upload_name: str, steals: bool = False) -> HostileFile:
    path = folder / upload_name
    path.write_bytes(content)
    return HostileFile(name, path, upload_name, steals)


def large_pictures(folder: Path, side: int = SIDE) -> HostileFile:
    """A video of pictures as large as FFmpeg takes, in 60 MB."""
    one, many = folder / "one.avi", folder / "pictures.avi"
    source = f"color=gray:size={side}x{side}:rate=8"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", str(one))
    ffmpeg("-stream_loop", str(PICTURES - 1), "-i", str(one), "-c", "copy", str(many))
    return HostileFile(f"{side} x {side}", many, many.name)
