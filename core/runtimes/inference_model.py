"""A model of either kind as converters want it: in inference mode, with flat outputs, and as a function."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from core.runtimes.base import Model
from core.runtimes.call_arguments import output_structure
from core.runtimes.keras import may_remember
from core.runtimes.model_kinds import model_kind
from core.runtimes.specs import flatten_outputs, is_nested
from core.runtimes.tf_module import serving_function

# Set where one model is saved in many formats and does not change between: what it was converted to, by format, for the
# forms that begin with the same file.
shared_conversions: ContextVar[dict[str, Any] | None] = ContextVar("shared_conversions", default=None)


def share_conversion(key: str, paths: Sequence[Path], convert: Callable[[], str]) -> str:
    """Write files by `convert`, or as the same model was converted before under this key.

    Returns what to know of the copy, as `convert` does.
    """
    shared = shared_conversions.get()
    if shared is None or key not in shared:
        remark = convert()
        if shared is not None:
            shared[key] = [path.read_bytes() for path in paths], remark
        return remark
    contents, remark = shared[key]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return str(remark)


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
