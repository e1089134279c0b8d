"""The process that drives NVDEC, spoken to as a decode child speaks to it, and by one that has gone mad."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from service.decoding.nvdec.client import Events, NvdecClient, UnavailableError, environment_of
from service.decoding.nvdec.errors import NvdecError
from service.decoding.nvdec.link import Link
from service.decoding.nvdec.process import explain
from service.decoding.nvdec.wire import BEGIN, COUNT, FINISH, FRAMES, HEADER, PACKETS, SIZE, Data, Stream, pack
from service.decoding.pixels.grid import CropFormat

from ....support.nvdec.decoding import stand_in
from ....support.videos import H264, ffmpeg

CROP = CropFormat(16, 16, 4, 4, 8, 8)
STREAM = Stream(codec="h264", bits=8, width=64, height=48, turns=0, wide=False, full_range=False)
BEGUN = pack(BEGIN, STREAM.model_dump_json().encode())


def packets_of(frames: int, picture: str = "testsrc2") -> list[bytes]:
    """Packets of a video of `STREAM`'s size."""
    source = ("-f", "lavfi", "-i", f"{picture}=size=64x48", "-frames:v", str(frames))
    content = ffmpeg(*source, *H264, "-bf", "0", "-f", "h264", "-")
    parser = av.CodecContext.create("h264", "r")
    return [bytes(packet) for packet in [*parser.parse(content), *parser.parse(None)]]


def table(*sizes: int) -> bytes:
    return COUNT.pack(len(sizes)) + np.array(sizes, SIZE).tobytes()


def with_connection(body: Callable[[socket.socket], object]) -> NvdecClient:
    """Run `body` with a child's end of a connection, in a thread; the client of the process, which has outlived it."""

    async def run() -> NvdecClient:
        served = asyncio.Event()
        with stand_in():
            client = await NvdecClient.launch(0, Events(lambda *_: served.set(), lambda *_: None))
        try:
            with client.open(CROP) as connection:
                connection.settimeout(20)
                await asyncio.to_thread(body, connection)
            await asyncio.wait_for(served.wait(), 20)
            assert client.alive
            assert client.busy == 0
            return client
        finally:
            await client.kill()

    return asyncio.run(run())


def all_of(link: Link, *messages: list[bytes]) -> Data:
    """The crops of a video, its packets sent in so many messages."""
    link.begin(STREAM, 8, 8)
    found = []
    for packets in messages:
        link.send(packets)
        found.append(link.receive())
    link.finish()
    return np.concatenate([*found, link.receive()])


def test_a_second_video_comes_after_the_first_and_however_packets_are_sent() -> None:
    packets = packets_of(20)

    def body(connection: socket.socket) -> None:
        link = Link(connection)
        first = all_of(link, packets[:10], packets[10:])
        assert first.shape == (20, 8, 8, 3)
        assert (first[0] != first[-1]).any()
        assert np.array_equal(all_of(link, *([each] for each in packets)), first)

    assert with_connection(body).opened == 1


def test_what_the_decoder_holds_back_is_told() -> None:
    def body(connection: socket.socket) -> None:
        link = Link(connection)
        link.begin(STREAM, 8, 8)
        link.send(packets_of(10))
        assert link.held == 0
        assert link.held == 10 - len(link.receive())

    with_connection(body)


def test_a_video_that_is_left_in_its_middle_gives_way_to_the_next() -> None:
    def body(connection: socket.socket) -> None:
        link = Link(connection)
        expected = all_of(link, packets_of(20))
        link.begin(STREAM, 8, 8)
        link.send(packets_of(15, "smptebars"))
        assert np.array_equal(all_of(link, packets_of(20)), expected)

    with_connection(body)


def test_more_frames_at_a_time_than_one_call_of_the_kernel_or_the_memory_of_crops_takes() -> None:
    """A child that was taken over may send a hundred pictures as one packet."""
    packets = packets_of(104)

    def body(connection: socket.socket) -> None:
        link = Link(connection)
        expected = all_of(link, *(packets[start : start + 32] for start in range(0, 104, 32)))
        assert np.array_equal(all_of(link, packets[:4], [b"".join(packets[4:])]), expected)

    with_connection(body)


@pytest.mark.parametrize(
    "stream", [{"width": 32}, {"height": 8192}, {"bits": 10}], ids=["too small", "too large", "10 bits of H.264"]
)
def test_what_the_gpu_does_not_decode_is_refused(stream: dict[str, int]) -> None:
    def body(connection: socket.socket) -> None:
        link = Link(connection)
        with pytest.raises(NvdecError) as refused:
            link.begin(STREAM.model_copy(update=stream), 8, 8)
            link.send([bytes(1 << 20)])
            link.receive()
        assert refused.value.kind == "unsupported"

    with_connection(body)


def test_a_decoder_that_gave_no_frame_is_not_used_again() -> None:
    def body(connection: socket.socket) -> None:
        link = Link(connection)
        link.begin(STREAM, 8, 8)
        link.finish()
        assert len(link.receive()) == 0
        link.begin(STREAM, 8, 8)
        link.begin(STREAM, 8, 8)
        link.send(packets_of(8))
        found = len(link.receive())
        link.finish()
        assert found + len(link.receive()) == 8

    with_connection(body)


def test_packets_that_are_no_video_are_damage() -> None:
    def body(connection: socket.socket) -> None:
        link = Link(connection)
        link.begin(STREAM, 8, 8)
        with pytest.raises(NvdecError) as refused:
            link.send([b"\0\0\1\x67" + bytes(100)])
            link.receive()
        assert refused.value.kind == "damaged"

    with_connection(body)


def test_a_child_that_lies_about_the_size_reads_nobody_elses_memory() -> None:
    """The stand-in sees to it: NVDEC squeezes frames into the size that was said, and the kernel reads no more."""

    def body(connection: socket.socket) -> None:
        link = Link(connection)
        link.begin(STREAM.model_copy(update={"width": 1280, "height": 720}), 8, 8)
        link.send(packets_of(8))
        assert len(link.receive())

    with_connection(body)


@pytest.mark.parametrize(
    "message",
    [
        HEADER.pack(PACKETS, 1 << 31),
        pack(BEGIN, b"{}"),
        pack(BEGIN, b'{"codec": "h264", "bits": 8, "width": -2, "height": 48}'),
        pack(PACKETS, table(1), b"x"),
        BEGUN + pack(PACKETS, b""),
        BEGUN + pack(PACKETS, table()),
        BEGUN + pack(PACKETS, table(1, 2), b"ab"),
        BEGUN + pack(PACKETS, table(1 << 31)),
        BEGUN + pack(PACKETS, table(0)),
        BEGUN + pack(PACKETS, COUNT.pack(1 << 31)),
        BEGUN + pack(77),
        pack(FINISH),
    ],
)
def test_a_child_that_sends_nonsense_is_refused_and_hurts_nobody(message: bytes) -> None:
    def body(connection: socket.socket) -> None:
        connection.sendall(message)
        with pytest.raises(NvdecError, match="broke its protocol"):
            Link(connection).receive()

    with_connection(body)


@pytest.mark.parametrize(
    "answer",
    [
        HEADER.pack(FRAMES, 8) + bytes((0, 0, 0, 1)) + bytes(4),
        HEADER.pack(FRAMES, 1 << 31) + bytes((0xFF, 0xFF, 0xFF, 0xFF)) + bytes(4),
        HEADER.pack(4, 2) + b"{}",
        HEADER.pack(4, 1 << 20),
        HEADER.pack(9, 0),
        b"",
    ],
)
def test_a_child_does_not_believe_nonsense_either(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        link = Link(ours)
        link.begin(STREAM, 8, 8)
        with pytest.raises(NvdecError) as error:
            link.receive()
        assert error.value.kind == "lost"


def test_its_environment_has_no_key() -> None:
    passed = environment_of({"R3D_API_KEY": "secret", "PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1", "TOKEN": "secret"})
    assert passed == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1"}


def test_a_process_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with stand_in():
            monkeypatch.setattr("service.decoding.nvdec.client.SERVER_MODULE", "tests.support.no_such_module")
            with pytest.raises(UnavailableError, match="ended while it was starting"):
                await NvdecClient.launch(0, Events(lambda *_: None, lambda *_: None))

    asyncio.run(run())


def test_a_container_without_video_is_told_what_it_lacks() -> None:
    error = RuntimeError("Failed to load NVENC library: libnvidia-encode.so.1: cannot open\n\n=== TROUBLESHOOTING ===")
    assert explain(error).endswith("a container needs `video` among its NVIDIA_DRIVER_CAPABILITIES")
    assert "\n" not in explain(error)
    assert explain(ValueError()) == "ValueError"


def test_the_kernel_is_part_of_the_package() -> None:
    folder = Path(__file__).parents[4] / "service/decoding/nvdec"
    assert {"crops.cu", "crops.ptx"} <= {path.name for path in folder.iterdir()}
