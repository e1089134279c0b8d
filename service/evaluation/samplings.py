"""Which clips an evaluation takes, as people type it."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from engine_builder.manifest import Sampling

from ..errors import StartupError

# The builder's presets. Every sampling is told by vote and by mean, whatever decides in the service.
PRESETS: Mapping[str, Sampling] = {"default": Sampling(), "torchvision": Sampling(frame_rate=15, clips=5)}
# Frames of a clip in torchvision's published protocol.
TORCHVISION_FRAMES = 16
OWN = "model"
KEYS = ("frame_rate", "clips", "stride", "tail")


def samplings_of(texts: Sequence[str], own: Sampling) -> dict[str, Sampling]:
    """Samplings by name, each as `parse_sampling` has it; the presets if none is given. Raises StartupError."""
    samplings: dict[str, Sampling] = {}
    for text in texts:
        name, sampling = parse_sampling(text, own)
        if name in samplings:
            raise StartupError(f"--sampling {text}: {name} is given twice")
        samplings[name] = sampling
    return samplings or dict(PRESETS)


def parse_sampling(text: str, own: Sampling) -> tuple[str, Sampling]:
    """`NAME=key:value,...`, or the name alone of a preset, or `model` for its `own` sampling.

    What is not given is as in the preset "default". Raises StartupError.
    """
    name, equals, pairs = text.partition("=")
    try:
        return name, _asked(pairs) if equals and name else {**PRESETS, OWN: own}[name]
    except KeyError:
        known = ", ".join([*PRESETS, OWN])
        raise StartupError(f"--sampling {text}: write NAME=key:value,... or one of {known}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise StartupError(f"--sampling {text}: {first['loc'][0]}: {first['msg']}") from error
    except ValueError as error:
        raise StartupError(f"--sampling {text}: {error}") from error


def _asked(pairs: str) -> Sampling:
    asked: dict[str, str | None] = {}
    for pair in filter(None, pairs.split(",")):
        key, colon, value = (part.strip() for part in pair.partition(":"))
        if key not in KEYS or not colon:
            raise ValueError(f"{pair!r} is not key:value with one of {', '.join(KEYS)}")
        asked[key] = None if (key, value) == ("clips", "all") else value
    return Sampling.model_validate(asked)


def described(sampling: Sampling, clip_frames: int) -> str:
    """Which clips, in words."""
    rate = "at the video's own rate" if sampling.frame_rate is None else f"at {sampling.frame_rate:g} frames/s"
    stride = sampling.stride_of(clip_frames)
    clips = f"one every {stride} frames" if sampling.clips is None else f"{sampling.clips} spread over the video"
    return f"clips of {clip_frames} frames {rate}, {clips}, tail: {sampling.tail}"
