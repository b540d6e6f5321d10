"""Keras' own export for inference: a SavedModel with a `serve` endpoint and nothing that only training needs."""

from pathlib import Path

from core.formats import kits
from core.formats.contract import NO_CODE, Code, Format, Predictor
from core.formats.saved_variables import load_saved_model


def save(model, folder: Path) -> None:
    model.export(folder, format="tf_saved_model", verbose=False)


def load(folder: Path, code: Code = NO_CODE) -> Predictor:
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
    kit=kits.Kit(kits.open_saved_model, "", kits.TENSORFLOW),
    origin="Keras 3 (2023), for TensorFlow Serving and other servers of SavedModels.",
    explains="A SavedModel too, so keras.models.load_model refuses it; tf.saved_model.load(folder).serve(x) and "
    "signatures['serving_default'] answer. It keeps no optimizer, so training cannot go on from it.",
)
