"""The folder in which MLflow keeps a Keras model: which of its files are the model, and what to say of the others."""

import re
from collections.abc import Mapping

RECORD = "MLmodel"  # MLflow's own record of a model
KERAS_FILES = ("data/model.keras", "data/model.h5")
SAVED_MODEL = "data/model/"
PICKLES = ("data/custom_objects.cloudpickle", "data/global_custom_objects.cloudpickle")
FLAVOR_OF_TENSORFLOW = re.compile(rb"^ +tensorflow:[ \t\r]*$", re.MULTILINE)

LEFT_OUT = "The model was taken out of MLflow's folder; the other files there were left out."
UNRELIABLE_VERSION = "The keras_version in MLflow's file MLmodel may be the release of TensorFlow."
PICKLES_LEFT_OUT = "Among them is code that MLflow pickled ({}): pickles are never opened."


def find_model(names: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the model out of those of MLflow's folder, under the names that its format uses.

    Empty for a folder that is none of MLflow's, or that holds no Keras model. Of two files, the .keras file is taken.
    """
    if RECORD not in names:
        return {}
    for file in KERAS_FILES:
        if file in names:
            return {file: names[file]}
    inner = {name.removeprefix(SAVED_MODEL): packed for name, packed in names.items() if name.startswith(SAVED_MODEL)}
    return inner if "saved_model.pb" in inner else {}


def describe_folder(names: Mapping[str, str], record: bytes) -> list[str]:
    """Say what was left out of MLflow's folder, in sentences; `record` is the content of its MLmodel."""
    said = [LEFT_OUT, UNRELIABLE_VERSION] if FLAVOR_OF_TENSORFLOW.search(record) else [LEFT_OUT]
    pickles = ", ".join(file for file in PICKLES if file in names)
    return [*said, PICKLES_LEFT_OUT.format(pickles)] if pickles else said
