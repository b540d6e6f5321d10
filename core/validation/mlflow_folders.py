"""The folder in which MLflow keeps a model of Keras or TensorFlow: which files are the model, what of the others."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from core.validation import limits

RECORD = "MLmodel"  # MLflow's own record of a model
KERAS_FILES = ("data/model.keras", "data/model.h5")
# Of a Keras model; of a tf.Module; and of either by MLflow 1.
SAVED_MODELS = ("data/model/", "tf2model/", "tfmodel/")
PICKLES = ("data/custom_objects.cloudpickle", "data/global_custom_objects.cloudpickle")
FLAVOR_OF_TENSORFLOW = re.compile(rb"^ +tensorflow:[ \t\r]*$", re.MULTILINE)
STATED_VERSION = b"keras_version:"  # which the record of a tf.Module does not have

LEFT_OUT = "The model was taken out of MLflow's folder; the other files there were left out."
BESIDE = "The model lies in a folder of MLflow's; the other files there are no part of it."
UNRELIABLE_VERSION = "The keras_version in MLflow's file MLmodel may be the release of TensorFlow."
PICKLES_LEFT_OUT = "Among them is code that MLflow pickled ({}): pickles are never opened."


def find_model(names: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the model out of those of MLflow's folder, under the names that its format uses.

    Empty for a folder that is none of MLflow's, or that holds no such model. Of two, the .keras file is taken.
    """
    if RECORD not in names:
        return {}
    for file in KERAS_FILES:
        if file in names:
            return {file: names[file]}
    for folder in SAVED_MODELS:
        inner = {name.removeprefix(folder): packed for name, packed in names.items() if name.startswith(folder)}
        if "saved_model.pb" in inner:
            return inner
    return {}


def describe_folder(names: Mapping[str, str], record: bytes, others: str = LEFT_OUT) -> list[str]:
    """Say in sentences what else is in MLflow's folder, of which the first is of all `others`; `record` is the content
    of its MLmodel."""
    is_unreliable = FLAVOR_OF_TENSORFLOW.search(record) and STATED_VERSION in record
    said = [others, UNRELIABLE_VERSION] if is_unreliable else [others]
    pickles = ", ".join(file for file in PICKLES if file in names)
    return [*said, PICKLES_LEFT_OUT.format(pickles)] if pickles else said


def describe_folder_around(model: Path) -> list[str]:
    """Say the same of a model that lies in MLflow's folder and was found by itself; nothing of any other.

    What cannot be read there says nothing: it is no part of the model.
    """
    for folder in model.parents[:2]:
        place, record = model.relative_to(folder).as_posix(), folder / RECORD
        is_one = os.path.isfile(record) and not os.path.islink(record)
        if is_one and (place in KERAS_FILES or f"{place}/" in SAVED_MODELS):
            names = {file: file for file in PICKLES if os.path.isfile(folder / file)}
            return describe_folder(names, _read_record(record), BESIDE)
    return []


def _read_record(path: Path) -> bytes:
    """The content of an MLmodel; nothing where it is too long, or cannot be read."""
    with contextlib.suppress(OSError):
        if path.stat().st_size <= limits.MAX_JSON_BYTES:
            return path.read_bytes()
    return b""
