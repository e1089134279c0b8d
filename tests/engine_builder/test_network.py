import pytest

from engine_builder.architecture import recognise
from engine_builder.errors import NetworkError

from ..support.recipe import ARCHITECTURES, check_shapes, counts_of, narrow, shapes_of


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_torchvisions_networks_are_recognised(architecture: str) -> None:
    shapes = shapes_of(architecture)
    network = recognise(counts_of(shapes))
    assert (network.architecture, network.classes, network.features) == (architecture, 400, 512)
    check_shapes(network, shapes)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_narrower_networks_with_other_classes(architecture: str) -> None:
    shapes = narrow(architecture, 8, 7)
    network = recognise(counts_of(shapes))
    assert (network.architecture, network.classes, network.features) == (architecture, 7, 64)
    check_shapes(network, shapes)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_deeper_networks(architecture: str) -> None:
    shapes = shapes_of(architecture)
    extra = {name.replace("layer3.1", "layer3.2"): shape for name, shape in shapes.items() if "layer3.1" in name}
    network = recognise(counts_of(shapes | extra))
    assert network.architecture == architecture.replace("18", "20")
    check_shapes(network, shapes | extra)


def test_step_counters_are_optional() -> None:
    counts = counts_of(shapes_of("r3d_18"))
    without = {name: count for name, count in counts.items() if not name.endswith("num_batches_tracked")}
    assert recognise(without) == recognise(counts)


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("layer2.0.conv1.0.weight", 12345, "12345 values fit no 3x3x3 or 1x3x3 convolution from 64 to 128 channels"),
        ("stem.1.running_var", 63, "63 values, but a batch norm over 64 channels takes 64"),
        ("fc.weight", 400 * 511, "a layer from 512 features to 400 classes"),
        ("layer3.0.downsample.0.weight", 128 * 256 * 27, "fit no 1x1x1"),
    ],
)
def test_a_wrong_count_names_its_tensor(name: str, count: int, reason: str) -> None:
    counts = counts_of(shapes_of("r3d_18")) | {name: count}
    with pytest.raises(NetworkError, match=reason) as caught:
        recognise(counts)
    assert caught.value.tensor == name


@pytest.mark.parametrize("name", ["stem.0.weight", "layer2.0.downsample.0.weight", "layer4.1.conv2.1.bias", "fc.bias"])
def test_a_missing_tensor_is_named(name: str) -> None:
    counts = counts_of(shapes_of("r3d_18"))
    del counts[name]
    with pytest.raises(NetworkError, match="missing") as caught:
        recognise(counts)
    assert caught.value.tensor == name


def test_a_tensor_without_a_place_is_named() -> None:
    with pytest.raises(NetworkError, match="no video network") as caught:
        recognise(counts_of(shapes_of("r3d_18")) | {"head.weight": 4})
    assert caught.value.tensor == "head.weight"


def test_kernels_of_neither_family_are_refused() -> None:
    counts = counts_of(shapes_of("r3d_18"))
    counts["layer3.1.conv1.0.weight"] = counts["layer3.1.conv1.0.weight"] // 3
    with pytest.raises(NetworkError, match="neither r3d nor mc3"):
        recognise(counts)
