"""Rebuild a model from its architecture alone."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    model.save_weights(folder / "model.weights.h5")


def pull(folder: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    return keras_predict(model)


def cure(folder: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.weights.h5")
    return keras_predict(model)


CARD = Card(
    key="lose-the-weights",
    title="Lose the weights",
    icon="psychology_alt",
    lever="Rebuild a model from its architecture (JSON), and forget the file of its weights.",
    did="Rebuilt the model with model_from_json, loaded no weights, and asked it.",
    meaning="The layers are the same and their numbers are new random ones. The model answers every question and has "
    "learned nothing.",
    remedy="Load the weights that were saved beside it: model.load_weights('model.weights.h5').",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
)
