"""The fastest way to run the network is found by measuring, kept, and found again."""

import json
import time
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service.errors import StartupError
from service.inference.backends.candidates import Candidate, candidates_for
from service.inference.backends.protocol import Backend
from service.inference.fastest import cache_for, explain, fastest, measure_ways
from service.inference.tuning import Measurement, measure, tune
from service.inference.tuning_cache import TuningCache, processor
from service.machine import available_cpus
from service.settings import Settings


class Clock:
    """Time that passes only while a runner runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def all_processors(self) -> float:
        """Processor time of a process that has the machine to itself."""
        return self.now * available_cpus()

    def half_of_them(self) -> float:
        """Of one that shares it with another."""
        return self.now * available_cpus() / 2


class Timed:
    """Takes the given seconds, one after the other; the last again and again."""

    def __init__(self, clock: Clock, *seconds: float) -> None:
        self.clock, self.seconds, self.runs = clock, list(seconds), 0

    def run(self) -> float:
        self.runs += 1
        taken = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        self.clock.now += taken
        return taken


def test_two_rounds_that_agree_are_enough() -> None:
    clock = Clock()
    runners = {"slow": Timed(clock, 1.2), "fast": Timed(clock, 1.0)}
    assert measure(runners, 100, clock=clock, processor_time=clock.all_processors) == Measurement(
        {"fast": 1.0, "slow": 1.2}, steady=True
    )
    assert [runner.runs for runner in runners.values()] == [2, 2]


def test_a_disturbed_round_does_not_decide() -> None:
    clock = Clock()
    runners = {"fast": Timed(clock, 3.0, 1.0, 1.0), "slow": Timed(clock, 2.2, 1.5, 1.4)}
    found = measure(runners, 100, clock=clock, processor_time=clock.all_processors)
    assert (list(found.seconds), found.steady) == (["fast", "slow"], True)
    assert runners["fast"].runs == 3


def test_rounds_that_agree_by_chance_under_load_do_not_decide() -> None:
    """As seen on two cores beside a test run: the better one is a fifth faster when nothing else runs."""
    clock = Clock()
    better, worse = [2.2, 1.9, 1.4, 1.0, 1.0], [1.8, 1.7, 1.6, 1.2, 1.2]
    runners = {"better": Timed(clock, *better), "worse": Timed(clock, *worse)}
    found = measure(runners, 100, clock=clock, processor_time=clock.half_of_them)
    assert found == Measurement({"better": 1.0, "worse": 1.2}, steady=False)


def test_under_constant_load_the_best_of_many_rounds_is_taken_and_not_called_steady() -> None:
    clock = Clock()
    noise = [1.9, 1.2, 1.6, 1.4, 2.0, 1.05, 1.8, 1.3, 1.7, 1.5]
    runners = {
        "better": Timed(clock, *noise),
        "worse": Timed(clock, *(1.2 * each for each in reversed(noise))),
    }
    found = measure(runners, 100, clock=clock, processor_time=clock.all_processors)
    assert (next(iter(found.seconds)), found.steady) == ("better", False)


def test_what_is_hopeless_is_not_tried_again_and_a_first_round_counts() -> None:
    clock = Clock()
    runners = {"a": Timed(clock, 1.0), "b": Timed(clock, 1.1), "c": Timed(clock, 9.0)}
    found = measure(runners, 100, {"a": 1.0, "b": 1.1, "c": 9.0}, clock, clock.all_processors)
    assert list(found.seconds) == ["a", "b", "c"]
    assert [runner.runs for runner in runners.values()] == [1, 1, 0]


def test_the_time_is_bounded_where_rounds_never_agree() -> None:
    clock = Clock()
    runners = {"a": Timed(clock, *[1.0, 1.4] * 50), "b": Timed(clock, *[1.4, 1.0] * 50)}
    assert not measure(runners, 7, clock=clock, processor_time=clock.all_processors).steady
    assert clock.now < 7 + 2 * 2.4


class Slow(Backend):
    """Takes its time."""

    max_batch = 1
    warm_up = ()

    def __init__(self, seconds: float, closed: list[str]) -> None:
        self.seconds, self.closed = seconds, closed

    def infer(self, frames: object) -> object:  # type: ignore[override]
        time.sleep(self.seconds)
        return frames

    def close(self) -> None:
        self.closed.append(f"{self.seconds:g}")


def candidate(package: str, seconds: float, closed: list[str], workers: int = 1, usual: bool = True) -> Candidate:
    return Candidate(package, "fp32", [lambda: Slow(seconds, closed)] * workers, usual)  # type: ignore[abstract]


def unloadable() -> Backend:
    raise RuntimeError("no such instruction")


def test_packages_first_then_how_many_at_once_and_all_are_closed() -> None:
    closed: list[str] = []
    candidates = [
        candidate("quick", 0.004, closed),
        candidate("quick", 0.004, closed, workers=4, usual=False),
        candidate("lame", 0.04, closed),
        candidate("lame", 0.04, closed, workers=4, usual=False),
        Candidate("broken", "fp32", [unloadable]),
    ]
    found = tune(candidates, (2, 4, 4, 3))
    assert next(iter(found.seconds)) == "quick fp32 x 4"
    assert set(found.seconds) == {"quick fp32", "quick fp32 x 4", "lame fp32"}
    assert sorted(closed) == ["0.004"] * 6 + ["0.04"]


def test_nothing_that_loads() -> None:
    with pytest.raises(RuntimeError, match="nothing could be loaded"):
        tune([Candidate("broken", "fp32", [unloadable])], (2, 4, 4, 3))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "r3d" / "tuning"


def test_a_disturbed_choice_is_said_to_be_one(
    own_cache: Path,
    model_directory: Path,
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("service.inference.tuning.UNDISTURBED", 2.0)  # more than there is
    monkeypatch.setattr("service.inference.tuning.SMALL_SECONDS", 0.1)
    fastest(Settings(model=model_directory), model_directory, manifest)
    assert "other work on this machine disturbed the measuring" in caplog.text
    assert len(list(own_cache.iterdir())) == 1


def test_the_choice_is_measured_once_and_kept(
    own_cache: Path, model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(model=model_directory)
    first, reason = fastest(settings, model_directory, manifest)
    [kept] = own_cache.iterdir()
    seconds = json.loads(kept.read_text())["seconds_per_clip"]
    assert first.name == min(seconds, key=seconds.__getitem__)
    assert {"openvino fp32", "onnxruntime fp32"} <= set(seconds)
    assert reason == explain(seconds)

    def measured_again(*_: object) -> dict[str, float]:
        raise AssertionError("measured again")

    monkeypatch.setattr("service.inference.fastest.tune", measured_again)
    assert fastest(settings, model_directory, manifest)[0].name == first.name
    # What was kept decides, not the order.
    content = json.loads(kept.read_text())
    content["seconds_per_clip"] |= {name: 9.0 for name in seconds if name.startswith("openvino")}
    kept.write_text(json.dumps(content))
    assert fastest(settings, model_directory, manifest)[0].package == "onnxruntime"
    with pytest.raises(AssertionError, match="measured again"):
        measure_ways(settings, model_directory, manifest)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"seconds_per_clip": {"openvino fp32": "x"}}'])
def test_a_cache_that_is_damaged_is_measured_again(
    content: str, own_cache: Path, model_directory: Path, manifest: Manifest
) -> None:
    settings = Settings(model=model_directory)
    path = cache_for(settings, manifest).path
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert fastest(settings, model_directory, manifest)[0].precision in ("fp32", "bf16")
    assert json.loads(path.read_text())["seconds_per_clip"]


def test_what_was_the_fastest_and_is_gone_is_measured_again(
    own_cache: Path, model_directory: Path, manifest: Manifest
) -> None:
    settings = Settings(model=model_directory)
    cache_for(settings, manifest).save({"abacus int4": 0.001})
    assert fastest(settings, model_directory, manifest)[0].package in ("openvino", "onnxruntime")


def test_another_network_threads_or_settings_are_measured_anew(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(model=model_directory)
    file = manifest.onnx["fp32"].model_copy(update={"sha256": "0" * 64})
    paths = [
        cache_for(settings, manifest).path,
        cache_for(settings, manifest.model_copy(update={"onnx": {"fp32": file}})).path,
        cache_for(settings.model_copy(update={"cpu_threads": 7}), manifest).path,
        cache_for(settings.model_copy(update={"precision": "fp32"}), manifest).path,
        cache_for(settings.model_copy(update={"backend": "openvino"}), manifest).path,
    ]
    assert len(set(paths)) == len(paths)


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache = TuningCache({"processor": "x"}, tmp_path / "file" / "tuning")
    cache.save({"openvino fp32": 1.0})
    assert cache.load() is None
    assert "cannot be kept" in caplog.text


def test_processors_differ_by_what_they_can_do() -> None:
    one = "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nmodel\t: 1\nflags\t: fpu avx2\n"
    same = one.replace("fpu avx2", "avx2 fpu")
    other = one.replace("avx2", "avx512f avx512_bf16")
    assert processor(one) == processor(same) != processor(other)
    assert processor(one).startswith("AuthenticAMD 1 AMD EPYC ")


def test_a_precision_asked_for_is_taken_or_the_start_stops(model_directory: Path, manifest: Manifest) -> None:
    asked = Settings(model=model_directory, precision="fp32", backend="openvino", cpu_threads=1)
    found, reason = fastest(asked, model_directory, manifest)
    assert (found.name, reason) == ("openvino fp32", "openvino fp32 is the only way here that the settings allow")
    with pytest.raises(StartupError, match="R3D_PRECISION=int8, but the model has no such network"):
        fastest(Settings(model=model_directory, precision="int8"), model_directory, manifest)


def test_auto_takes_no_integers_that_the_model_does_not_have(model_directory: Path, manifest: Manifest) -> None:
    """Whether a model has them is for its verification to say: see the builder."""
    assert "int8" not in manifest.onnx
    found = candidates_for(Settings(model=model_directory), model_directory, manifest)
    assert "int8" not in [each.precision for each in found]
