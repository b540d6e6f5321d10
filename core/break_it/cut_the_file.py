"""Cut a file short, as a copy does that breaks off."""

import os
import zipfile
from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings


def save(model: Model, folder: Path) -> None:
    model.save(folder / "model.keras")


def pull(folder: Path) -> Predict:
    import keras

    content = (folder / "model.keras").read_bytes()
    (folder / "copy.keras").write_bytes(content[: len(content) // 2])
    return keras_predict(keras.saving.load_model(folder / "copy.keras"))


def cure(folder: Path) -> Predict:
    """The first copy breaks off again: it is noticed under its temporary name, and made again."""
    import keras

    content, temporary = (folder / "model.keras").read_bytes(), folder / "copy.keras.part"
    for copied in (content[: len(content) // 2], content):
        temporary.write_bytes(copied)
        if zipfile.is_zipfile(temporary) and zipfile.ZipFile(temporary).testzip() is None:
            break
    os.replace(temporary, folder / "copy.keras")
    return keras_predict(keras.saving.load_model(folder / "copy.keras"))


CARD = Card(
    key="cut-the-file",
    title="Cut the file",
    icon="content_cut",
    lever="Copy a model, and let the copy break off half-way.",
    did="Copied the first half of model.keras to copy.keras, and loaded that.",
    meaning="The message speaks of a missing file. The file is there; its second half is not.",
    remedy="Write under a temporary name, check what was written, and rename it only then. The copy broke off once "
    "more, was noticed, and was made again.",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=False,
    save=save,
    pull=pull,
    cure=cure,
    report="keras-team/keras#20259",
)
