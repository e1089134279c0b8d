"""The clips that an int8 network's scales come from, and those that it is judged by: never the same."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from ..errors import VerificationError
from ..manifest import Calibration, ClipFormat, Frames, Manifest, Outputs, checked_file
from ..reference import full_precision, one_by_one
from ..serving import Serving
from .qdq import Range
from .ranges import observe

CALIBRATION_CLIPS = 100
HELD_OUT_CLIPS = 50


def videos_in(paths: Sequence[Path]) -> list[Path]:
    """Video files: those named, those in named folders, and those that a named .txt file lists, one per line."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.iterdir() if each.is_file())
        elif path.suffix == ".txt":
            found += [Path(line.strip()) for line in path.read_text().splitlines() if line.strip()]
        else:
            found.append(path)
    return list(dict.fromkeys(found))


@dataclass
class ClipSet:
    """Clips of some videos, decoded as served. Iterating gives those to calibrate with, one by one, each [T, H, W, 3].

    Every third clip is held out; `held_out`, and `sha256` of the clips that were given, are complete after that.
    """

    serving: Serving
    videos: Sequence[Path]
    clip: ClipFormat
    held_out: list[Frames] = field(default_factory=list)
    calibrated: int = 0
    skipped: list[str] = field(default_factory=list)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[Frames]:
        """Raises VerificationError when no video holds a clip."""
        wanted = CALIBRATION_CLIPS + HELD_OUT_CLIPS
        per_video = max(3, -(-wanted // max(1, len(self.videos))))
        number = 0
        for video in self.videos:
            for clip in self._clips_of(video, per_video):
                number += 1
                if number % 3 == 0 and len(self.held_out) < HELD_OUT_CLIPS:
                    self.held_out.append(clip)
                elif self.calibrated < CALIBRATION_CLIPS:
                    self.calibrated += 1
                    self._digest.update(clip.tobytes())
                    yield clip
        if not number:
            raise VerificationError(f"no video to calibrate with could be decoded: {'; '.join(self.skipped)}")

    @property
    def sha256(self) -> str:
        """Of the clips that were given, in their order."""
        return self._digest.hexdigest()

    def _clips_of(self, video: Path, limit: int) -> Frames | tuple[()]:
        try:
            return self.serving.clips(video, self.clip, limit)
        except VerificationError as error:
            self.skipped.append(str(error))
            return ()


@dataclass(frozen=True)
class Calibrated:
    """An fp32 network, the values that its activations took, and what it says of clips that were not among those.

    `held_out`: clips, each [T, H, W, 3]; `expected`: what the network gives for them.
    """

    model: onnx.ModelProto
    ranges: Mapping[str, Range]
    calibration: Calibration
    held_out: Sequence[Frames]
    expected: Outputs


def calibrate(directory: Path, videos: Sequence[Path], serving: Serving) -> Calibrated:
    """Run the fp32 network of a model directory on the videos' clips.

    Raises VerificationError when there are too few clips to hold one out, QuantizationError where the network has
    nothing to put into integers.
    """
    manifest = Manifest.load(directory)
    source = checked_file(directory, manifest.onnx["fp32"])
    clips = ClipSet(serving, videos, manifest.clip)
    model = onnx.load(source)
    ranges = observe(model, clips, full_precision)
    if not clips.held_out:
        raise VerificationError("there is no clip to judge the int8 network by: give more videos")
    expected = one_by_one(full_precision(source), clips.held_out)
    return Calibrated(model, ranges, Calibration(clips=clips.calibrated, sha256=clips.sha256), clips.held_out, expected)
