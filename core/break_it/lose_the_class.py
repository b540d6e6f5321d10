"""Load a model with a layer of one's own in a process that does not know its class."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS_WITH_OWN_LAYER, small_settings


def save(model: Model, folder: Path) -> None:
    model.save(folder / "model.keras")


def pull(folder: Path) -> Predict:
    import keras

    return keras_predict(keras.saving.load_model(folder / "model.keras"))


def cure(folder: Path) -> Predict:
    import keras

    classes = DIGITS_WITH_OWN_LAYER.classes()
    return keras_predict(keras.saving.load_model(folder / "model.keras", custom_objects=classes))


CARD = Card(
    key="lose-the-class",
    title="Lose the class",
    icon="extension_off",
    lever="Load a model that has a layer of its own, without the code of that layer.",
    did="Loaded model.keras in a process that does not know the class Scale.",
    meaning="The file names the class of a layer and does not hold its code. Every number is still there; without the "
    "class nothing can use them.",
    remedy="Give the class to the loader: load_model(…, custom_objects={'Scale': Scale}).",
    demo=DIGITS_WITH_OWN_LAYER,
    settings=small_settings(DIGITS_WITH_OWN_LAYER),
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/keras#19899",
)
