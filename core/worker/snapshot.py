"""From a run back to its live model, exactly as it was at the end of training.

A demo's run is rebuilt from the demo's code and every variable by value, random state included. A model that a person
added has no code here; its snapshot is the richest copy that its kind allows, and the same loader gives it back.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.demos import get_demo
from core.demos.contract import TrainSettings
from core.errors import CannotSave, Damaged
from core.formats import get_format
from core.formats.contract import NO_CODE, Code, kind_of
from core.formats.live import build_optimizer, optimizer_variables
from core.worker.loading import load_copy

VALUES = "variables.npz"
COPIES = {"keras": "keras", "module": "saved_model"}


def write_values(model: Any, folder: Path) -> None:
    """Keep every variable of the model and of its optimizer, in order."""
    values = [np.asarray(variable) for variable in _variables(model)]
    np.savez(folder / VALUES, allow_pickle=False, **{str(index): value for index, value in enumerate(values)})


def write_copy(model: Any, folder: Path) -> None:
    """Keep a whole copy of a model whose code is not ours."""
    get_format(COPIES[kind_of(model)]).save(model, folder)


def rebuild(source: dict[str, Any], kind: str, folder: Path) -> Any:
    """The live model of a run; `source` is the run's `{"demo", "settings"}`, the demo None where a person added it.

    Raises Damaged when the values do not fit the code, CannotSave when a person's own code would be needed.
    """
    if source["demo"] is None:
        return _rebuild_copy(kind, folder)
    model = code_from(source).build()
    build_optimizer(model)
    _assign(_variables(model), folder / VALUES)
    return model


def _rebuild_copy(kind: str, folder: Path) -> Any:
    try:
        return load_copy(COPIES[kind], folder, NO_CODE).model
    except (TypeError, ValueError) as error:
        raise CannotSave(
            "This model needs code that only your own program has.",
            cure="Save it in this format from the same notebook: Library().add(model, inputs=x, formats=[...]).",
            detail=str(error),
        ) from error


def _variables(model: Any) -> list[Any]:
    """All variables, each once: weights, random state, optimizer."""
    every = [*model.variables, *optimizer_variables(model)]
    return list({id(variable): variable for variable in every}.values())


def _assign(variables: list[Any], path: Path) -> None:
    with np.load(path, allow_pickle=False) as values:
        if len(values) != len(variables):
            raise Damaged(
                "The snapshot of this run does not fit the demo's code.",
                received=f"{len(values)} values for {len(variables)} variables",
                cure="Train the demo again: its code has changed since.",
            )
        for index, variable in enumerate(variables):
            variable.assign(values[str(index)])


def code_from(source: dict[str, Any] | None) -> Code:
    """The code that a reloading process is given.

    `source` is None for none at all; `{"demo", "settings"}` for the demo's own code; with `"architecture"`, the folder
    of an architecture artifact, the layers come from there and only the classes from the demo.
    """
    if source is None:
        return NO_CODE
    code = NO_CODE
    if source.get("demo"):
        code = get_demo(source["demo"]).code(TrainSettings(**source["settings"]))
    if folder := source.get("architecture"):
        return Code(build=lambda: load_copy("architecture", Path(folder), code).model, classes=code.classes)
    return code
