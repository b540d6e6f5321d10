"""What an ONNX file computes, for its content hash: values by what leads to them.

Names of values between the sides are the converter's own and count up in a process, so they are left out.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.hashing import hash_bytes, hash_texts, hash_values
from core.readers.sparse import unfold_onnx
from core.runtimes.onnx import OnnxConstant, list_constants, read_tensor

GRAPH_TYPES = (5, 10)  # of an attribute that holds a graph, or several
Hashes = dict[str, str]  # of values, by their names


def describe_structure(model: Any, folder: Path) -> dict[str, Any]:
    """What leads to each output, operation sets, functions and metadata; not who wrote it."""
    return {
        "graph": _describe_graph(model.graph, {}, folder),
        "functions": sorted(map(_hash_message, model.functions)),
        "opsets": sorted((opset.domain, opset.version) for opset in model.opset_import),
        "metadata": sorted((entry.key, entry.value) for entry in model.metadata_props),
        "IR version": model.ir_version,
    }


def read_constant(constant: OnnxConstant, folder: Path) -> np.ndarray:
    values = read_tensor(constant.tensor, folder)
    if constant.indices is None:
        return values
    return unfold_onnx(values, read_tensor(constant.indices, folder), constant.shape)


def _describe_graph(graph: Any, outer: Hashes, folder: Path) -> dict[str, Any]:
    """Inputs by name, of each output what leads to it, and all nodes in no order.

    The nodes of an ONNX graph stand after those that they read; `outer` are the values of the graph around this one.
    """
    ports = [[port.name, _hash_message(port.type)] for port in graph.input]
    hashes = outer | {name: hash_texts(["input", name]) for name, _ in ports}
    hashes |= {constant.name: _hash_constant(constant, folder) for constant in list_constants(graph)}
    nodes = []
    for node in graph.node:
        if node.op_type == "Identity" and not node.domain:  # which converters put in this way or that
            hashes[node.output[0]] = hashes.get(node.input[0], node.input[0])
            continue
        nodes.append(_hash_node(node, hashes, folder))
        named = {name: hash_texts([nodes[-1], str(at)]) for at, name in enumerate(node.output)}
        hashes |= {name: value for name, value in named.items() if node.op_type != "Constant" or name not in hashes}
    outputs = [[port.name, _hash_message(port.type), hashes.get(port.name, port.name)] for port in graph.output]
    quantization = [hash_texts([hashes.get(each.tensor_name, ""), str(each)]) for each in graph.quantization_annotation]
    return {"inputs": ports, "outputs": outputs, "nodes": sorted(nodes), "quantization": sorted(quantization)}


def _hash_constant(constant: OnnxConstant, folder: Path) -> str:
    facts = [str(constant.tensor.data_type), str(tuple(constant.shape))]
    return hash_texts(["constant", *facts, hash_values(read_constant(constant, folder))])


def _hash_node(node: Any, hashes: Hashes, folder: Path) -> str:
    attributes = map(partial(_hash_attribute, hashes=hashes, folder=folder), node.attribute)
    read = [hashes.get(name, name) for name in node.input]
    return hash_texts([node.domain, node.op_type, *read, "attributes", *sorted(attributes)])


def _hash_attribute(attribute: Any, hashes: Hashes, folder: Path) -> str:
    if attribute.type not in GRAPH_TYPES:
        return _hash_message(attribute)
    graphs = [attribute.g] if attribute.HasField("g") else attribute.graphs
    return hash_texts([attribute.name, *(str(_describe_graph(graph, hashes, folder)) for graph in graphs)])


def _hash_message(message: Any) -> str:
    copy = type(message)()
    copy.CopyFrom(message)
    if "doc_string" in copy.DESCRIPTOR.fields_by_name:  # where a converter notes where it came from
        copy.ClearField("doc_string")
    return hash_bytes(copy.SerializeToString(deterministic=True))
