"""Real video files, made with the ffmpeg program that imageio-ffmpeg carries."""

import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv444p")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
MPEG4 = ("-c:v", "mpeg4")
MPEG2 = ("-c:v", "mpeg2video")
MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")


Picture = npt.NDArray[np.uint8]


def ffmpeg(*arguments: str, stdin: bytes | None = None) -> bytes:
    """Run ffmpeg; its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=60).stdout


def write_video(
    path: Path,
    frames: int,
    codec: tuple[str, ...] = H264,
    size: tuple[int, int] = (320, 240),
    rate: str = "25",
    filters: str = "null",
) -> Path:
    """A video of ffmpeg's moving test picture with exactly that many frames."""
    source = f"testsrc2=size={size[0]}x{size[1]}:rate={rate}"
    ffmpeg("-f", "lavfi", "-i", source, "-vf", filters, "-frames:v", str(frames), *codec, str(path))
    return path


def write_frames(path: Path, frames: npt.NDArray[np.uint8], rate: str = "25", codec: tuple[str, ...] = H264) -> Path:
    """A video of the given frames, uint8 [n, H, W, 3] RGB."""
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "-")
    ffmpeg(*source, *codec, str(path), stdin=frames.tobytes())
    return path


def shades(path: Path, *levels: int) -> Path:
    """A clip of 32 frames of each grey level, without loss."""
    frames = np.concatenate([np.full((32, 48, 64, 3), level, np.uint8) for level in levels])
    return write_frames(path, frames, codec=LOSSLESS)


def decoded(path: Path) -> npt.NDArray[np.uint8]:
    """Every frame as ffmpeg itself decodes it, uint8 [n, H, W, 3] RGB, display rotation applied.

    Of the colours' tags only the range is looked at; chroma is interpolated bilinearly where swscale does so.
    """
    info = ffmpeg("-i", str(path), "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "-")
    width, height = map(int, info.split(b"\n")[1].split())
    colours = ("-vf", "scale=in_color_matrix=bt601:flags=bilinear")
    raw = ffmpeg("-i", str(path), "-fps_mode", "passthrough", *colours, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def join_packets(source: Path, target: Path, count: int) -> Path:
    """A Matroska file that says of each `count` of an H.264 video's packets that they are one."""
    with av.open(str(source)) as read, av.open(str(target), "w", "matroska") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        packets = [packet for packet in read.demux(video=0) if packet.size]
        for start in range(0, len(packets), count):
            some = packets[start : start + count]
            packet = av.Packet(b"".join(map(bytes, some)))
            packet.pts, packet.dts, packet.time_base = some[0].pts, some[0].dts, some[0].time_base
            packet.is_keyframe, packet.stream = some[0].is_keyframe, stream
            written.mux(packet)
    return target
