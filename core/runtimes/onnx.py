"""ONNX Runtime: how an ONNX file predicts, and what can be read of its weights."""

import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, NamedArrays
from core.runtimes.base import NO_CODE, ModelCode, Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.specs import Spec
from core.system import has_exact_8_bit_products

FILE = "model.onnx"
NUMPY_DTYPES = {"float": "float32", "double": "float64", "string": "object"}  # ONNX' words where they are not NumPy's
OLDEST_OPSET = 7  # that ONNX Runtime takes
# What the names of operations hold that multiply 8-bit numbers, or lay them out for it: ONNX' own and the runtime's.
QUANTIZED_OPERATIONS = re.compile(rb"Quantize|QLinear|Integer|QGemm|QAttention|QOrdered|NBits")
SEVEN_BITS = 64  # the largest number of a kernel of reduced range
INEXACT_PRODUCTS_REMARK = (
    "Its kernels use all 8 bits, and nothing says that this processor adds their products exactly (VNNI on x86): sums "
    "may be cut off, and answers be far off."
)
LOG_FATAL_ONLY = 4  # what is logged on the way; every error also comes as an exception


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Load on the processor."""
    path = folder / FILE
    session, remark = open_file(path)
    adapter = adapt_session(session)
    adapter = adapter._replace(remark=join_remarks(remark, adapter.remark, _describe_products(path)))
    return adapted_predictor(session, adapter, lambda: _read_weights(path))


def open_file(path: Path) -> tuple[Any, str]:
    """A session over a file, and what to say of it.

    ONNX Runtime lacks operations from before its time; ONNX' own converter then translates the file.
    """
    try:
        return open_session(str(path)), ""
    except Exception:  # whatever ONNX Runtime raises; it goes on unless the file is only too old
        if not (old := _old_opset(path)):
            raise
    from onnx import version_converter

    converted = version_converter.convert_version(load_model(path), OLDEST_OPSET)
    remark = f"Its operations are of opset {old}, and ONNX Runtime begins at {OLDEST_OPSET}: ONNX' own converter"
    return open_session(converted.SerializeToString()), f"{remark} translates them each time it is loaded."


def _describe_products(path: Path) -> str:
    """A sentence where this processor may cut sums of a file's 8-bit products off; empty where it does not."""
    if (
        has_exact_8_bit_products()
        or not _names_quantized_operations(path)
        or not any(
            np.abs(read_tensor(item.tensor, path.parent).astype("int16")).max(initial=0) > SEVEN_BITS
            for item in _quantized_constants(path)
        )
    ):
        return ""
    return INEXACT_PRODUCTS_REMARK


def _names_quantized_operations(path: Path) -> bool:
    """Whether the name of an operation on 8-bit numbers stands in a file: most have none, and are not parsed for it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return QUANTIZED_OPERATIONS.search(content) is not None


def _old_opset(path: Path) -> int:
    """The opset of a file that is too old for ONNX Runtime; else 0."""
    import onnx

    opsets = onnx.load(path, load_external_data=False).opset_import
    return next((item.version for item in opsets if not item.domain and item.version < OLDEST_OPSET), 0)


def adapt_session(session: Any, note_call: Callable[[Arrays], None] = lambda inputs: None) -> BatchAdapter:
    """How a session predicts any number of rows; `note_call` is given the inputs of each of its calls."""
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: Arrays) -> Arrays:
        note_call(inputs)
        return dict(zip(names, session.run(names, inputs), strict=True))

    inputs, outputs = session.get_inputs(), session.get_outputs()
    axis_names = {
        port.name: [size if isinstance(size, str) else "" for size in port.shape] for port in inputs + outputs
    }
    shapes = {port.name: _value_spec(port).shape for port in outputs}
    return adapt_batch_size(tuple(map(_value_spec, inputs)), shapes, predict, axis_names)


def import_onnxruntime() -> Any:
    """Import the package so that it sends no usage data.

    Since 1.31 it keeps an id of the device and a table of events in the home folder, and sends them, unless it finds
    this variable when it is imported: its own `disable_telemetry_events` comes too late for the files.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def open_session(model: str | bytes) -> Any:
    """A session over a file's path or its content, on the processor."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _value_spec(port: Any) -> Spec:
    dtype = port.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in port.shape)
    return Spec(port.name, NUMPY_DTYPES.get(dtype, dtype), shape)


class OnnxConstant(NamedTuple):
    """A constant of a graph: its values, and where they lie in its shape if it is sparse."""

    name: str
    tensor: Any
    shape: tuple[int, ...]
    indices: Any = None


def list_constants(graph: Any) -> list[OnnxConstant]:
    """The initializers of a graph and the tensors of its Constant nodes, by the names under which they are read."""
    constants = [OnnxConstant(item.name, item, tuple(item.dims)) for item in graph.initializer]
    constants += [_sparse_constant(item.values.name, item) for item in graph.sparse_initializer]
    for node in graph.node if any(node.op_type == "Constant" for node in graph.node) else ():
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                constants.append(OnnxConstant(node.output[0], attribute.t, tuple(attribute.t.dims)))
            elif attribute.name == "sparse_value":
                constants.append(_sparse_constant(node.output[0], attribute.sparse_tensor))
    return constants


def _sparse_constant(name: str, sparse: Any) -> OnnxConstant:
    return OnnxConstant(name, sparse.values, tuple(sparse.dims), sparse.indices)


def read_tensor(tensor: Any, folder: Path) -> np.ndarray:
    """The values of a tensor, also from a file beside the model, never from another place. Raises ValueError."""
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        inline = onnx.TensorProto()
        inline.CopyFrom(tensor)
        _fill_in(inline, folder)
        tensor = inline
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _fill_in(tensor: Any, folder: Path) -> None:
    """Put the values of a tensor that lie in a file beside the model into it. ONNX' own loader refuses files of which
    there is a second hard link, and ours have one."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    path = folder / facts.get("location", "")
    if path.parent != folder or path.is_symlink() or not path.is_file():
        raise ValueError(f"Its values lie in another file, {facts.get('location')}, which is not beside it")
    with path.open("rb") as file:
        file.seek(int(facts.get("offset", 0)))
        tensor.raw_data = file.read(int(facts["length"])) if "length" in facts else file.read()
    tensor.data_location = 0
    del tensor.external_data[:]


def load_model(path: Path) -> Any:
    """The model of a file, with the numbers that lie beside it."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for constant in list_constants(model.graph):
        for tensor in (constant.tensor, constant.indices):
            if tensor is not None and tensor.data_location == onnx.TensorProto.EXTERNAL:
                _fill_in(tensor, path.parent)
    return model


def _read_weights(path: Path) -> NamedArrays:
    """The constants of the graph; a converter may have transposed a kernel or folded two into one. Of those that are
    nodes, only arrays of floats: the others are sizes and axes."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    count = len(graph.initializer)
    arrays = [(item.name, read_tensor(item.tensor, path.parent)) for item in list_constants(graph)]
    return arrays[:count] + [(name, array) for name, array in arrays[count:] if array.dtype.kind == "f" and array.ndim]


def count_quantized_constants(path: Path) -> int:
    """How many kernels of an ONNX file are 8-bit integers."""
    return len(_quantized_constants(path))


def _quantized_constants(path: Path) -> list[OnnxConstant]:
    """Constants of 8-bit integers with several axes: those with fewer are zero points, or the model's own."""
    import onnx

    types = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return [item for item in read_constants(path) if item.tensor.data_type in types and len(item.shape) > 1]


def read_constants(path: Path) -> list[OnnxConstant]:
    """The constants of a file's graph; their values may lie beside it (see `read_tensor`)."""
    import onnx

    return list_constants(onnx.load(path, load_external_data=False).graph)


def count_inputs(path: Path) -> int:
    """How many arrays an ONNX file takes, beside those that it holds itself."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return len({port.name for port in graph.input} - {tensor.name for tensor in graph.initializer})
