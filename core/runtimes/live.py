"""Predictors over live TensorFlow objects: a Keras model, a tf.Module, a signature of a SavedModel."""

from core.runtimes.base import Model, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.model_kinds import model_kind
from core.runtimes.tf_module import module_predictor


def live_predictor(model: Model) -> Predictor:
    """The predictor over a model of either kind that lives in this process."""
    return keras_predictor(model) if model_kind(model) == "keras" else module_predictor(model)
