"""The legacy HDF5 file of Keras 1 and 2: one file that many older tools still read."""

from dataclasses import replace
from pathlib import Path

from core.formats.base import Format
from core.formats.h5_limits import explain_uncopied_setting, explain_unread_file
from core.formats.imported_loaders import open_old_h5
from core.formats.standalone_loaders import StandaloneLoader, open_keras, open_structured_keras
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.keras_changes import LEGACY_FUNCTIONS, restore_meaning
from core.runtimes.legacy_keras import is_legacy_version, load_legacy_h5, read_keras_version
from core.runtimes.unsaved_weights import find_weights_missing_from_hdf5, require_distinct_names


def save(model: Model, folder: Path) -> None:
    require_distinct_names(model)
    try:
        model.save(folder / "model.h5")
    except TypeError as error:
        if explained := explain_uncopied_setting(model):
            raise explained from error
        raise


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import keras

    path, classes = folder / "model.h5", {**LEGACY_FUNCTIONS, **code.classes}
    if is_legacy_version(version := read_keras_version(path)):
        model, remark = load_legacy_h5(path, version, classes)
        return replace(keras_predictor(model), remark=remark)
    try:
        model = keras.models.load_model(path, classes, compile=code.compiles, safe_mode=True)
    except Exception as error:
        if explained := explain_unread_file(error, path, classes):
            raise explained from error
        raise
    return replace(keras_predictor(model), remark=restore_meaning(model, version))


def find_missing(model: Model, folder: Path) -> list[str]:
    path = folder / "model.h5"
    # Of an older file the arrays are laid out otherwise, and its reader has counted them.
    is_legacy = is_legacy_version(read_keras_version(path))
    return [] if is_legacy else find_weights_missing_from_hdf5(model, [path], "/model_weights")


FORMAT = Format(
    key="h5",
    label="HDF5, legacy (.h5)",
    layout="one file",
    good_for="Older tools: one file that most programs of the Keras 2 years can read.",
    keeps=frozenset({"architecture", "weights", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_keras, "model.h5", load_imported=open_old_h5, load_structured=open_structured_keras),
    activations="keras",
    find_missing=find_missing,
    origin="The file of Keras 1 and 2, on top of HDF5 of the HDF Group; legacy since Keras 3.",
    explains="The file holds the optimizer's moments, but Keras 3 gives back only its step and learning rate: training "
    "on from a reloaded .h5 fails. Custom layers are kept by name and need their class.",
)
