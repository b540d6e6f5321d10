"""The live model of a child that saves it in many formats: rebuilt once, and anew where a save has changed it."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import fingerprint_arrays
from core.runtimes.base import Model, ModelSource
from core.runtimes.inference_model import shared_conversions
from core.runtimes.model_kinds import ModelFile
from core.runtimes.variables import optimizer_variables
from core.worker.model_loading import load_live_model


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
