"""A video to clips with OpenCV, as all servers of other makes do it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import cv2
import numpy as np
import numpy.typing as npt

Clip = npt.NDArray[np.uint8]
FRAMES = 32


class NotAVideoError(ValueError):
    """Not one whole clip could be decoded."""


@contextmanager
def saved(upload: IO[bytes]) -> Iterator[Path]:
    """The upload as a file: OpenCV reads from nothing else."""
    with tempfile.NamedTemporaryFile() as file:
        shutil.copyfileobj(upload, file)
        file.flush()
        yield Path(file.name)


def clips(video: Path) -> Iterator[Clip]:
    """Each whole clip, uint8 [1, 32, 112, 112, 3], RGB. Raises NotAVideoError."""
    capture = cv2.VideoCapture(str(video))
    found, frames = 0, []
    while (read := capture.read())[0]:
        small = cv2.resize(read[1], (171, 128))[8:120, 30:142]
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        if len(frames) == FRAMES:
            yield np.stack(frames, dtype=np.uint8)[np.newaxis]
            found, frames = found + 1, []
    if not found:
        raise NotAVideoError
