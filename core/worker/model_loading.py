"""Load an artifact, or a run's live model from its snapshot, in a child: the one place, so that every limit holds.

A demo's live model is rebuilt from the demo's code and every variable by value, random state included. A model that a
person added has no code here: its snapshot is the richest copy that its kind allows. The snapshot of an imported model
is its files as they came. A copy that holds numbers alone gets the layers of its run, with none of the run's numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.error_translation import translate
from core.errors import CannotSave, Damaged, DoesNotLoad, Refused
from core.formats import get_format
from core.formats.base import RUNS_CODE_REFUSAL, Format
from core.runtimes.base import NO_CODE, ImportedSource, Model, ModelCode, ModelSource, Predictor, join_remarks
from core.runtimes.call_arguments import call_model
from core.runtimes.inference_model import one_row_a_call, one_row_at_a_time, serving_module
from core.runtimes.live import live_predictor
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.variables import build_optimizer, finalize_layers, optimizer_variables, weight_variables
from core.sandbox import handles_untrusted


def load_artifact(format_key: str, folder: Path, code: ModelCode) -> Predictor:
    """Load an artifact; of an imported one the layers and the numbers alone, without compile settings.

    Raises Refused for an imported format that runs code, DoesNotLoad where the files lack weights of the model, and
    what the format raises.
    """
    format_ = get_format(format_key)
    predictor = _load_format(format_, folder, code)
    format_.require_all_weights(predictor.model, folder, DoesNotLoad)
    return follow_choices(predictor, code)


def follow_choices(predictor: Predictor, code: ModelCode) -> Predictor:
    """A predictor that is asked as was decided at its import: with its state kept, or one row at a time."""
    if predictor.state:
        predictor.state.keeps = code.keeps_state
        predictor = replace(predictor, remark=join_remarks(predictor.remark, predictor.state.remark))
    if code.row_is_call:
        return one_row_a_call(predictor)
    return one_row_at_a_time(predictor) if code.one_row else predictor


def _load_format(format_: Format, folder: Path, code: ModelCode) -> Predictor:
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
        raise CannotSave(RUNS_CODE_REFUSAL, cure="Choose another format.")


def model_code_for(source: ModelSource | None) -> ModelCode:
    """Return the code that a reloading process is given; of an imported file also the signature that answers.

    `core.worker.model_loading.complete_model_code` adds what the run's own snapshot brings.
    """
    if source is None:
        return NO_CODE
    imported = source.get("brought")
    code = _import_code(imported) if imported else replace(NO_CODE, keeps_state=bool(source.get("keeps_state")))
    settings = source["settings"] or (imported["settings"] if imported else None)
    if (demo := demo_of_source(source)) and settings:
        demo_code = get_demo(demo).model_code(TrainSettings(**settings))
        code = replace(code, build=demo_code.build, classes=demo_code.classes)
    if folder := source.get("architecture"):
        half = code
        code = replace(code, build=lambda: load_artifact("architecture", Path(folder), half).model)
    return code


def _import_code(imported: ImportedSource) -> ModelCode:
    """What was decided when a file was imported."""
    return ModelCode(
        signature=imported.get("signature") or "",
        keeps_state=bool(imported.get("keeps_state")),
        one_row=bool(imported.get("one_row")),
        row_is_call=bool(imported.get("row_is_call")),
    )


def demo_of_source(source: ModelSource) -> str | None:
    """Return the demo whose code belongs to a source: its own, or the one that was chosen for an imported file."""
    imported = source.get("brought")
    return source["demo"] or (imported["demo"] if imported else None)


def source_with_snapshot(source: ModelSource, kind: str, folder: Path) -> ModelSource:
    """Return the source that completes halves of a run from its own snapshot, a folder; of a demo's run as it is."""
    return source if demo_of_source(source) else {**source, "kind": kind, "snapshot": folder}


def source_without_code(source: ModelSource) -> ModelSource | None:
    """Return the source for a process that gets no code of the model: None, or how its copies are asked."""
    if imported := source.get("brought"):
        return {"demo": None, "settings": None, "brought": {**imported, "demo": None, "settings": None}}
    return {"demo": None, "settings": None, "keeps_state": True} if source.get("keeps_state") else None


def source_with_signature(source: ModelSource, signature: str) -> ModelSource:
    """Return the source of an imported model's copy, of which another signature may answer than of the file itself."""
    if imported := source.get("brought"):
        return {**source, "brought": {**imported, "signature": signature}}
    return source


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


def complete_model_code(source: ModelSource | None) -> ModelCode:
    """The code that a reloading process is given, with what the run's own snapshot brings where the source names it."""
    code = model_code_for(source)
    if source is None or "snapshot" not in source:
        return code
    return replace(code, build=partial(load_untrained_model, source, code.classes))


def load_untrained_model(
    source: ModelSource, classes: Mapping[str, Any] | None = None, row: Arrays | None = None
) -> Model:
    """The model of a run's snapshot without anything that it has learned: what a half does not bring is not there.

    Vocabularies stay, which are no numbers and in no file of weights. A model of several arguments, of which Keras
    notes the first alone and builds no layer, is called on `row`, inputs by name. Raises as `load_live_model`.
    """
    folder, kind = Path(source["snapshot"]), source["kind"]
    if kind == "module" and not source.get("brought"):
        model = _restore_module(folder)
    else:
        model = load_live_model(source, kind, folder, classes or {})
    if row and model_kind(model) == "keras" and not all(layer.built for layer in model._flatten_layers()):
        call_model(model, row)
    _forget_training(model, classes or {})
    return model


def _restore_module(folder: Path) -> Model:
    """A tf.Module's SavedModel as a module with the object graph of the original, by which checkpoints are matched."""
    module = serving_module(folder)
    root = module.root
    type(module)._trackable_children = lambda self, *args, **options: root._trackable_children(*args, **options)
    return module


def _forget_training(model: Model, classes: Mapping[str, Any]) -> None:
    """Set every number to zero, and the optimizer to its beginning."""
    import keras

    for variable in weight_variables(model):
        variable.assign(_zeros_like(variable))
    finalize_layers(model)
    if model_kind(model) == "keras" and model.compiled and (config := model.get_compile_config()):
        with keras.saving.custom_object_scope(dict(classes)):
            model.compile_from_config(config)


def _zeros_like(variable: Any) -> Any:
    import tensorflow as tf

    return tf.zeros(variable.shape, variable.dtype)
