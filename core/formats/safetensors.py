"""The weights alone in the safetensors format: names and numbers, nothing that could run."""

from pathlib import Path
from typing import Any

from core.errors import DoesNotLoad
from core.formats.base import Format
from core.formats.standalone import TENSORFLOW_PACKAGES, StandaloneLoader, open_safetensors
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.live import live_predictor, weight_variables


def save(model: Model, folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    arrays = {name: np.array(variable, order="C") for name, variable in _variables_by_name(model).items()}
    save_file(arrays, folder / "model.safetensors")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    from safetensors.numpy import load_file

    model = code.build_model("These are weights alone: numbers by name, without the layers that use them.")
    arrays, variables = load_file(folder / "model.safetensors"), _variables_by_name(model)
    _require_same_names(set(variables), set(arrays))
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return live_predictor(model)


def _variables_by_name(model: Model) -> dict[str, Any]:
    """Every weight by its path; where several have one name, the later ones are numbered in the model's own order."""
    named: dict[str, Any] = {}
    for variable in weight_variables(model):
        name = base = getattr(variable, "path", variable.name).removesuffix(":0")
        count = 1
        while name in named:
            count += 1
            name = f"{base}_{count}"
        named[name] = variable
    return named


def _require_same_names(model_names: set[str], file_names: set[str]) -> None:
    if model_names != file_names:
        raise DoesNotLoad(
            f"The names in the file are not those of the model: {len(model_names & file_names)} of "
            f"{len(model_names)} agree.",
            received=", ".join(sorted(file_names - model_names)) or "nothing else",
            cure=(
                f"Use the architecture that it came from. Missing: "
                f"{', '.join(sorted(model_names - file_names)) or 'none'}."
            ),
        )


FORMAT = Format(
    key="safetensors",
    label="safetensors",
    layout="one file",
    good_for="Sharing weights with strangers and other frameworks: it cannot hold code, and loads without a copy.",
    keeps=frozenset({"weights"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_safetensors, "model.safetensors", ("safetensors", *TENSORFLOW_PACKAGES)),
    activations="keras",
    packages={"safetensors": "safetensors"},
    needs_architecture=True,
    origin="Hugging Face (2022), to replace pickled weights.",
    explains="A header with names, dtypes and shapes, then the numbers. No architecture, no optimizer, no code. "
    "Neither TensorFlow nor Keras reads it by itself: the arrays are assigned to the variables of those names.",
)
