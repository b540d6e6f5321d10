"""Rebuild a model that reads text from its architecture and weights."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import COUNTRY_NAMES


def save(model: Model, folder: Path) -> None:
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")


def pull(folder: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.weights.h5")
    return keras_predict(model)


def cure(folder: Path) -> Predict:
    import keras

    return keras_predict(keras.saving.load_model(folder / "model.keras"))


CARD = Card(
    key="forget-the-vocabulary",
    title="Forget the vocabulary",
    icon="dictionary",
    lever="Rebuild a model that reads text from its architecture and all of its weights.",
    did="Rebuilt the model from JSON, loaded all of its weights, and asked it about a name.",
    meaning="What the text layer learned is a vocabulary, which is neither architecture nor weights. Both files load "
    "without complaint; the first question finds an empty table.",
    remedy="Save as .keras, which holds the vocabulary as a file of its own, and load that.",
    demo=COUNTRY_NAMES,
    settings=COUNTRY_NAMES.defaults.model_copy(update={"epochs": 5}),
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="tensorflow/tensorflow#61369",
)
