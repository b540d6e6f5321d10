"""The weights alone (`.weights.h5`): half a model, which answers only inside an architecture."""

from pathlib import Path
from typing import Any

from core.errors import NeedsArchitecture
from core.formats import architecture, standalone
from core.formats.base import Format
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.live import build_optimizer, keras_predictor

ARCHITECTURE_FILE = "architecture.json"


def save(model, folder: Path) -> None:
    model.save_weights(folder / "model.weights.h5")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    model = _build_model(folder, code)
    # Without this the saved optimizer state is skipped, and no exception says so.
    build_optimizer(model)
    model.load_weights(folder / "model.weights.h5")
    return keras_predictor(model)


def _build_model(folder: Path, code: ModelCode) -> Any:
    """The model that the weights go into: from the code, or from the architecture that was brought in beside them."""
    if code.build is not None:
        return code.build()
    if (folder / ARCHITECTURE_FILE).is_file():
        return architecture.load(folder, code).model
    raise NeedsArchitecture(
        "These are weights alone: numbers without the layers that use them.",
        cure="Give an architecture: the demo's code, or an architecture artifact of the same run.",
    )


FORMAT = Format(
    key="weights",
    label="Weights only (.weights.h5)",
    layout="one file",
    good_for="Moving numbers into code that you have: small, and the same for years, as long as the layers match.",
    keeps=frozenset({"weights", "optimizer state"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=standalone.StandaloneLoader(standalone.open_weights, "model.weights.h5", standalone.TENSORFLOW_PACKAGES),
    activations="keras",
    needs_architecture=True,
    origin="Keras 3 (2023): the file inside of .keras, on its own.",
    explains="Architecture and weights are two things; this is one of them. The other must come from code or from an "
    "architecture file. The optimizer's state comes back only if the optimizer is built before the weights are loaded.",
)
