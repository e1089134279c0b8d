"""What of a network is put into integers: its convolutions, and the residual additions behind them."""

from collections.abc import Iterator

import onnx
from onnx import TensorProto

DOMAINS = ("", "ai.onnx")


def convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Those of floats whose weights, and bias if there is one, are constants of the graph."""
    constants = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    everything = {tensor.name for tensor in graph.initializer}
    return [
        node
        for node in graph.node
        if node.op_type == "Conv"
        and node.domain in DOMAINS
        and node.input[0] not in everything
        and constants.issuperset(name for name in node.input[1:] if name)
    ]


def residual_additions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Additions of two activations, one of which comes from such a convolution.

    Others, as a transformer's, stand between operations on floats, where integers would only cost.
    """
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    convolved = {node.output[0] for node in convolutions(graph)}
    convolved |= {
        node.output[0] for node in graph.node if node.op_type == "BatchNormalization" and node.input[0] in convolved
    }
    return [
        node
        for node in graph.node
        if node.op_type == "Add" and constants.isdisjoint(node.input) and not convolved.isdisjoint(node.input)
    ]


def tensors_to_quantise(graph: onnx.GraphProto) -> list[str]:
    """The activations that get a scale: inputs of convolutions, inputs and outputs of residual additions.

    Empty where nothing of the network can be put into integers.
    """
    after_relu = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Relu"}
    wanted: dict[str, None] = {}
    positions = {node.output[0]: index for index, node in enumerate(graph.node)}
    found = [*convolutions(graph), *residual_additions(graph)]
    for node in sorted(found, key=lambda each: positions[each.output[0]]):
        if node.op_type == "Conv":
            wanted[node.input[0]] = None
        else:
            wanted |= dict.fromkeys(node.input)
            wanted[after_relu.get(node.output[0], node.output[0])] = None
    return list(wanted)


def names_used(graph: onnx.GraphProto) -> Iterator[str]:
    """Every value that a graph, or one within it, reads or gives."""
    yield from (value.name for value in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from names_used(inner)
