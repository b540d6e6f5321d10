"""The legacy HDF5 file of Keras 1 and 2: one file that many older tools still read."""

from dataclasses import replace
from pathlib import Path

from core.formats import kits, kits_brought
from core.formats.contract import NO_CODE, Code, Format, Predictor
from core.formats.h5_old import is_old, load_old, written_by
from core.formats.live import keras_predictor


def save(model, folder: Path) -> None:
    model.save(folder / "model.h5")


def load(folder: Path, code: Code = NO_CODE) -> Predictor:
    import keras

    path, classes = folder / "model.h5", dict(code.classes)
    if is_old(version := written_by(path)):
        model, remark = load_old(path, version, classes)
        return replace(keras_predictor(model), remark=remark)
    asked = {"custom_objects": classes, "compile": code.compiles, "safe_mode": True}
    return keras_predictor(keras.models.load_model(path, **asked))


FORMAT = Format(
    key="h5",
    label="HDF5, legacy (.h5)",
    layout="one file",
    good_for="Older tools: one file that most programs of the Keras 2 years can read.",
    keeps=frozenset({"architecture", "weights", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=kits.Kit(kits.open_keras, "model.h5", kits.TENSORFLOW, brought=kits_brought.open_old_h5),
    inside="keras",
    origin="The file of Keras 1 and 2, on top of HDF5 of the HDF Group; legacy since Keras 3.",
    explains="The file holds the optimizer's moments, but Keras 3 gives back only its step and learning rate: training "
    "on from a reloaded .h5 fails. Custom layers are kept by name and need their class.",
)
