"""Load a SavedModel with Keras' load_model."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict, saved_model_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    model.export(folder / "saved_model", verbose=False)


def pull(folder: Path) -> Predict:
    import keras

    return keras_predict(keras.saving.load_model(folder / "saved_model"))


def cure(folder: Path) -> Predict:
    return saved_model_predict(folder / "saved_model")


CARD = Card(
    key="load-saved-model-with-keras",
    title="Load a SavedModel with load_model",
    icon="folder_off",
    lever="Open an exported SavedModel with the function that opens Keras files.",
    did="Called keras.saving.load_model on the folder of a SavedModel.",
    meaning="A SavedModel is a program that predicts, not a Keras model, and load_model refuses it since Keras 3. "
    "Nothing is wrong with the folder.",
    remedy="Open it with tf.saved_model.load, and call what it serves: model.serve(rows).",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/keras#18709",
)
