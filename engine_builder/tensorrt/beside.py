"""An engine that was just built, run beside the fp32 network before it is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import VerificationError
from ..manifest import Engine, Frames, Manifest, Outputs, Verification
from ..quantization.calibration import Calibrated
from ..quantization.publish import judge
from ..reference import reference
from ..sample_clips import made_up_clips
from ..serving import Serving
from ..verify import answers, compare_all, problem_of


@dataclass(frozen=True)
class Beside:
    """What the fp32 network says of `clips`, uint8 [n, T, H, W, 3], to hold an engine's answers against."""

    serving: Serving
    directory: Path
    manifest: Manifest
    clips: Frames
    expected: Outputs

    def verify(self, trt: ModuleType, content: bytes, engine: Engine) -> Verification:
        """Run an engine. Raises VerificationError if it does not run or differs, naming the layer if fp16 overflows."""
        try:
            with self.serving.open_engine(trt, content, engine, self.manifest) as session:
                found = answers(session, self.clips)
        except VerificationError as error:
            raise VerificationError(f"the engine cannot be verified: {error}; --no-verify leaves it out") from error
        measured = compare_all(found, self.expected)
        if engine.precision == "int8":
            problem = self._fault_of_integers(found)
        else:
            problem = problem_of(measured, engine.precision, self.directory, self.manifest, self.clips)
        if problem is not None:
            raise VerificationError(problem)
        return measured

    def _fault_of_integers(self, found: Mapping[int, Outputs]) -> str | None:
        """They are judged as the int8 network is, in each size of batch."""
        rows = np.arange(len(self.clips))
        judged = [judge(each.of(rows), self.expected) for each in found.values()]
        return "; ".join(dict.fromkeys(fault for each in judged for fault in each.faults)) or None


def beside_reference(serving: Serving, directory: Path, manifest: Manifest, clips: Frames | None) -> Beside:
    """With `clips`, made up unless given. Raises VerificationError where nothing can run the reference."""
    chosen = made_up_clips(manifest.clip) if clips is None else clips
    return Beside(serving, directory, manifest, chosen, reference(directory, manifest, chosen))


def beside_held_out(serving: Serving, directory: Path, manifest: Manifest, calibrated: Calibrated) -> Beside:
    """With the clips that were held out of the calibration."""
    return Beside(serving, directory, manifest, np.stack(calibrated.held_out), calibrated.expected)
