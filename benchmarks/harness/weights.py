"""Full-size weights without a download: every tensor of torchvision's three video networks, drawn at random.

The values mean nothing, but are of such sizes that activations neither vanish nor explode, as in a trained network.
"""

import math
from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Architecture = Literal["r3d_18", "mc3_18", "r2plus1d_18"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

Kernel = tuple[int, int, int]
Shape = tuple[int, ...]
Tensors = dict[str, npt.NDArray[np.float32]]

CUBE: Kernel = (3, 3, 3)
IN_SPACE: Kernel = (1, 3, 3)
IN_TIME: Kernel = (3, 1, 1)
POINT: Kernel = (1, 1, 1)
WIDTHS = (64, 128, 256, 512)  # channels of layer 1 to 4
BLOCKS = 2  # per layer
STEM_MIDDLE = 45  # channels between the two convolutions of r2plus1d_18's stem
CLASSES = 400
# What a block adds to its shortcut, so that eight blocks do not double the activations eight times.
RESIDUAL = 0.3


def shapes(architecture: Architecture) -> dict[str, Shape]:
    """Name and shape of each tensor of torchvision's `state_dict()`, in its order."""
    found = dict(_stem(architecture))
    channels = WIDTHS[0]
    for layer, width in enumerate(WIDTHS, start=1):
        for block in range(BLOCKS):
            found |= _block(architecture, layer, f"layer{layer}.{block}", channels, width)
            channels = width
    return found | {"fc.weight": (CLASSES, channels), "fc.bias": (CLASSES,)}


def _stem(architecture: Architecture) -> Iterator[tuple[str, Shape]]:
    if architecture == "r2plus1d_18":
        yield from _conv("stem.0", "stem.1", 3, STEM_MIDDLE, (1, 7, 7))
        yield from _conv("stem.3", "stem.4", STEM_MIDDLE, WIDTHS[0], IN_TIME)
    else:
        yield from _conv("stem.0", "stem.1", 3, WIDTHS[0], (3, 7, 7))


def _block(
    architecture: Architecture, layer: int, prefix: str, channels_in: int, width: int
) -> Iterator[tuple[str, Shape]]:
    # As many channels between the convolutions as make the pair as large as one of 3 x 3 x 3.
    middle = channels_in * width * math.prod(CUBE) // (channels_in * math.prod(IN_SPACE) + width * math.prod(IN_TIME))
    for conv, inputs in ((f"{prefix}.conv1", channels_in), (f"{prefix}.conv2", width)):
        if architecture == "r2plus1d_18":
            yield from _conv(f"{conv}.0.0", f"{conv}.0.1", inputs, middle, IN_SPACE)
            yield from _conv(f"{conv}.0.3", f"{conv}.1", middle, width, IN_TIME)
        else:
            kernel = IN_SPACE if architecture == "mc3_18" and layer > 1 else CUBE
            yield from _conv(f"{conv}.0", f"{conv}.1", inputs, width, kernel)
    if channels_in != width:
        yield from _conv(f"{prefix}.downsample.0", f"{prefix}.downsample.1", channels_in, width, POINT)


def _conv(conv: str, norm: str, channels_in: int, channels_out: int, kernel: Kernel) -> Iterator[tuple[str, Shape]]:
    """A convolution and the batch norm behind it."""
    yield f"{conv}.weight", (channels_out, channels_in, *kernel)
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{norm}.{part}", (channels_out,)
    yield f"{norm}.num_batches_tracked", ()


def weights(architecture: Architecture, seed: int = 0) -> Tensors:
    """Every tensor, float32; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {name: _draw(rng, name, shape) for name, shape in shapes(architecture).items()}


def _draw(rng: np.random.Generator, name: str, shape: Shape) -> npt.NDArray[np.float32]:
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.float32)
    if len(shape) > 1:
        # He's scale, by the values that each output is a sum over; 2 for the half that a ReLU takes away.
        gain = 1 if name == "fc.weight" else 2
        return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(gain / math.prod(shape[1:])))
    if name.endswith((".weight", "running_var")):  # of a batch norm
        scale = RESIDUAL if name.endswith("conv2.1.weight") else 1
        return (rng.uniform(0.5, 1.5, shape) * scale).astype(np.float32)
    return rng.standard_normal(shape, np.float32) * np.float32(0.1)
