"""The weights alone (`.weights.h5`): half a model, which predicts only inside an architecture."""

from dataclasses import replace
from pathlib import Path

from core.formats import architecture
from core.formats.base import Format
from core.formats.imported_loaders import open_any_weights
from core.formats.standalone_loaders import StandaloneLoader, open_structured_weights, open_weights
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.legacy_keras import has_old_weights, load_any_weights
from core.runtimes.unsaved_weights import find_weights_missing_from_hdf5
from core.runtimes.variables import build_optimizer

ARCHITECTURE_FILE = "architecture.json"


def save(model: Model, folder: Path) -> None:
    model.save_weights(folder / "model.weights.h5")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    model, remark = build_layers(folder, code)
    # Without this the saved optimizer state is skipped, and no exception says so.
    build_optimizer(model)
    with FORMAT.naming_missing_weights(model, folder):
        load_any_weights(model, folder / "model.weights.h5")
    return replace(keras_predictor(model), remark=remark)


def build_layers(folder: Path, code: ModelCode) -> tuple[Model, str]:
    """The untrained model: from the architecture that was imported beside the weights, else as the code makes it; and
    a remark on how it was read."""
    if code.build is None and (folder / ARCHITECTURE_FILE).is_file():
        layers = architecture.load(folder, code)
        return layers.model, layers.remark
    return code.build_model("These are weights alone: numbers without the layers that use them."), ""


def find_missing(model: Model, folder: Path) -> list[str]:
    if has_old_weights(folder / "model.weights.h5"):  # each layer's are counted as they are loaded
        return []
    return find_weights_missing_from_hdf5(model, [folder / "model.weights.h5"])


FORMAT = Format(
    key="weights",
    label="Weights only (.weights.h5)",
    layout="one file",
    good_for="Moving numbers into code that you have: small, and the same for years, as long as the layers match.",
    keeps=frozenset({"weights", "optimizer state"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(
        open_weights, "model.weights.h5", load_imported=open_any_weights, load_structured=open_structured_weights
    ),
    activations="keras",
    needs_architecture=True,
    find_missing=find_missing,
    origin="Keras 3 (2023): the file inside of .keras, on its own.",
    explains="Architecture and weights are two things; this is one of them. The other must come from code or from an "
    "architecture file. The optimizer's state comes back only if the optimizer is built before the weights are loaded; "
    "its learning rate then takes the place of the one just given to compile.",
)
