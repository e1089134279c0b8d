"""Which decoder a video gets."""

import subprocess

from ....support.processes import run_alone


def pools() -> None:
    """In a process of its own, as the modules that need a GPU are imported with the stand-ins."""
    from tests.support.nvdec.process import install

    install()
    from service.decoding.nvdec.pool import Pool
    from service.decoding.nvdec.unit import DecoderUnit
    from service.decoding.nvdec.wire import Stream

    made: list[tuple[str, int, int]] = []

    def make(codec: str, bits: int, size: int) -> DecoderUnit:
        made.append((codec, bits, size))
        unit = object.__new__(DecoderUnit)
        unit.kind, unit.size = (codec, bits), size  # type: ignore[assignment]
        return unit

    def stream(width: int, height: int, codec: str = "h264", bits: int = 8) -> Stream:
        facts = {"codec": codec, "bits": bits, "width": width, "height": height}
        return Stream.model_validate(facts | {"turns": 0, "wide": False, "full_range": False})

    pool = Pool(make, room=2)
    small, tall = pool.take(stream(640, 360)), pool.take(stream(1080, 1920))
    assert made == [("h264", 8, 1280), ("h264", 8, 1920)]
    pool.give(tall)
    pool.give(small)
    assert pool.take(stream(640, 360)) is small, "the smallest that is large enough"
    assert pool.take(stream(640, 360)) is tall, "a larger one before a new one"
    pool.give(small)
    assert pool.take(stream(1920, 1080)) is not small, "never a smaller one"
    assert pool.take(stream(640, 360, "hevc", 10)) is not small, "never another codec's"
    assert made[2:] == [("h264", 8, 1920), ("hevc", 10, 1280)]
    others = [pool.take(stream(3840, 2160)) for _ in range(2)]
    for unit in (*others, small):
        pool.give(unit)
    assert pool.take(stream(3840, 2160)) is others[1], "the one used least lately made way"
    assert pool.take(stream(3840, 2160)) not in others


def test_the_smallest_that_is_large_enough_and_those_used_least_lately_make_way() -> None:
    done: subprocess.CompletedProcess[str] = run_alone(pools)
    assert done.returncode == 0, done.stderr
