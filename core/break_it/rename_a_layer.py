"""Rename a layer in the code, and load weights by name."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    model.save(folder / "model.h5")


def pull(folder: Path) -> Predict:
    model = _rebuild_with_renamed_layer(folder)
    model.load_weights(folder / "model.h5", by_name=True)
    return keras_predict(model)


def cure(folder: Path) -> Predict:
    model = _rebuild_with_renamed_layer(folder)
    model.load_weights(folder / "model.h5")
    return keras_predict(model)


def _rebuild_with_renamed_layer(folder: Path) -> Model:
    import keras

    architecture = (folder / "model.json").read_text(encoding="utf-8")
    return keras.models.model_from_json(architecture.replace('"name": "dense"', '"name": "features"'))


CARD = Card(
    key="rename-a-layer",
    title="Rename a layer",
    icon="label_off",
    lever="Rename one layer in the code, then load the old weights by name.",
    did="Renamed the layer dense to features, and called load_weights with by_name=True.",
    meaning="The file has no layer of the new name, so that layer kept its random numbers. Loading by name passes over "
    "what it does not find.",
    remedy="Load without by_name: Keras then goes by the order of the layers, and refuses a file that does not fit.",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/keras#9683",
)
