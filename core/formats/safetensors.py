"""The weights alone in the safetensors format: names and numbers, nothing that could run."""

import json
from pathlib import Path

from core.formats.base import Format
from core.formats.standalone_loaders import (
    TENSORFLOW_PACKAGES,
    StandaloneLoader,
    open_safetensors,
    open_structured_safetensors,
)
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.live import live_predictor
from core.runtimes.variables import finalize_layers, pair_variables, variables_by_path, weight_variables

FILE = "model.safetensors"


def save(model: Model, folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    variables = variables_by_path(weight_variables(model))
    arrays = {name: np.array(variable, order="C") for name, variable in variables.items()}
    # The file sorts its arrays. Their order in the model tells them apart where it is made anew, under other names.
    save_file(arrays, folder / FILE, metadata={"order": json.dumps(list(arrays))})


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    model = code.build_model("These are weights alone: numbers by name, without the layers that use them.")
    arrays = load_file(folder / FILE)
    with safe_open(folder / FILE, "numpy") as file:
        order = json.loads((file.metadata() or {}).get("order", "[]"))
    shapes = {name: array.shape for name, array in arrays.items()}
    for name, variable in pair_variables(weight_variables(model), shapes, order).items():
        variable.assign(arrays[name])
    finalize_layers(model)
    return live_predictor(model)


FORMAT = Format(
    key="safetensors",
    label="safetensors",
    layout="one file",
    good_for="Sharing weights with other people and other frameworks: it cannot hold code, and loads without a copy.",
    keeps=frozenset({"weights"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(
        open_safetensors, FILE, ("safetensors", *TENSORFLOW_PACKAGES), load_structured=open_structured_safetensors
    ),
    activations="keras",
    packages={"safetensors": "safetensors"},
    needs_architecture=True,
    origin="Hugging Face (2022), to replace pickled weights.",
    explains="A header with names, dtypes and shapes, then the numbers. No architecture, no optimizer, no code. "
    "Neither TensorFlow nor Keras reads it by itself: the arrays are assigned to the variables of those names.",
)
