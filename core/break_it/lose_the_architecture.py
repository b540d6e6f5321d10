"""Load a file of weights as if it were a model."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    model.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")


def pull(folder: Path) -> Predict:
    import keras

    return keras_predict(keras.saving.load_model(folder / "model.weights.h5"))


def cure(folder: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.weights.h5")
    return keras_predict(model)


CARD = Card(
    key="lose-the-architecture",
    title="Lose the architecture",
    icon="architecture",
    lever="Load a file that holds the weights alone, as if it were a whole model.",
    did="Called load_model on model.weights.h5.",
    meaning="The file holds numbers and not the layers that they belong to, so there is no model to make of it.",
    remedy="Rebuild the layers from the architecture (JSON) or from the code, then load the weights into them.",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/keras#18728",
)
