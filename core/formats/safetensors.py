"""The weights alone in the safetensors format: names and numbers, nothing that could run."""

from pathlib import Path

from core.errors import DoesNotLoad
from core.formats.base import Format
from core.formats.standalone import TENSORFLOW_PACKAGES, StandaloneLoader, open_safetensors
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.live import live_predictor
from core.runtimes.variables import variables_by_path, weight_variables


def save(model: Model, folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    variables = variables_by_path(weight_variables(model))
    arrays = {name: np.array(variable, order="C") for name, variable in variables.items()}
    save_file(arrays, folder / "model.safetensors")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    from safetensors.numpy import load_file

    model = code.build_model("These are weights alone: numbers by name, without the layers that use them.")
    arrays, variables = load_file(folder / "model.safetensors"), variables_by_path(weight_variables(model))
    _require_same_names(set(variables), set(arrays))
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return live_predictor(model)


def _require_same_names(model_names: set[str], file_names: set[str]) -> None:
    if model_names != file_names:
        missing, unknown = (", ".join(sorted(names)) for names in (model_names - file_names, file_names - model_names))
        count = f"{len(model_names & file_names)} of {len(model_names)}"
        raise DoesNotLoad(
            f"The names in the file are not those of the model: {count} agree.",
            received=unknown or "nothing else",
            cure=f"Use the architecture that it came from. Missing: {missing or 'none'}.",
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
