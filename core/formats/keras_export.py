"""Keras' own export for inference: a SavedModel with a `serve` endpoint and nothing that only training needs."""

from pathlib import Path

from core.formats import standalone
from core.formats.base import Format
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.saved_model import load_saved_model


def save(model, folder: Path) -> None:
    model.export(folder, format="tf_saved_model", verbose=False)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import tensorflow as tf

    return load_saved_model(folder, code, tf.saved_model.load)


FORMAT = Format(
    key="keras_export",
    label="Keras export",
    layout="a directory",
    good_for="Serving a Keras model: a SavedModel for inference alone, with named inputs and a dynamic batch.",
    keeps=frozenset({"weights", "graph", "signatures"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=standalone.StandaloneLoader(standalone.open_saved_model, "", standalone.TENSORFLOW_PACKAGES),
    origin="Keras 3 (2023), for TensorFlow Serving and other servers of SavedModels.",
    explains="A SavedModel too, so keras.models.load_model refuses it; tf.saved_model.load(folder).serve(x) and "
    "signatures['serving_default'] answer. It keeps no optimizer, so training cannot go on from it.",
)
