"""The architecture alone, as JSON: the other half of a model, with no numbers in it."""

from pathlib import Path

from core.formats.base import Format
from core.formats.standalone import StandaloneLoader, open_architecture
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor


def save(model: Model, folder: Path) -> None:
    (folder / "architecture.json").write_text(model.to_json(indent=2), encoding="utf-8")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import keras

    text = (folder / "architecture.json").read_text(encoding="utf-8")
    return keras_predictor(keras.models.model_from_json(text, custom_objects=dict(code.classes)))


FORMAT = Format(
    key="architecture",
    label="Architecture only (JSON)",
    layout="one file",
    good_for="Reading and reviewing what a model is: its layers as text. It answers, but with fresh random weights.",
    keeps=frozenset({"architecture"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_architecture, "architecture.json"),
    activations="keras",
    origin="Keras, from its first versions on.",
    explains="It loads without a complaint and gives answers, all of them from new random weights: nothing that was "
    "learned is in this file.",
)
