"""The other half of a copy that holds numbers alone: the layers of its own run, with none of the run's numbers."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.base import Model, ModelCode, ModelSource
from core.runtimes.call_arguments import call_model
from core.runtimes.model_kinds import model_kind
from core.runtimes.signature_module import serving_module
from core.runtimes.variables import finalize_layers, weight_variables
from core.worker.model_loading import model_code_for
from core.worker.snapshots import load_live_model


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
