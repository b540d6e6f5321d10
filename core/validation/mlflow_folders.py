"""The folder in which MLflow keeps a model of Keras or TensorFlow: which files are the model, what of the others."""

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


def describe_folder(names: Mapping[str, str], record: bytes) -> list[str]:
    """Say what was left out of MLflow's folder, in sentences; `record` is the content of its MLmodel."""
    is_unreliable = FLAVOR_OF_TENSORFLOW.search(record) and STATED_VERSION in record
    said = [LEFT_OUT, UNRELIABLE_VERSION] if is_unreliable else [LEFT_OUT]
    pickles = ", ".join(file for file in PICKLES if file in names)
    return [*said, PICKLES_LEFT_OUT.format(pickles)] if pickles else said


def describe_folder_around(model: Path) -> list[str]:
    """Say the same of a model that lies in MLflow's folder and was found by itself; nothing of any other."""
    for folder in model.parents[:2]:
        place = model.relative_to(folder).as_posix()
        record = folder / RECORD
        if (place in KERAS_FILES or f"{place}/" in SAVED_MODELS) and record.is_file() and not record.is_symlink():
            names = {file: file for file in PICKLES if (folder / file).is_file()}
            is_small = record.stat().st_size <= limits.MAX_JSON_BYTES
            return describe_folder(names, record.read_bytes() if is_small else b"")
    return []
