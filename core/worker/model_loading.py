"""Load a copy, rebuild a run's live model.

How a child loads a copy: the one place, so that what a stranger sent is never loaded in another way.

From a run back to its live model, exactly as it was at the end of training.

A demo's run is rebuilt from the demo's code and every variable by value, random state included. A model that a person
added has no code here; its snapshot is the richest copy that its kind allows, and the same loader gives it back. The
snapshot of a model that was brought in is the files as they came.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.demos import get_demo
from core.demos.base import TrainSettings
from core.errors import CannotSave, Damaged, Refused
from core.formats import get_format
from core.formats.base import Format
from core.runtimes.base import NO_CODE, ModelCode, ModelFile, Predictor, model_kind
from core.runtimes.live import build_optimizer, live_predictor, optimizer_variables
from core.runtimes.saved_model import serving_module
from core.sandbox import is_sandboxed


def load_artifact(format_key: str, folder: Path, code: ModelCode) -> Predictor:
    """Load a copy; of what came from outside the layers and the numbers alone, without compile settings.

    Raises Refused for a format from outside that runs code, and what the format raises.
    """
    chosen = get_format(format_key)
    if not is_sandboxed():
        return chosen.load(folder, code)
    if chosen.runs_code:
        raise Refused(
            "A file of this format runs whatever its author wrote into it, so one from outside is never loaded.",
            rule="runs-code",
            received=chosen.label,
            cure="Ask for the model as .keras, SavedModel or ONNX.",
        )
    return chosen.load(folder, replace(code, compiles=False))


def require_no_code_execution(format_: Format) -> None:
    """Raises CannotSave where a model from outside would be put into a file that runs code."""
    if is_sandboxed() and format_.runs_code:
        raise CannotSave(
            "A file of this format runs code when it is loaded, so no model from outside is put into one.",
            cure="Choose another format.",
        )


VARIABLES_FILE = "variables.npz"
SNAPSHOT_FORMATS = {"keras": "keras", "module": "saved_model"}
RUNTIME_KINDS = ("onnx", "litert", "openvino")  # kinds of which there is a runtime's file and nothing else


def write_variables(model: Any, folder: Path) -> None:
    """Keep every variable of the model and of its optimizer, in order."""
    values = [np.asarray(variable) for variable in _all_variables(model)]
    np.savez(folder / VARIABLES_FILE, allow_pickle=False, **{str(index): value for index, value in enumerate(values)})


def write_model_copy(model: Any, folder: Path) -> None:
    """Keep a whole copy of a model whose code is not ours."""
    get_format(SNAPSHOT_FORMATS[model_kind(model)]).save(model, folder)


def rebuild_model(source: dict[str, Any], kind: str, folder: Path) -> Any:
    """The live model of a run; `source` is the run's `{"demo", "settings"}`, the demo None where a person added it, and
    "brought" where it came from outside (see `Run.source`).

    Raises Damaged when the values do not fit the code, CannotSave when a person's own code would be needed.
    """
    if source.get("brought"):
        return _rebuild_imported(source, kind, folder)
    if source["demo"] is None:
        return _load_model_copy(kind, folder)
    model = model_code_for(source).build()
    build_optimizer(model)
    _assign_variables(_all_variables(model), folder / VARIABLES_FILE)
    return model


def open_live_predictor(source: dict[str, Any], kind: str, folder: Path) -> Predictor:
    """The predictor over a run's live model; of what was brought in, that over its files. Raises as `rebuild`."""
    if brought := source.get("brought"):
        return load_artifact(brought["format"], folder, model_code_for(source))
    return live_predictor(rebuild_model(source, kind, folder))


def _rebuild_imported(source: dict[str, Any], kind: str, folder: Path) -> Any:
    """What converters are given: a Keras model, a tf.Module around the signature that answers, or the file itself."""
    brought = source["brought"]
    if kind in RUNTIME_KINDS:
        return ModelFile(kind, folder)
    if brought["format"] == "saved_model":
        return serving_module(folder, brought.get("signature", ""))
    return open_live_predictor(source, kind, folder).model


def _load_model_copy(kind: str, folder: Path) -> Any:
    try:
        return load_artifact(SNAPSHOT_FORMATS[kind], folder, NO_CODE).model
    except (TypeError, ValueError) as error:
        raise CannotSave(
            "This model needs code that only your own program has.",
            cure="Save it in this format from the same notebook: Library().add(model, inputs=x, formats=[...]).",
            detail=str(error),
        ) from error


def _all_variables(model: Any) -> list[Any]:
    """All variables, each once: weights, random state, optimizer."""
    every = [*model.variables, *optimizer_variables(model)]
    return list({id(variable): variable for variable in every}.values())


def _assign_variables(variables: list[Any], path: Path) -> None:
    with np.load(path, allow_pickle=False) as values:
        if len(values) != len(variables):
            raise Damaged(
                "The snapshot of this run does not fit the demo's code.",
                received=f"{len(values)} values for {len(variables)} variables",
                cure="Train the demo again: its code has changed since.",
            )
        for index, variable in enumerate(variables):
            variable.assign(values[str(index)])


def model_code_for(source: dict[str, Any] | None) -> ModelCode:
    """The code that a reloading process is given.

    `source` is None for none at all; `{"demo", "settings"}` for the demo's own code; with `"architecture"`, the folder
    of an architecture artifact, the layers come from there and only the classes from the demo. With `"brought"` it is a
    file from outside: its signature and its demo are those that a person chose.
    """
    if source is None:
        return NO_CODE
    brought = source.get("brought") or {}
    code = ModelCode(signature=brought.get("signature") or "")
    if demo := demo_of_source(source):
        given = get_demo(demo).model_code(TrainSettings(**(source["settings"] or brought["settings"])))
        code = replace(code, build=given.build, classes=given.classes)
    if folder := source.get("architecture"):
        halves = code
        code = replace(code, build=lambda: load_artifact("architecture", Path(folder), halves).model)
    return code


def demo_of_source(source: dict[str, Any]) -> str | None:
    """The demo whose code belongs to a source: its own, or the one that was chosen for a file from outside."""
    return source.get("demo") or (source.get("brought") or {}).get("demo")


def source_without_code(source: dict[str, Any]) -> dict[str, Any] | None:
    """What a process is told that has nothing of the model's code: nothing, or that it is a stranger's file."""
    brought = source.get("brought")
    if not brought:
        return None
    return {"demo": None, "settings": None, "brought": {**brought, "demo": None, "settings": None}}


def source_with_signature(source: dict[str, Any], name: str) -> dict[str, Any]:
    """The source of a file that answers through the signature of that name: of a conversion it is another than of the
    file that it was made from."""
    brought = source.get("brought")
    return {**source, "brought": {**brought, "signature": name}} if brought else source
