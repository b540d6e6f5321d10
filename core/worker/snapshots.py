"""The snapshot of a run: written, and loaded as a live model again."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.demos import get_demo
from core.demos.base import TrainSettings
from core.error_translation import translate
from core.errors import CannotSave, Damaged
from core.formats import get_format
from core.runtimes.base import NO_CODE, ModelCode, ModelSource, Predictor
from core.runtimes.live import live_predictor
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.signature_module import serving_module
from core.runtimes.variables import build_optimizer, optimizer_variables
from core.worker.model_loading import follow_choices, load_artifact, model_code_for

VARIABLES_FILE = "variables.npz"

SNAPSHOT_FORMATS = {"keras": "keras", "module": "saved_model"}
REBUILT_OTHERWISE = re.compile(r"expected \d+ variables, but received \d+ variables during loading")
RUNTIME_KINDS = ("onnx", "litert", "openvino")  # kinds of which there is a runtime's file and nothing else


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
    choices = ModelCode(keeps_state=bool(source.get("keeps_state")))
    return follow_choices(live_predictor(load_live_model(source, kind, folder)), choices)


def load_live_model(source: ModelSource, kind: str, folder: Path, classes: Mapping[str, Any] = NO_CODE.classes) -> Any:
    """Load a run's live model from its snapshot; of an imported one, what converters take.

    `classes` are classes and functions of a person's own program, where this is it.
    Raises Damaged where the values do not fit the code, CannotSave where a person's own code would be needed.
    """
    if imported := source.get("brought"):
        if kind in RUNTIME_KINDS:
            return ModelFile(kind, folder)
        if imported["format"] == "saved_model":
            return serving_module(folder, imported.get("signature") or "")
        return load_live(source, kind, folder).model
    if source["demo"] is None or source["settings"] is None:
        return _load_model_copy(kind, folder, classes)
    model = get_demo(source["demo"]).build(TrainSettings(**source["settings"]))
    build_optimizer(model)
    _assign_variables(_all_variables(model), folder / VARIABLES_FILE)
    return model


def _load_model_copy(kind: str, folder: Path, classes: Mapping[str, Any]) -> Any:
    try:
        return load_artifact(SNAPSHOT_FORMATS[kind], folder, ModelCode(classes=classes)).model
    except (TypeError, ValueError) as error:
        if REBUILT_OTHERWISE.search(str(error)):
            sentence = f"Keras rebuilds this model otherwise than it was. {translate(error, CannotSave).sentence}"
            cure = (
                "Save it as SavedModel or ONNX with Library().add(...) in the program that builds it; weights alone "
                "load into the model that this program builds."
            )
        else:
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
