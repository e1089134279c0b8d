import pytest

from engine_builder.manifest import Sampling
from engine_builder.sampling import PRESETS as BUILDERS
from service.errors import StartupError
from service.evaluation.samplings import PRESETS, TORCHVISION_FRAMES, described, samplings_of

OWN = Sampling(frame_rate=12, clips=3, tail="pad")


def test_the_presets_are_those_that_models_are_built_with() -> None:
    builders = {
        str(name): preset.sampling.model_copy(update={"aggregate": "vote"}) for name, preset in BUILDERS.items()
    }
    assert dict(PRESETS) == builders
    assert {str(name): preset.frames for name, preset in BUILDERS.items()}["torchvision"] == TORCHVISION_FRAMES


@pytest.mark.parametrize(
    ("texts", "samplings"),
    [
        ([], {"default": Sampling(), "torchvision": Sampling(frame_rate=15, clips=5)}),
        (["torchvision"], {"torchvision": Sampling(frame_rate=15, clips=5)}),
        (["model", "default"], {"model": OWN, "default": Sampling()}),
        (["a=frame_rate:7.5,clips:5,stride:2"], {"a": Sampling(frame_rate=7.5, clips=5, stride=2)}),
        (["a=tail:pad"], {"a": Sampling(tail="pad")}),
        (["a=stride: 8", "b=clips:all"], {"a": Sampling(stride=8), "b": Sampling()}),
        (["plain="], {"plain": Sampling()}),
    ],
)  # fmt: skip
def test_samplings_as_people_type_them(texts: list[str], samplings: dict[str, Sampling]) -> None:
    assert samplings_of(texts, OWN) == samplings


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["fast"], "write NAME=key:value,... or one of default, torchvision, model"),
        (["=stride:1"], "write NAME=key:value"),
        (["a=stride"], "'stride' is not key:value with one of frame_rate, clips, stride, tail"),
        (["a=aggregate:mean"], "'aggregate:mean' is not key:value"),
        (["a=stride:0"], "--sampling a=stride:0: stride: Input should be greater than or equal to 1"),
        (["a=clips:101"], "clips: Input should be less than or equal to 100"),
        (["a=frame_rate:fast"], "frame_rate: Input should be a valid number"),
        (["a=tail:wrap"], "tail: Input should be 'drop' or 'pad'"),
        (["a=clips:2", "a=clips:3"], "--sampling a=clips:3: a is given twice"),
    ],
)
def test_what_is_wrong_is_told(texts: list[str], said: str) -> None:
    with pytest.raises(StartupError) as caught:
        samplings_of(texts, OWN)
    assert said in str(caught.value)


def test_a_sampling_in_words() -> None:
    assert described(Sampling(), 32) == ("clips of 32 frames at the video's own rate, one every 32 frames, tail: drop")
    assert described(Sampling(frame_rate=15, clips=5, tail="pad"), 16) == (
        "clips of 16 frames at 15 frames/s, 5 spread over the video, tail: pad"
    )
