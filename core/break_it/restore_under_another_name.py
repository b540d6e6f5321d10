"""Restore a TensorFlow checkpoint under another name than it was written with."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=model).write(str(folder / "checkpoint"))
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")


def pull(folder: Path) -> Predict:
    import keras
    import tensorflow as tf

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    tf.train.Checkpoint(net=model).read(str(folder / "checkpoint")).expect_partial()
    return keras_predict(model)


def cure(folder: Path) -> Predict:
    import keras
    import tensorflow as tf

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    status = tf.train.Checkpoint(model=model).read(str(folder / "checkpoint"))
    status.assert_existing_objects_matched()
    return keras_predict(model)


CARD = Card(
    key="restore-under-another-name",
    title="Restore under another name",
    icon="badge",
    lever="Write a checkpoint as Checkpoint(model=…), and restore it as Checkpoint(net=…).",
    did="Called Checkpoint(net=model).read(…).expect_partial() on a checkpoint that was written with model=.",
    meaning="A checkpoint finds its numbers by the names of attributes. Under net there are none, so nothing was "
    "restored. expect_partial(), which is there to hush warnings about the optimizer, hushed this one too.",
    remedy="Use the name that it was written with, and call assert_existing_objects_matched(), which raises where a "
    "variable found no value.",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
)
