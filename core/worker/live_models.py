"""Live models of runs in a child: snapshots, written and loaded; one for many saves; one without numbers.

A child that saves in many formats rebuilds its model where a save has changed it. A copy that holds numbers alone gets
the layers of its own run, with none of the run's numbers.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, fingerprint_arrays
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.error_translation import translate
from core.errors import CannotProve, CannotSave, Damaged
from core.formats import get_format
from core.runtimes.base import NO_CODE, Model, ModelCode, ModelSource, Predictor
from core.runtimes.call_arguments import call_model
from core.runtimes.inference_model import shared_conversions
from core.runtimes.live import live_predictor
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.signature_module import serving_module
from core.runtimes.variables import build_optimizer, finalize_layers, optimizer_variables, weight_variables
from core.worker.model_loading import follow_choices, load_artifact, model_code_for

VARIABLES_FILE = "variables.npz"
REFUSAL_FILE = "no_config.txt"  # what Keras said of a config that it cannot write, beside the variables of that model

SNAPSHOT_FORMATS = {"keras": "keras", "module": "saved_model"}
CONFIG_ERRORS = (NotImplementedError, TypeError, ValueError)  # which Keras raises of settings that are no plain values
REBUILT_OTHERWISE = re.compile(r"expected \d+ variables, but received \d+ variables during loading")
OWN_CURE = "Save it in this format from the same notebook: Library().add(model, inputs=x, formats=[...])."
UNPROVED_CURE = (
    "Load them into the model that your own program builds, and compare what it predicts; SavedModel, ONNX and LiteRT "
    "need no second model."
)
RUNTIME_KINDS = ("onnx", "litert", "openvino")  # kinds of which there is a runtime's file and nothing else


def write_variables(model: Any, folder: Path) -> None:
    """Store every variable of the model and of its optimizer, in order."""
    values = {str(index): np.asarray(variable) for index, variable in enumerate(_all_variables(model))}
    np.savez(folder / VARIABLES_FILE, allow_pickle=False, **values)


def write_model_copy(model: Any, folder: Path) -> Exception | None:
    """Store a whole copy of a model whose code is not ours; where no config holds how it is trained, the model without
    that, and of what no config can hold, the numbers alone.

    Returns what Keras said of the config then. Such a model lives in its own program, which can save its graph, too.
    """
    kind = model_kind(model)
    try:
        get_format(SNAPSHOT_FORMATS[kind]).save(model, folder)
    except CONFIG_ERRORS:
        if kind != "keras" or (refusal := _find_config_error(model)) is None:
            raise
        _empty(folder)
        _write_part(model, folder, refusal)
        return refusal
    return None


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


def _write_part(model: Model, folder: Path, refusal: Exception) -> None:
    """Store what can be stored of a model of which Keras refuses to write the config."""
    with _uncompiled(model), contextlib.suppress(*CONFIG_ERRORS):
        if _find_config_error(model) is None:
            get_format(SNAPSHOT_FORMATS["keras"]).save(model, folder)
            return
    _empty(folder)
    write_variables(model, folder)
    (folder / REFUSAL_FILE).write_text(translate(refusal, CannotSave).sentence, encoding="utf-8")


@contextlib.contextmanager
def _uncompiled(model: Model) -> Iterator[None]:
    """The model and those inside it, of which Keras writes no compile settings down meanwhile."""
    compiled = [part for part in model._flatten_layers() if getattr(part, "compiled", False)]
    for part in compiled:
        part.compiled = False
    try:
        yield
    finally:
        for part in compiled:
            part.compiled = True


def _find_config_error(model: Model) -> Exception | None:
    """What Keras says of the config of a model, with that of `compile`, where it cannot write it down as text."""
    import keras

    try:
        json.dumps(keras.saving.serialize_keras_object(model))
    except CONFIG_ERRORS as error:
        return error
    return None


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
    if said := _read_refusal(folder):
        sentence = f"Keras cannot write this model's config down, so only your own program has it. {said}"
        raise CannotSave(sentence, cure=OWN_CURE)
    try:
        return load_artifact(SNAPSHOT_FORMATS[kind], folder, ModelCode(classes=classes)).model
    except (TypeError, ValueError) as error:
        if REBUILT_OTHERWISE.search(str(error)):
            sentence = f"Keras rebuilds this model otherwise than it was. {translate(error, CannotSave).sentence}"
            cure = (
                "Save it as SavedModel or ONNX with Library().add(...) in the program that builds it; weights alone "
                "load into the model that this program builds."
            )
        elif classes:  # this is that program
            raise translate(error, CannotSave) from error
        else:
            sentence = "This model needs code that only your own program has."
            cure = OWN_CURE
        raise CannotSave(sentence, cure=cure, detail=str(error)) from error


def _read_refusal(folder: Path) -> str:
    """What Keras said of a config that it could not write into a snapshot; empty where it wrote one."""
    path = folder / REFUSAL_FILE
    return path.read_text(encoding="utf-8") if path.exists() else ""


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


class KeptModel(NamedTuple):
    """A live model, what a save must leave as it is, and what it was converted to."""

    model: Model
    state: Any
    conversions: dict[str, Any]


_kept: dict[str, KeptModel] = {}  # the model of the last save, by where it came from


@contextlib.contextmanager
def live_model(source: ModelSource, kind: str, snapshot: Path) -> Iterator[Model]:
    """The live model of a run; it stays for the next save where this one leaves it whole. Raises `load_live_model`."""
    key = json.dumps([source, kind, str(snapshot)], default=str)
    kept = _kept.pop(key, None)
    if kept is None:
        model = load_live_model(source, kind, snapshot)
        kept = KeptModel(model, _describe_state(model), {})
    token = shared_conversions.set(kept.conversions)
    try:
        yield kept.model
    finally:
        shared_conversions.reset(token)
    if kept.state is not None and _describe_state(kept.model) == kept.state:
        _kept[key] = kept


def _describe_state(model: Model) -> Any:
    """What a save must not change: every value, what is trained, how it computes, and how it was compiled.

    None for what is no object with variables.
    """
    if isinstance(model, ModelFile):
        return None
    variables = [*model.variables, *optimizer_variables(model)]
    values = fingerprint_arrays([(str(index), np.asarray(variable)) for index, variable in enumerate(variables)])
    flags = [(getattr(variable, "trainable", None), str(variable.dtype)) for variable in variables]
    layers = [(layer.name, str(layer.dtype_policy)) for layer in getattr(model, "_flatten_layers", list)()]
    compiled = repr(model.get_compile_config()) if hasattr(model, "get_compile_config") else ""
    return values, flags, layers, compiled, id(getattr(model, "optimizer", None))


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
    if said := _read_refusal(folder):
        sentence = f"The numbers were written and cannot be proved, since Keras can build no second model. {said}"
        raise CannotProve(sentence, cure=UNPROVED_CURE)
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
    module.read = _find_variables(root)  # those that its signature does not read are of the model too
    type(module)._trackable_children = lambda self, *args, **options: root._trackable_children(*args, **options)
    return module


def _find_variables(root: Any) -> list[Any]:
    """Every variable of a module that was restored, in the order of tf.Module: by the names of attributes, and those of
    inner modules after its own. Where variables have one name, their order tells them apart."""
    import tensorflow as tf

    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        children = _children(part)
        found |= {id(child): child for child in children if isinstance(child, tf.Variable)}
        waiting[:0] = [child for child in children if not isinstance(child, tf.Variable)]
    return list(found.values())


def _children(part: Any) -> list[Any]:
    """What hangs on an object in the graph of a checkpoint, by name; the items of a list are numbered."""
    named: dict[str, Any] = dict(getattr(part, "_trackable_children", dict)())
    ordered = sorted(
        named.items(), key=lambda item: (item[0].isdecimal(), int(item[0]) if item[0].isdecimal() else 0, item[0])
    )
    return [child for _, child in ordered]


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
