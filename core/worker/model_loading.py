"""Load an artifact, or a run's live model, in a child: the one place, so that no untrusted file is loaded otherwise.

A demo's live model is rebuilt from the demo's code and every variable by value, random state included. A model that a
person added has no code here: its snapshot is the richest copy that its kind allows. The snapshot of an imported model
is its files as they came.
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
from core.runtimes.base import NO_CODE, ModelCode, ModelFile, ModelSource, Predictor, model_kind
from core.runtimes.live import build_optimizer, live_predictor, optimizer_variables
from core.runtimes.saved_model import serving_module
from core.sandbox import handles_untrusted

VARIABLES_FILE = "variables.npz"
SNAPSHOT_FORMATS = {"keras": "keras", "module": "saved_model"}
RUNTIME_KINDS = ("onnx", "litert", "openvino")  # kinds of which there is a runtime's file and nothing else


def load_artifact(format_key: str, folder: Path, code: ModelCode) -> Predictor:
    """Load an artifact; of an imported one the layers and the numbers alone, without compile settings.

    Raises Refused for an imported format that runs code, and what the format raises.
    """
    format_ = get_format(format_key)
    if not handles_untrusted():
        return format_.load(folder, code)
    if format_.runs_code:
        sentence = "A file of this format runs whatever its author wrote into it, so one from outside is never loaded."
        cure = "Ask for the model as .keras, SavedModel or ONNX."
        raise Refused(sentence, rule="runs-code", received=format_.label, cure=cure)
    return format_.load(folder, replace(code, compiles=False))


def require_no_code_execution(format_: Format) -> None:
    """Raise CannotSave where an imported model would be put into a file that runs code."""
    if handles_untrusted() and format_.runs_code:
        raise CannotSave(
            "A file of this format runs code when it is loaded, so no model from outside is put into one.",
            cure="Choose another format.",
        )


def write_variables(model: Any, folder: Path) -> None:
    """Store every variable of the model and of its optimizer, in order."""
    values = {str(index): np.asarray(variable) for index, variable in enumerate(_all_variables(model))}
    np.savez(folder / VARIABLES_FILE, allow_pickle=False, **values)


def write_model_copy(model: Any, folder: Path) -> None:
    """Store a whole copy of a model whose code is not ours."""
    get_format(SNAPSHOT_FORMATS[model_kind(model)]).save(model, folder)


def load_live(source: ModelSource, kind: str, folder: Path) -> Predictor:
    """Load the predictor of a run's live model from its snapshot. Raises as `load_live_model`."""
    if imported := source.get("brought"):
        return load_artifact(imported["format"], folder, model_code_for(source))
    return live_predictor(load_live_model(source, kind, folder))


def load_live_model(source: ModelSource, kind: str, folder: Path) -> Any:
    """Load a run's live model from its snapshot; of an imported one, what converters take.

    Raises Damaged where the values do not fit the code, CannotSave where a person's own code would be needed.
    """
    if imported := source.get("brought"):
        if kind in RUNTIME_KINDS:
            return ModelFile(kind, folder)
        if imported["format"] == "saved_model":
            return serving_module(folder, imported.get("signature") or "")
        return load_live(source, kind, folder).model
    if source["demo"] is None or source["settings"] is None:
        return _load_model_copy(kind, folder)
    model = get_demo(source["demo"]).build(TrainSettings(**source["settings"]))
    build_optimizer(model)
    _assign_variables(_all_variables(model), folder / VARIABLES_FILE)
    return model


def _load_model_copy(kind: str, folder: Path) -> Any:
    try:
        return load_artifact(SNAPSHOT_FORMATS[kind], folder, NO_CODE).model
    except (TypeError, ValueError) as error:
        sentence = "This model needs code that only your own program has."
        cure = "Save it in this format from the same notebook: Library().add(model, inputs=x, formats=[...])."
        raise CannotSave(sentence, cure=cure, detail=str(error)) from error


def _all_variables(model: Any) -> list[Any]:
    """All variables, each once: weights, random state, optimizer."""
    return list({id(variable): variable for variable in (*model.variables, *optimizer_variables(model))}.values())


def _assign_variables(variables: list[Any], path: Path) -> None:
    with np.load(path, allow_pickle=False) as values:
        if len(values) != len(variables):
            sentence = "The snapshot of this run does not fit the demo's code."
            cure = "Train the demo again: its code has changed since."
            raise Damaged(sentence, received=f"{len(values)} values for {len(variables)} variables", cure=cure)
        for index, variable in enumerate(variables):
            variable.assign(values[str(index)])


def model_code_for(source: ModelSource | None) -> ModelCode:
    """Return the code that a reloading process is given; of an imported file also the signature that answers."""
    if source is None:
        return NO_CODE
    imported = source.get("brought")
    code = ModelCode(signature=(imported and imported.get("signature")) or "")
    settings = source["settings"] or (imported["settings"] if imported else None)
    if (demo := demo_of_source(source)) and settings:
        demo_code = get_demo(demo).model_code(TrainSettings(**settings))
        code = replace(code, build=demo_code.build, classes=demo_code.classes)
    if folder := source.get("architecture"):
        half = code
        code = replace(code, build=lambda: load_artifact("architecture", Path(folder), half).model)
    return code


def demo_of_source(source: ModelSource) -> str | None:
    """Return the demo whose code belongs to a source: its own, or the one that was chosen for an imported file."""
    imported = source.get("brought")
    return source["demo"] or (imported["demo"] if imported else None)


def source_without_code(source: ModelSource) -> ModelSource | None:
    """Return the source for a process that gets no code of the model: None, or that its file is imported."""
    if imported := source.get("brought"):
        return {"demo": None, "settings": None, "brought": {**imported, "demo": None, "settings": None}}
    return None


def source_with_signature(source: ModelSource, signature: str) -> ModelSource:
    """Return the source of an imported model's copy, of which another signature may answer than of the file itself."""
    if imported := source.get("brought"):
        return {**source, "brought": {**imported, "signature": signature}}
    return source
