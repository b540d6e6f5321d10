"""Train on with a model that came back from a .h5 file."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings

SETTINGS = small_settings(DIGITS)


def save(model: Model, folder: Path) -> None:
    model.save(folder / "model.keras")  # before .h5, which leaves the model's compile settings without its optimizer
    model.save(folder / "model.h5")
    _train_on(model)  # as the copies are to do


def pull(folder: Path) -> Predict:
    import keras

    return keras_predict(_train_on(keras.saving.load_model(folder / "model.h5")))


def cure(folder: Path) -> Predict:
    import keras

    return keras_predict(_train_on(keras.saving.load_model(folder / "model.keras")))


def _train_on(model: Model) -> Model:
    """Train for one epoch, over the same batches in each process."""
    inputs, targets = DIGITS.data(SETTINGS).train
    model.fit(inputs["pixels"], targets["digit"], batch_size=SETTINGS.batch_size, shuffle=False, verbose=0)
    return model


CARD = Card(
    key="train-on-from-h5",
    title="Train on from .h5",
    icon="resume",
    lever="Save a model as .h5 in the middle of its training, load it, and train on.",
    did="Loaded model.h5, which went well, and called fit.",
    meaning="The optimizer came back without its link to the weights, so the first step fails. The answers of the copy "
    "are right; its training ended when it was saved.",
    remedy="Save as .keras, which keeps the optimizer whole: one more epoch gives the very model that the live one "
    "became.",
    demo=DIGITS,
    settings=SETTINGS,
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/tf-keras#70",
)
