"""Which clips are computed by the whole machine: those that are alone."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.manifest import Manifest
from service.inference.backends.candidates import candidates_for
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, WholeMachineNetwork
from service.inference.backends.whole_machine import PAUSE_SECONDS, WholeMachine
from service.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_clip_is_alone_and_one_beside_it_is_not() -> None:
    machine = WholeMachine(Clock())
    with machine.clip() as first, machine.clip() as second:
        assert (first, second) == (True, False)


def test_a_clip_soon_after_another_is_not_alone_and_one_after_a_pause_is() -> None:
    clock = Clock()
    machine = WholeMachine(clock)
    found = []
    for pause in (0.0, PAUSE_SECONDS / 2, PAUSE_SECONDS, PAUSE_SECONDS / 2):
        clock.now += pause
        with machine.clip() as alone:
            clock.now += 1
            found.append(alone)
    assert found == [True, False, True, False]


def test_the_pause_begins_with_the_end_of_the_last_clip_also_where_it_fails() -> None:
    clock = Clock()
    machine = WholeMachine(clock)
    with pytest.raises(ValueError, match="broken"), machine.clip(), machine.clip():
        clock.now += 1
        raise ValueError("broken")
    with machine.clip() as soon:
        assert not soon
    clock.now += PAUSE_SECONDS
    with machine.clip() as later:
        assert later


def test_a_clip_alone_has_a_request_of_its_own(model_directory: Path) -> None:
    whole = WholeMachineNetwork(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 1, 1))
    with whole.clip() as unloaded:
        assert unloaded is None
    whole.start_loading()
    whole.close()
    time.sleep(PAUSE_SECONDS)
    with whole.clip() as first, whole.clip() as second:
        assert first is not None
        assert second is None


def test_without_the_network_for_lone_clips_the_others_serve(
    tmp_path: Path, model_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = WholeMachineNetwork(OpenVinoNetwork(tmp_path / "missing.onnx", "fp32", 1, 1))
    backend = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 1, 1), whole)
    backend.close()
    assert "will not have the whole machine" in caplog.text
    assert backend.infer(np.zeros((1, 32, 112, 112, 3), np.uint8)).probabilities.shape == (1, 9)


def test_what_serves_has_it_and_what_is_measured_has_not(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(cpu_threads=4, backend="openvino", precision="fp32")
    candidates = {len(each.serving): each for each in candidates_for(settings, model_directory, manifest)}
    compiled: list[OpenVinoNetwork] = []
    compile_network = OpenVinoNetwork._compile

    def counted(network: OpenVinoNetwork) -> Any:
        compiled.append(network)
        return compile_network(network)

    monkeypatch.setattr(OpenVinoNetwork, "_compile", counted)
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), np.uint8)
    measured = candidates[2].factories[0]().infer(clip).probabilities
    assert len(compiled) == 1
    serving = candidates[2].serving[0]()
    serving.close()
    assert len(compiled) == 2
    assert np.abs(serving.infer(clip).probabilities - measured).max() < 0.02
    candidates[1].serving[0]()  # all threads on a clip, always: that network serves it too
    assert len(compiled) == 2
