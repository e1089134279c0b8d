"""The crop of a picture, made with OpenCV from the whole of it."""

import cv2
import numpy as np
import numpy.typing as npt


def crop_of(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An RGB picture of any size, squeezed to 171 x 128, its middle of 112 x 112."""
    small = cv2.resize(picture, (171, 128), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(small[8:120, 30:142], np.uint8)
