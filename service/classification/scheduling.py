"""Who is served when, and with how much: every decision of the kind, as pure functions.

What carries them out: `decoding.slots` has the decode slots and who is next for one, `inference.round_robin`
the order, `service.turns` the share of what is done in the background, `web.admission` the limit.
"""

# Clips of one request that may be in the queue: enough to keep a device busy, too few to hold others up.
WINDOW = 4
# Videos that may be open for one that is decoded: decode slots change hands with every clip, so that a short video need
# not wait until a long one is through. Each costs a process with a few frames.
OPEN_PER_DECODE_SLOT = 4
# Memory that is left for the server itself, with its network.
SERVER_BYTES = 1 << 30
# More threads for one video gain nothing (16 cores of an Intel Xeon, 720p: 164 ms for a short video with 4, 129 with 8,
# 131 with 16), and each takes a frame's memory.
MAX_DECODE_THREADS = 8


def open_slots(decode_slots: int) -> int:
    """Videos that may be open, where `decode_slots` of them are decoded at a time."""
    return decode_slots * OPEN_PER_DECODE_SLOT


def slots_that_fit(decode_slots: int, decode_bytes: int, memory: int) -> tuple[int, int]:
    """Decode slots, at least one, and open slots, at least two, so that a job leaves one to requests.

    Every open video may take `decode_bytes` of `memory` bytes.
    """
    fitting = max(1, (memory - SERVER_BYTES) // decode_bytes)
    return min(decode_slots, fitting), min(open_slots(decode_slots), max(2, fitting))


def jobs_at_once(decode_slots: int, opened: int) -> int:
    """Jobs worked on at a time, at least one: their videos leave three quarters of the `opened` slots to requests."""
    return max(1, min(decode_slots, opened // OPEN_PER_DECODE_SLOT))


def max_requests(queue_clips: int) -> int:
    """Requests in progress, so that all their clips find room in a queue of that many."""
    return max(1, queue_clips // WINDOW)


def saturation(decoding: int, waiting: int, decoding_at_once: int, places: int) -> float:
    """How much there is to do of what can be done at a time: 1 if all is busy and nobody waits, 2 if as many wait.

    `decoding` videos want one of the `decoding_at_once` places at a decoder; `waiting` ones can only wait for the
    network, as all of their clips that may be are there. `places` clips go through it at once.
    """
    return max(decoding / decoding_at_once, waiting / max(1, places // WINDOW))


def window(active_videos: int, workers: int) -> int:
    """Clips that a video may have in the queue; a lone one enough for every worker and the one behind it."""
    return max(WINDOW, workers + 2) if active_videos == 1 else WINDOW


def decode_threads(decode_slots: int, open_videos: int) -> int:
    """Threads for one more video beside `open_videos` others.

    A lone video gets the idle CPUs, so that its first clip is soon there. A thread more makes each frame a twentieth
    dearer: among several videos, a thread each wastes the least.
    """
    return max(1, min(MAX_DECODE_THREADS, decode_slots // (open_videos + 1)))


def goes_ahead(clip_index: int) -> bool:
    """Whether a clip goes before those of others: a request's first does, so that a newcomer is answered soon."""
    return clip_index == 0
