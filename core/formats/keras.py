"""Keras 3's own file: one zip with architecture, weights, optimizer state and compile settings."""

import zipfile
from dataclasses import replace
from pathlib import Path

from core.formats.base import Format, Option
from core.formats.imported_loaders import open_any_keras
from core.formats.standalone_loaders import StandaloneLoader, open_keras, open_structured_keras
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor, join_remarks
from core.runtimes.keras import keras_predictor
from core.runtimes.keras_changes import LEGACY_FUNCTIONS, read_metadata_version, restore_meaning
from core.runtimes.keras_file_settings import (
    AS_COMPILED,
    AUTO,
    CONFIG_FILE,
    describe_file_settings,
    read_file_settings,
    saved_policy,
    set_auto_xla,
)
from core.runtimes.keras_releases import THIS_RELEASE, WRITTEN_FOR, rewrite_config
from core.runtimes.rewritten_keras_file import describe_rewriting, readable_keras_file
from core.runtimes.unsaved_weights import find_weights_missing_from_hdf5
from core.runtimes.zip_member import open_zip_member, replace_zip_member

FOR_KERAS = Option(
    "for_keras",
    "For Keras",
    THIS_RELEASE,
    "The oldest release of Keras 3 that must load the file. What a release does not know is left out where it says "
    "nothing; where it says something, the copy is not written.",
    choices=WRITTEN_FOR,
)
XLA = Option(
    "xla",
    "XLA",
    AS_COMPILED,
    "Whether Keras is to compile the loaded model with XLA: as the model was compiled, or as the Keras that loads it "
    "decides by its own back end and machine.",
    choices=(AS_COMPILED, AUTO),
)


def rewrite_options(text: str, for_keras: str, xla: str) -> tuple[str, str]:
    """Return the text of a file's config as both options ask for it, and which releases read it, in a sentence."""
    text, remark = rewrite_config(text, for_keras)
    return set_auto_xla(text) if xla == AUTO else text, remark


def save(model: Model, folder: Path, for_keras: str = THIS_RELEASE, xla: str = AS_COMPILED) -> str:
    path = folder / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        text, remark = rewrite_options(archive.read(CONFIG_FILE).decode(), for_keras, xla)
    if (for_keras, xla) != (THIS_RELEASE, AS_COMPILED):
        replace_zip_member(path, CONFIG_FILE, text.encode())
    return join_remarks(remark, describe_file_settings(read_file_settings(path), model))


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import keras

    path, classes = folder / "model.keras", {**LEGACY_FUNCTIONS, **code.classes}
    settings = read_file_settings(path)
    with saved_policy(settings), readable_keras_file(path) as (readable, changed):
        model = keras.models.load_model(readable, classes, compile=code.compiles, safe_mode=True)
    with zipfile.ZipFile(path) as archive:
        remark = restore_meaning(model, read_metadata_version(archive.read("metadata.json")))
    notes = describe_rewriting(changed), describe_file_settings(settings, model)
    return replace(keras_predictor(model), remark=join_remarks(remark, *notes))


def find_missing(model: Model, folder: Path) -> list[str]:
    with open_zip_member(folder / "model.keras", "model.weights.h5") as file:
        return find_weights_missing_from_hdf5(model, [file])


FORMAT = Format(
    key="keras",
    label="Keras file (.keras)",
    layout="one file",
    good_for="Resuming training: everything that it needs is in one file, and Keras gives back the same model.",
    keeps=frozenset({"architecture", "weights", "optimizer state", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(
        open_keras, "model.keras", load_imported=open_any_keras, load_structured=open_structured_keras
    ),
    activations="keras",
    find_missing=find_missing,
    options=(FOR_KERAS, XLA),
    origin="Keras 2.12 (2023), as the successor of .h5; the format of Keras 3.",
    explains="Custom layers are kept by name, not as code: a process without the class cannot load the file. An older "
    "Keras refuses it for every key that it does not know, even one that says nothing; the option leaves those out.",
)
