"""StableHLO: the graph for XLA, IREE and other compilers, for exactly one row."""

import json
from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_stablehlo
from core.runtimes.base import Model
from core.runtimes.single_row import require_stated_sizes, single_row_module
from core.runtimes.stablehlo import FILE, PORTS, load
from core.runtimes.tf_module import serving_function

MESSAGES = ("Assert", "Const")  # operations in which text is a message, which a compiler drops


def save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    function = serving_function(single_row_module(model))
    specs = [spec for spec in tf.nest.flatten(function.structured_input_signature) if isinstance(spec, tf.TensorSpec)]
    require_stated_sizes(specs)
    _require_numbers(function)
    compiled = tf.function(lambda *tensors: function(*tensors), specs, jit_compile=True, autograph=False)
    (folder / FILE).write_bytes(compiled.experimental_get_compiler_ir(*specs)(stage="stablehlo_serialized"))
    outputs = sorted(function.structured_outputs.items())  # as TensorFlow flattens a dictionary
    ports = {
        "inputs": [_describe(spec.name, spec) for spec in specs],
        "outputs": [_describe(name, tensor) for name, tensor in outputs],
    }
    (folder / PORTS).write_text(json.dumps(ports), encoding="utf-8")


def _require_numbers(function: Any) -> None:
    """Require a graph without text and tables: at those, TensorFlow's compiler ends the process without a word."""
    import tensorflow as tf

    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for body in graph.library.function for node in body.node_def)]
    values = [value for node in nodes if node.op not in MESSAGES for value in node.attr.values()]
    types = {number for value in values for number in (value.type, *value.list.type)}
    if {tf.string.as_datatype_enum, tf.resource.as_datatype_enum} & types:
        cure = "Do that step outside of the model, or choose SavedModel, which keeps every operation."
        raise CannotSave("StableHLO has no text and no lookup tables, and this model uses them.", cure=cure)


def _describe(name: str, tensor: Any) -> list[Any]:
    return [name, tensor.dtype.name, tensor.shape.as_list()]


FORMAT = Format(
    key="stablehlo",
    label="StableHLO",
    layout="two files",
    good_for="Compilers that take XLA's operations: every weight stands in the graph, and no framework around it.",
    keeps=frozenset({"weights, converted", "graph", "signatures"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_stablehlo, FILE, ("tensorflow", "numpy")),
    origin="OpenXLA (2022), from XLA's HLO; here by TensorFlow, without JAX.",
    explains="A module of MLIR in its binary form, with the weights as constants and every size stated: one row. Its "
    "inputs and outputs have no names, so these stand in a second file. TensorFlow runs it through the operation by "
    "which JAX calls into it, and compiles it at the first call. It is no file for years: the binary form is that of "
    "this release of MLIR.",
)
