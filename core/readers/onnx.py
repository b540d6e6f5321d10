"""Operations, tensors and metadata of an ONNX file; numbers in other files are read from beside it alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from core.readers import base
from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor
from core.readers.onnx_structure import describe_structure, read_constant
from core.runtimes.onnx import OnnxConstant, list_constants


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
