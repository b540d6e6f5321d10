"""A signature of a SavedModel as a tf.Module, as converters want it: with its variables, or frozen to constants.

That is all there is where there is no Python code of the model.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.runtimes.base import Model
from core.runtimes.imported_graph import import_graph
from core.runtimes.saved_model import open_signature
from core.runtimes.saved_model_session import SessionSignature, fed_shape


def serving_module(folder: Path, signature_name: str = "") -> Model:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `load_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_signature(folder, signature_name, tf.saved_model.load)
    if isinstance(opened.signature, SessionSignature):
        function = _freeze_signature(opened.signature)
        inputs = dict(zip(opened.signature.inputs, function.inputs, strict=False))
        return wrap_function(function, inputs, by_name=False)
    module = wrap_function(opened.signature, dict(sorted(opened.signature.structured_input_signature[1].items())))
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def wrap_function(function: Any, inputs: dict[str, Any], by_name: bool = True) -> Model:
    """A tf.Module around a concrete function; `inputs` are its tensors or specs by name, in the order of the module."""
    import tensorflow as tf

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=_to_identifier(name)) for name, spec in inputs.items()]

    def call(self: Any, *tensors: Any) -> Any:
        return function(**dict(zip(inputs, tensors, strict=True))) if by_name else function(*tensors)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=specs)})
    module = kind(name="brought")
    module.function = function
    return module


def _to_identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"


def _freeze_signature(signature: SessionSignature) -> Any:
    """The signature as a concrete function that TensorFlow 2 calls and converts, its variables made constants.

    Raises CannotSave where the graph needs more than variables, such as a lookup table.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    nodes = sorted({tensor.op.name for tensor in signature.outputs.values()})
    graph = signature.session.graph
    constant = convert_variables_to_constants_from_session_graph(signature.session, graph.as_graph_def(), nodes)
    constant, inputs, outputs = _cut_at_inputs(constant, signature)
    if tables := [node.name for node in constant.node if "HashTable" in node.op]:
        raise CannotSave(
            "The model looks words up in a table, and a graph of constants cannot hold one.",
            received=tables[0],
            cure="Convert it where it was made, with the table inside of the function.",
        )
    return _inline_functions(import_graph(constant, inputs, outputs))


def _cut_at_inputs(graph: Any, signature: SessionSignature) -> tuple[Any, list[str], dict[str, str]]:
    """A GraphDef in which the inputs of a signature are placeholders, and nothing is left that only led to them.

    A session is fed at any tensor: at what a parser of examples gives, as often as at a placeholder. Returns the names
    of the inputs, and of the outputs by the signature's names.
    """
    import tensorflow as tf

    with tf.Graph().as_default() as cut:
        feeds = {
            tensor.name: tf.compat.v1.placeholder(tensor.dtype.base_dtype, fed_shape(tensor), f"fed/{tensor.op.name}")
            for tensor in signature.inputs.values()
        }
        names = _names(signature.outputs)
        tensors = tf.compat.v1.import_graph_def(graph, feeds, list(names.values()), name="")
        outputs = [feeds.get(name, tensor) for name, tensor in zip(names.values(), tensors, strict=True)]
        kept = [tensor.op.name for tensor in (*outputs, *feeds.values())]
        short = tf.compat.v1.graph_util.extract_sub_graph(cut.as_graph_def(), kept)
    return short, [feed.name for feed in feeds.values()], dict(zip(names, _tensor_names(outputs), strict=True))


def _tensor_names(tensors: Iterable[Any]) -> list[str]:
    return [tensor.name for tensor in tensors]


def _inline_functions(function: Any) -> Any:
    """The same with the functions that it calls written out: some converters know none."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    outputs = dict(zip(sorted(function.structured_outputs), flat.graph.outputs, strict=True))
    return import_graph(flat.graph.as_graph_def(), [tensor.name for tensor in flat.inputs], _names(outputs))


def _names(tensors: dict[str, Any]) -> dict[str, str]:
    return {name: tensor.name for name, tensor in tensors.items()}
