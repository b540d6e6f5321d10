"""Keras 3's own file, unzipped: a directory whose parts other tools can read one by one."""

from dataclasses import replace
from pathlib import Path

from core.formats.base import Format
from core.formats.keras import FOR_KERAS, XLA, rewrite_options
from core.formats.standalone_loaders import StandaloneLoader, open_keras, open_structured_keras
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor, join_remarks
from core.runtimes.keras import keras_predictor
from core.runtimes.keras_changes import LEGACY_FUNCTIONS, read_metadata_version, restore_meaning
from core.runtimes.keras_file_settings import (
    AS_COMPILED,
    CONFIG_FILE,
    describe_file_settings,
    read_file_settings,
    saved_policy,
)
from core.runtimes.keras_releases import THIS_RELEASE
from core.runtimes.unsaved_weights import find_weights_missing_from_hdf5


def save(model: Model, folder: Path, for_keras: str = THIS_RELEASE, xla: str = AS_COMPILED) -> str:
    path = folder / "model"
    model.save(path, zipped=False)
    text, remark = rewrite_options((path / CONFIG_FILE).read_text(encoding="utf-8"), for_keras, xla)
    (path / CONFIG_FILE).write_text(text, encoding="utf-8")
    return join_remarks(remark, describe_file_settings(read_file_settings(path), model))


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import keras

    path, classes = folder / "model", {**LEGACY_FUNCTIONS, **code.classes}
    settings = read_file_settings(path)
    with saved_policy(settings):
        model = keras.models.load_model(path, classes, compile=code.compiles, safe_mode=True)
    remark = restore_meaning(model, read_metadata_version((path / "metadata.json").read_bytes()))
    return replace(keras_predictor(model), remark=join_remarks(remark, describe_file_settings(settings, model)))


def find_missing(model: Model, folder: Path) -> list[str]:
    return find_weights_missing_from_hdf5(model, [folder / "model" / "model.weights.h5"])


FORMAT = Format(
    key="keras_dir",
    label="Keras directory (unzipped)",
    layout="a directory",
    good_for="Version control and model hubs: the architecture is readable text beside its weights.",
    keeps=frozenset({"architecture", "weights", "optimizer state", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_keras, "model", load_structured=open_structured_keras),
    activations="keras",
    find_missing=find_missing,
    options=(FOR_KERAS, XLA),
    origin="Keras 3: the .keras file, not zipped.",
    explains="The same parts as in a .keras file, without the zip around them: nothing is compressed there either, but "
    "the zip's checksums are gone, so Keras itself would not notice a flipped bit here. Roundtrip's own do.",
)
