"""Recognise a torchvision `VideoResNet` from the names and sizes of its tensors alone.

Layout: arXiv 1711.11248 and torchvision's `models/video/resnet.py`. Any width, any number of blocks a layer, any
number of classes; four layers, as in every published member of the family.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import NetworkError

Size = tuple[int, int, int]  # time, height, width

NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
CUBE: Size = (3, 3, 3)
FLAT: Size = (1, 3, 3)
POINT: Size = (1, 1, 1)


@dataclass(frozen=True)
class Conv:
    """A convolution without bias and the batch norm behind it, by the names of their tensors."""

    weight: str
    norm: str
    channels_in: int
    channels_out: int
    kernel: Size
    stride: Size

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight: out, in, time, height, width."""
        return (self.channels_out, self.channels_in, *self.kernel)

    @property
    def padding(self) -> Size:
        """Zero padding at each side that keeps the size at stride 1."""
        time, height, width = (extent // 2 for extent in self.kernel)
        return (time, height, width)


@dataclass(frozen=True)
class Block:
    """A residual block: `convs` in a row, ReLU between them; then the shortcut is added and ReLU applied."""

    convs: tuple[Conv, ...]
    shortcut: Conv | None


@dataclass(frozen=True)
class Network:
    """A recognised network. `architecture` is torchvision's name, with the depth it really has."""

    architecture: str
    stem: tuple[Conv, ...]
    blocks: tuple[Block, ...]
    features: int
    classes: int

    @property
    def convs(self) -> list[Conv]:
        """Every convolution, in the order of the forward pass."""
        found = list(self.stem)
        for block in self.blocks:
            found += [*block.convs, *([block.shortcut] if block.shortcut else [])]
        return found

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of every tensor the network computes with."""
        shapes: dict[str, tuple[int, ...]] = {}
        for conv in self.convs:
            shapes[conv.weight] = conv.shape
            shapes |= {f"{conv.norm}.{part}": (conv.channels_out,) for part in NORM_PARTS}
        return shapes | {"fc.weight": (self.classes, self.features), "fc.bias": (self.classes,)}


@dataclass
class _Tensors:
    """The sizes of all tensors, and which of them found their place."""

    counts: Mapping[str, int]
    used: set[str] = field(default_factory=set)

    def take(self, name: str) -> int:
        if name not in self.counts:
            raise NetworkError(name, "missing")
        self.used.add(name)
        return self.counts[name]

    def expect(self, name: str, count: int, what: str) -> None:
        found = self.take(name)
        if found != count:
            raise NetworkError(name, f"{found} values, but {what} takes {count}")

    def conv(self, weight: str, norm: str, channels_in: int, strides: Mapping[Size, Size]) -> Conv:
        """Read a convolution whose kernel is one of `strides`' keys."""
        channels_out = self.take(f"{norm}.weight")
        for part in NORM_PARTS:
            self.expect(f"{norm}.{part}", channels_out, f"a batch norm over {channels_out} channels")
        count = self.take(weight)
        for kernel, stride in strides.items():
            conv = Conv(weight, norm, channels_in, channels_out, kernel, stride)
            if count == channels_in * channels_out * kernel[0] * kernel[1] * kernel[2]:
                return conv
        kernels = " or ".join("x".join(map(str, kernel)) for kernel in strides)
        raise NetworkError(
            weight, f"{count} values fit no {kernels} convolution from {channels_in} to {channels_out} channels"
        )

    def finish(self) -> None:
        """Everything must have found its place; the step counters of batch norms are known and not needed."""
        for name in self.counts:
            if name not in self.used and not name.endswith(".num_batches_tracked"):
                raise NetworkError(name, "no video network of this family has such a tensor")


def recognise(counts: Mapping[str, int]) -> Network:
    """The network whose tensors have these names and numbers of values.

    Raises NetworkError naming the first tensor that is missing, has a count that fits no shape, or has no place.
    """
    tensors = _Tensors(counts)
    split = "stem.3.weight" in counts
    stem = _stem(tensors, split)
    channels = stem[-1].channels_out
    layers: list[list[Block]] = []
    for layer in range(1, 5):
        blocks: list[Block] = []
        while not blocks or f"layer{layer}.{len(blocks)}.{_first_weight(split)}" in counts:
            step = 2 if layer > 1 and not blocks else 1
            blocks.append(_block(tensors, f"layer{layer}.{len(blocks)}", channels, step, split))
            channels = blocks[-1].convs[-1].channels_out
        layers.append(blocks)
    classes = tensors.take("fc.bias")
    tensors.expect("fc.weight", classes * channels, f"a layer from {channels} features to {classes} classes")
    tensors.finish()
    family = "r2plus1d" if split else _family(layers)
    depth = 2 + 2 * sum(len(blocks) for blocks in layers)
    flat = tuple(block for blocks in layers for block in blocks)
    return Network(f"{family}_{depth}", stem, flat, channels, classes)


def _first_weight(split: bool) -> str:
    return "conv1.0.0.weight" if split else "conv1.0.weight"


def _stem(tensors: _Tensors, split: bool) -> tuple[Conv, ...]:
    if not split:
        return (tensors.conv("stem.0.weight", "stem.1", 3, {(3, 7, 7): (1, 2, 2)}),)
    first = tensors.conv("stem.0.weight", "stem.1", 3, {(1, 7, 7): (1, 2, 2)})
    return first, tensors.conv("stem.3.weight", "stem.4", first.channels_out, {(3, 1, 1): (1, 1, 1)})


def _block(tensors: _Tensors, prefix: str, channels_in: int, step: int, split: bool) -> Block:
    read = _split_conv if split else _whole_conv
    first = read(tensors, f"{prefix}.conv1", channels_in, step)
    channels = first[-1].channels_out
    second = read(tensors, f"{prefix}.conv2", channels, 1)
    if second[-1].channels_out != channels:
        raise NetworkError(f"{second[-1].norm}.weight", f"the block has {channels} channels")
    shortcut = None
    if step != 1 or channels != channels_in:
        stride = (first[0].stride[0] * first[-1].stride[0] if split else first[0].stride[0], step, step)
        shortcut = tensors.conv(f"{prefix}.downsample.0.weight", f"{prefix}.downsample.1", channels_in, {POINT: stride})
        if shortcut.channels_out != channels:
            raise NetworkError(f"{shortcut.norm}.weight", f"the block has {channels} channels")
    return Block(first + second, shortcut)


def _whole_conv(tensors: _Tensors, prefix: str, channels_in: int, step: int) -> tuple[Conv, ...]:
    strides = {CUBE: (step, step, step), FLAT: (1, step, step)}
    return (tensors.conv(f"{prefix}.0.weight", f"{prefix}.1", channels_in, strides),)


def _split_conv(tensors: _Tensors, prefix: str, channels_in: int, step: int) -> tuple[Conv, ...]:
    space = tensors.conv(f"{prefix}.0.0.weight", f"{prefix}.0.1", channels_in, {FLAT: (1, step, step)})
    strides: dict[Size, Size] = {(3, 1, 1): (step, 1, 1)}
    return space, tensors.conv(f"{prefix}.0.3.weight", f"{prefix}.1", space.channels_out, strides)


def _family(layers: list[list[Block]]) -> str:
    """r3d has 3x3x3 kernels throughout, mc3 only in layer 1 (torchvision)."""
    kernels = [[conv.kernel for block in blocks for conv in block.convs] for blocks in layers]
    for family, wanted in (("r3d", [CUBE] * 4), ("mc3", [CUBE, FLAT, FLAT, FLAT])):
        if all(kernel == want for row, want in zip(kernels, wanted, strict=True) for kernel in row):
            return family
    layer, row = next((i, row) for i, row in enumerate(kernels) if row != kernels[-1][:1] * len(row))
    block = layers[layer][0]
    raise NetworkError(block.convs[0].weight, f"kernels {row} in layer {layer + 1} belong to neither r3d nor mc3")
