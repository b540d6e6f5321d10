"""A model of either kind as converters want it, in inference mode; and a graph of TensorFlow 1 as a function."""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.runtimes.base import Model
from core.runtimes.call_arguments import output_structure
from core.runtimes.keras import may_remember
from core.runtimes.model_kinds import model_kind
from core.runtimes.outputs import flatten_outputs, is_nested
from core.runtimes.saved_model import SessionSignature, fed_shape, open_signature
from core.runtimes.tf_module import serving_function

# Set where one model is saved in many formats and does not change between: what it was converted to, by format, for the
# forms that begin with the same file.
shared_conversions: ContextVar[dict[str, Any] | None] = ContextVar("shared_conversions", default=None)


def to_inference_model(model: Model) -> Model:
    """A Keras model over the same weights that predicts as in inference, whoever calls it.

    An exporter calls a model without saying that it is not training, and random augmentation then acts. A subclassed
    model says nothing of its inputs, so it cannot be wrapped, and is returned as it is.
    """
    import keras

    if not getattr(model, "inputs", None):
        return model
    inputs = symbolic_inputs(model)
    return to_flat_model(keras.Model(inputs, model(inputs, training=False), name=model.name))


def to_flat_model(model: Model) -> Model:
    """The same Keras model with its outputs by path, where they are nested: exporters take no nested ones."""
    import keras

    outputs = output_structure(model)
    return keras.Model(model.input, flatten_outputs(outputs), name=model.name) if is_nested(outputs) else model


def symbolic_inputs(model: Model) -> Any:
    """The symbolic inputs of a functional or sequential model: one, or a list or dictionary of them."""
    import keras

    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def stated_signature(model: Model) -> list[Any] | None:
    """What an exporter is to trace a model for that keeps its state, for just so many rows as it states; else None.

    Keras' own exporters leave the number of rows free, and the state has one for each.
    """
    import keras

    tensors = getattr(model, "inputs", None) or []
    if not tensors or not may_remember(model) or any(tensor.shape[:1] in ((), (None,)) for tensor in tensors):
        return None
    return [keras.tree.map_structure(_to_input_spec, symbolic_inputs(model))]


def _to_input_spec(tensor: Any) -> Any:
    import keras

    return keras.InputSpec(shape=tuple(tensor.shape), dtype=tensor.dtype, name=tensor.name)


def inference_function(model: Model) -> Any:
    """The concrete function through which a model of either kind predicts in inference mode, with named inputs."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import get_input_signature, make_tf_tensor_spec

    if model_kind(model) == "module":
        return serving_function(model)
    signature = stated_signature(model) or get_input_signature(model)
    specs = keras.tree.map_structure(make_tf_tensor_spec, signature)
    function = tf.function(lambda *inputs: model(*inputs, training=False), autograph=False)
    return function.get_concrete_function(*specs)


def count_function_inputs(model: Model) -> int:
    """How many arrays the function of a model takes, beside what it captures."""
    function = inference_function(model)
    return len(function.inputs) - len(function.captured_inputs)


def output_names(model: Model, function: Any) -> list[str]:
    """Names of a function's outputs in its own order: those of `flatten_outputs`."""
    import tensorflow as tf

    places = iter(range(len(function.outputs)))
    order = [next(places) if hasattr(part, "dtype") else None for part in tf.nest.flatten(function.structured_outputs)]
    structure = tf.nest.pack_sequence_as(function.structured_outputs, order)
    named = flatten_outputs(structure, getattr(model, "output_names", None))
    return sorted(named, key=lambda name: named[name])


def import_graph(graph: Any, inputs: Iterable[str], outputs: Mapping[str, str]) -> Any:
    """A GraphDef as a concrete function; its inputs, and its outputs by name, are names of tensors ("x:0")."""
    import tensorflow as tf

    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    find = whole.graph.get_tensor_by_name
    return whole.prune([find(name) for name in inputs], {name: find(tensor) for name, tensor in outputs.items()})


def import_frozen_graph(graph: Any) -> Any:
    """A GraphDef of constants as a concrete function from its placeholders to the ends of the graph, all by name."""
    outputs = {name: f"{name}:0" for name in graph_output_names(graph)}
    return import_graph(graph, [f"{name}:0" for name in graph_input_names(graph)], outputs)


def graph_input_names(graph: Any) -> list[str]:
    """The placeholders of a GraphDef that some node reads; control flow leaves others behind."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.op == "Placeholder" and node.name in consumed]


def graph_output_names(graph: Any) -> list[str]:
    """The nodes of a GraphDef that no other node reads: these are the outputs."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.name not in consumed and node.op not in ("NoOp", "Placeholder")]


def _consumed_names(graph: Any) -> set[str]:
    return {name.removeprefix("^").split(":")[0] for node in graph.node for name in node.input}


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
