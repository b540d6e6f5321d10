"""Operations, tensors and metadata of an ONNX file; numbers in other files are read from beside it alone.

For the content hash, values are known by what leads to them: names between the sides are the converter's own and count
up in a process, so they are left out.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers import base
from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor
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


def read_onnx(path: Path) -> FileContents:
    import onnx

    model = onnx.load(path, load_external_data=False)
    metadata = model.metadata_props
    return FileContents(
        "ONNX",
        tensors=lambda: [_describe_constant(constant, path.parent) for constant in list_constants(model.graph)],
        signatures=lambda: _describe_signatures(model),
        config=lambda: {"metadata": {entry.key: entry.value for entry in metadata}, "written by": _facts(model)},
        operators=lambda: _describe_operations(model),
        structure=lambda: describe_structure(model, path.parent),
        told_files=(path, *_external_files(model, path.parent)),
        has_fixed_keys=False,
    )


def _external_files(model: Any, folder: Path) -> set[Path]:
    """The files beside the model in which the values of its constants lie."""
    tensors = [tensor for item in list_constants(model.graph) for tensor in (item.tensor, item.indices) if tensor]
    entries = (entry for tensor in tensors for entry in tensor.external_data if entry.key == "location")
    return {folder / entry.value for entry in entries}


def _facts(model: Any) -> base.Facts:
    """Versions of the format and of the program that wrote it."""
    facts = {
        "IR version": model.ir_version,
        "opsets": [f"{opset.domain or 'ai.onnx'} {opset.version}" for opset in model.opset_import],
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "domain": model.domain,
        "model version": model.model_version,
        "described as": model.doc_string or model.graph.doc_string,
        "graph": model.graph.name,
    }
    return base.drop_empty(facts)


def _dtype_name(number: int) -> str:
    import onnx

    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(number).name) if number else ""
    except KeyError:
        return onnx.TensorProto.DataType.Name(number).lower()


def _describe_constant(constant: OnnxConstant, folder: Path) -> StoredTensor:
    name, dtype, shape = constant.name, _dtype_name(constant.tensor.data_type), constant.shape
    group = WEIGHTS if dtype.startswith(("float", "bfloat", "int8", "uint8")) and shape else OTHER
    note = "" if constant.indices is None else "stored sparse"
    return StoredTensor(name, name, shape, dtype, group, partial(read_constant, constant, folder), note)


def _describe_signatures(model: Any) -> base.Signatures:
    graph = model.graph
    constants = {initializer.name for initializer in graph.initializer}
    signature: base.Signature = {
        "name": graph.name,
        "method": "",
        "inputs": [_describe_port(port) for port in graph.input if port.name not in constants],
        "outputs": [_describe_port(port) for port in graph.output],
    }
    functions = [_describe_function(function) for function in model.functions]
    return {"signatures": [signature], "functions": functions, "facts": _facts(model)}


def _describe_function(function: Any) -> base.Function:
    name, takes, gives = f"{function.domain}.{function.name}", ", ".join(function.input), ", ".join(function.output)
    return {"name": name, "takes": takes, "gives": gives}


def _describe_port(value_info: Any) -> base.Port:
    kind = value_info.type.tensor_type
    shape = [_dimension_size(size) for size in kind.shape.dim] if kind.HasField("shape") else None
    return base.Port(name=value_info.name, dtype=_dtype_name(kind.elem_type), shape=shape, tensor=value_info.name)


def _dimension_size(dimension: Any) -> int | None:
    return dimension.dim_value if dimension.HasField("dim_value") else None


def _describe_operations(model: Any) -> base.Operators:
    graph = model.graph
    roles = {"input": graph.input, "output": graph.output, "between": graph.value_info}
    tensors = [_describe_tensor(value_info, role) for role, infos in roles.items() for value_info in infos]
    return base.make_operators(list(_walk_nodes(graph, "main")), _facts(model), tensors)


def _describe_tensor(value_info: Any, role: str) -> base.GraphTensor:
    port = _describe_port(value_info)
    return {"name": port["name"], "shape": port["shape"], "dtype": port["dtype"], "role": role}


def _walk_nodes(graph: Any, name: str) -> Iterator[base.Operation]:
    """The nodes of a graph, those of the graphs within its loops and branches after each."""
    for node in graph.node:
        yield {
            "name": node.name,
            "op": f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            "graph": name,
            "inputs": list(node.input),
            "outputs": list(node.output),
            "attributes": ", ".join(map(_format_attribute, node.attribute)),
        }
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _walk_nodes(attribute.g, f"{name}/{node.name or node.op_type}")


def _format_attribute(attribute: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(attribute) if attribute.type in (1, 2, 3, 6, 7, 8) else "…"
    if attribute.type > 5:  # several values
        value = list(value)
    text = base.decode_text(value) if isinstance(value, bytes) else str(value)
    return f"{attribute.name}={text[:80]}"
