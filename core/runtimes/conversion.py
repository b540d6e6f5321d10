"""A model of either kind as converters want it: in inference mode, as a Keras model or as one function."""

from typing import Any

from core.runtimes.base import model_kind
from core.runtimes.live import serving_function


def to_inference_model(model: Any) -> Any:
    """A Keras model over the same weights that answers as in inference, whoever calls it.

    An exporter calls a model without saying that it is not training, and random augmentation then acts. A subclassed
    model says nothing of its inputs, so it cannot be wrapped, and is given back as it is.
    """
    import keras

    if not getattr(model, "inputs", None):
        return model
    inputs = symbolic_inputs(model)
    return keras.Model(inputs, model(inputs, training=False), name=model.name)


def symbolic_inputs(model: Any) -> Any:
    """The symbolic inputs of a functional or sequential model: one, or a list or dictionary of them."""
    import keras

    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def inference_function(model: Any) -> Any:
    """The concrete function through which a model of either kind answers in inference mode, with named inputs."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import get_input_signature, make_tf_tensor_spec

    if model_kind(model) == "module":
        return serving_function(model)
    specs = keras.tree.map_structure(make_tf_tensor_spec, get_input_signature(model))
    function = tf.function(lambda *inputs: model(*inputs, training=False), autograph=False)
    return function.get_concrete_function(*specs)


def count_function_inputs(model: Any) -> int:
    """How many arrays the function of a model is given, beside what it captures."""
    function = inference_function(model)
    return len(function.inputs) - len(function.captured_inputs)


def output_names(model: Any, function: Any) -> list[str]:
    """Names of a function's outputs in its own order: the keys of a dictionary, else what the model calls them."""
    if isinstance(function.structured_outputs, dict):
        return sorted(function.structured_outputs)
    count = len(function.outputs)
    named = list(getattr(model, "output_names", None) or ()) if count > 1 else []
    return named if len(named) == count else [f"output_{index}" for index in range(count)]
