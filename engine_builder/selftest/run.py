"""The checks in their order."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

from ..manifest import Engine, Frames, Manifest, Outputs, Precision, checked_file
from ..reference import reference
from ..sample_clips import made_up_clips
from ..serving import Serving
from ..tensorrt.build import EngineOptions, Runtime, build_engine, load_runtime
from ..tensorrt.publish import entry_of
from .engines import EngineTrial
from .installed import gpu_facts, installed
from .outcome import Figures, Outcome, attempt
from .refusals import NOISE, damaged, refused, with_little_memory

CLIPS = 8


@dataclass
class Selftest:
    """The checks of one model on this machine. `directory` is written to: timings of builds."""

    directory: Path
    serving: Serving
    runtimes: Sequence[Runtime]
    max_batch: int = 32
    random_batches: int = 1000
    _clips: Frames = field(init=False)
    _expected: Outputs = field(init=False)

    def run(self) -> Iterator[Outcome]:
        """Each outcome as soon as it is known."""
        manifest = Manifest.load(self.directory)
        yield attempt("installed", lambda: {**installed(), **gpu_facts()})
        reference_found = attempt("fp32 reference", lambda: self._make_reference(manifest))
        yield reference_found
        for runtime in self.runtimes:
            if problem := self.serving.runtime_problem(runtime.value):
                yield Outcome(runtime.value, "failed", problem)
                continue
            trt = load_runtime(runtime)
            yield attempt(f"{runtime.value} refuses noise", partial(self._refuse, trt, runtime, NOISE, manifest))
            if reference_found.status != "good" or not hasattr(trt, "Builder"):
                yield Outcome(f"{runtime.value}: engines", "left out", "no reference, or a runtime without a builder")
                continue
            for precision in [each for each in ("fp32", "fp16") if each in manifest.onnx]:
                for portable in (False, True) if runtime is Runtime.TENSORRT else (False,):
                    options = EngineOptions(runtime, self.max_batch, portable)
                    yield from self._engine(trt, options, precision, manifest)

    def _make_reference(self, manifest: Manifest) -> Figures:
        self._clips = made_up_clips(manifest.clip, CLIPS)
        self._expected = reference(self.directory, manifest, self._clips)
        return {"clips": CLIPS}

    def _refuse(self, trt: ModuleType, runtime: Runtime, content: bytes, manifest: Manifest) -> Figures:
        entry = entry_of(content, trt, "fp32", EngineOptions(runtime), manifest)
        return refused(self.serving, trt, content, entry, manifest)

    def _engine(
        self, trt: ModuleType, options: EngineOptions, precision: Precision, manifest: Manifest
    ) -> Iterator[Outcome]:
        """Build one engine, and do everything with it."""
        name = f"{options.runtime.value} {precision}{' portable' if options.portable else ''}"
        made: list[bytes] = []

        def build() -> Figures:
            onnx = checked_file(self.directory, manifest.onnx[precision])
            made.append(build_engine(trt, onnx, manifest.clip, options, self.directory))
            return {"MB": round(len(made[0]) / 1e6, 1)}

        built = attempt(f"{name}: build", build)
        yield built
        if built.status != "good":
            return
        entry = entry_of(made[0], trt, precision, options, manifest)
        yield from self._trial(name, trt, made[0], entry, manifest)
        for what, content in damaged(made[0]).items():
            changed = entry.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
            yield attempt(f"{name}: refuses {what}", partial(refused, self.serving, trt, content, changed, manifest))
        load = partial(refused, self.serving, trt, made[0], entry, manifest)
        yield attempt(f"{name}: refuses too little memory", partial(with_little_memory, load))

    def _trial(
        self, name: str, trt: ModuleType, content: bytes, entry: Engine, manifest: Manifest
    ) -> Iterator[Outcome]:
        outcomes: list[Outcome] = []

        def load_and_try() -> Figures:
            with self.serving.open_engine(trt, content, entry, manifest) as session:
                trial = EngineTrial(session, self._clips, self._expected, entry.precision)
                outcomes.append(attempt(f"{name}: alone and in the largest batch", trial.batches))
                outcomes.append(attempt(f"{name}: two batches under way", trial.two_under_way))
                random = partial(trial.random_batches, self.random_batches)
                outcomes.append(attempt(f"{name}: random batches", random))
                outcomes.append(attempt(f"{name}: speed", trial.speed))
            return {}

        loaded = attempt(f"{name}: load and close", load_and_try)
        yield loaded
        yield from outcomes
