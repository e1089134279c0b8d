"""Checkpoints as people have them: prefixes, wrappers, other keys, other names of the last layer."""

from typing import Any

import pytest

from engine_builder.checkpoints.state_dict import find_state_dict, shorten
from engine_builder.checkpoints.tensors import Storage, Tensor, contiguous
from engine_builder.errors import CheckpointError

from ...support.recipe import shapes_of


def some(*shape: int) -> Tensor:
    size = 1
    for extent in shape:
        size *= extent
    return contiguous(Storage("<f4", size, bytes), shape)


def state(prefix: str = "", head: str = "fc", classes: int = 7) -> dict[str, Any]:
    found = {f"{prefix}{name}": some(*shape) for name, shape in shapes_of("mc3_18").items() if "fc." not in name}
    return found | {f"{prefix}{head}.weight": some(classes, 512), f"{prefix}{head}.bias": some(classes)}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.", "backbone.", "_orig_mod.module.", "a.b.c.d."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model", "net"])
def test_wrappers_and_prefixes_are_taken_off(prefix: str, wrapper: str | None) -> None:
    content = state(prefix)
    found = find_state_dict(content if wrapper is None else {"epoch": 3, wrapper: content, "args": object()})
    assert list(found.tensors) == list(shapes_of("mc3_18"))
    assert found.ignored == ()


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("head", ["fc", "fc.0", "fc.1", "classifier", "classifier.1", "head", "head.2"])
@pytest.mark.parametrize("classes", [2, 51, 400, 1000])
def test_names_of_the_last_layer(prefix: str, head: str, classes: int) -> None:
    found = find_state_dict(state(prefix, head, classes))
    assert found.tensors["fc.weight"].shape == (classes, 512)
    assert found.tensors["fc.bias"].shape == (classes,)
    assert found.original("fc.bias") == f"{prefix}{head}.bias"


def test_a_last_layer_beside_the_network() -> None:
    content = state("model.backbone.") | {"model.head.weight": some(5, 512), "model.head.bias": some(5)}
    del content["model.backbone.fc.weight"], content["model.backbone.fc.bias"]
    found = find_state_dict(content)
    assert found.tensors["fc.weight"].shape == (5, 512)
    assert found.ignored == ()


def test_the_networks_own_last_layer_goes_before_one_beside_it() -> None:
    content = state("backbone.") | {"head.weight": some(5, 7), "head.bias": some(5)}
    found = find_state_dict(content)
    assert found.tensors["fc.weight"].shape == (7, 512)
    assert found.ignored == ("head.weight", "head.bias")


@pytest.mark.parametrize("prefix", ["", "net."])
def test_other_keys_are_left_out_and_named(prefix: str) -> None:
    optimizer = {"state": {0: {"step": some(), "exp_avg": some(3)}}, "param_groups": [{"lr": 0.1}]}
    content = {"model": state(prefix) | {"loss.weight": some(7)}, "optimizer": optimizer}
    found = find_state_dict(content)
    assert list(found.tensors) == list(shapes_of("mc3_18"))
    assert found.ignored == ("model.loss.weight", "optimizer.state.0.step", "optimizer.state.0.exp_avg")


def test_the_first_of_two_networks_is_taken() -> None:
    found = find_state_dict({"model": state(classes=3), "model_ema": state(classes=4)})
    assert found.tensors["fc.bias"].shape == (3,)
    assert len(found.ignored) == len(shapes_of("mc3_18"))


def test_two_last_layers_cannot_be_told_apart() -> None:
    content = state(head="fc.0") | {"fc.3.weight": some(7, 7), "fc.3.bias": some(7)}
    with pytest.raises(CheckpointError, match=r"fc\.0, fc\.3: which of these is the last layer"):
        find_state_dict(content)


@pytest.mark.parametrize("content", [None, 3, {}, [1], {"model": {"epoch": 3}}])
def test_what_holds_no_tensors(content: object) -> None:
    with pytest.raises(CheckpointError, match="found: no tensors at all"):
        find_state_dict(content)


def test_the_keys_found_are_named_where_there_is_no_network() -> None:
    content = {"conv1.weight": some(3), **{f"blocks.{n}.weight": some(3) for n in range(9)}, "xstem.0.weight": some(1)}
    with pytest.raises(CheckpointError, match=r"found: conv1\.weight, blocks\.\* \(9\), xstem\.0\.weight$"):
        find_state_dict(content)


def test_many_keys_are_shortened() -> None:
    assert shorten(["a.x", "a.y"]) == "a.x, a.y"
    assert shorten([f"k{n}.w" for n in range(20)]).endswith("k7.w and 12 more")
    assert shorten(["new\nline"]) == "new\\nline"
