"""What a running service says of itself at `/metrics`."""

import httpx


def samples(url: str) -> dict[str, float]:
    """Each sample's value by its name, labels included, as in `r3d_batch_clips_bucket{le="1.0"}`."""
    lines = httpx.get(f"{url}/metrics").raise_for_status().text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def batch_sizes(url: str) -> dict[str, float]:
    """How many batches there were of each size (an upper bound, in clips), of all sizes, and their mean size."""
    found = samples(url)
    start = 'r3d_batch_clips_bucket{le="'
    # The histogram's buckets are cumulative: each counts those before it too.
    cumulative = {name.removeprefix(start).removesuffix('"}'): n for name, n in found.items() if name.startswith(start)}
    sizes, smaller = {}, 0.0
    for bound, batches in cumulative.items():
        if batches > smaller:
            sizes[f"up to {float(bound):g}"] = batches - smaller
        smaller = batches
    batches = found["r3d_batch_clips_count"]
    return {**sizes, "batches": batches, "mean": round(found["r3d_batch_clips_sum"] / max(1, batches), 2)}
