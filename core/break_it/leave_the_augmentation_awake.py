"""Export a model that still augments what it is asked."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, saved_model_predict
from core.break_it.models import AUGMENTED_DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    import keras

    model.export(folder / "awake", verbose=False)
    pixels = keras.Input((64,), name="pixels")
    keras.Model(pixels, model(pixels, training=False)).export(folder / "asleep", verbose=False)


def pull(folder: Path) -> Predict:
    return saved_model_predict(folder / "awake")


def cure(folder: Path) -> Predict:
    return saved_model_predict(folder / "asleep")


CARD = Card(
    key="leave-the-augmentation-awake",
    title="Leave the augmentation awake",
    icon="rotate_right",
    lever="Export a model whose first layers turn and shift each picture at random.",
    did="Exported the model as it was trained, opened the SavedModel, and asked it.",
    meaning="Layers that turn and shift pictures are for training. In the export they still do it, with other random "
    "numbers each time, so the same picture may get another answer when it is asked again.",
    remedy="Export keras.Model(inputs, model(inputs, training=False)), in which they do nothing.",
    demo=AUGMENTED_DIGITS,
    settings=small_settings(AUGMENTED_DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
)
