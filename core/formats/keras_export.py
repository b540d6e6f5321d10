"""Keras' own export for inference: a SavedModel with a `serve` endpoint and nothing that only training needs."""

from pathlib import Path

from core.formats.base import Format
from core.formats.saved_model import load
from core.formats.standalone_loaders import StandaloneLoader, open_saved_model
from core.runtimes.base import Model
from core.runtimes.inference_model import to_flat_model


def save(model: Model, folder: Path) -> None:
    to_flat_model(model).export(folder, format="tf_saved_model", verbose=False)


FORMAT = Format(
    key="keras_export",
    label="Keras export",
    layout="a directory",
    good_for="Serving a Keras model: a SavedModel for inference alone, with named inputs and a dynamic batch.",
    keeps=frozenset({"weights", "graph", "signatures"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_saved_model, ""),
    origin="Keras 3 (2023), for TensorFlow Serving and other servers of SavedModels.",
    explains="A SavedModel too, so keras.models.load_model refuses it; tf.saved_model.load(folder).serve(x) and "
    "signatures['serving_default'] answer. It keeps no optimizer, so training cannot go on from it.",
)
