"""Deprecated: the plug-in interface is in `core.formats.base` and `core.runtimes.base`.

What a format module of a third party imports from here still has the names of before, as keywords and as attributes.
"""
# ruff: noqa: F401  what plug-ins import from here

import warnings
from typing import Any, ClassVar

from core.arrays import Arrays, NamedArrays, to_plain_array
from core.formats import base, standalone_loaders
from core.formats.base import PARTS
from core.runtimes import base as runtimes
from core.runtimes import input_matching, model_kinds
from core.runtimes.base import NO_CODE, ModelCode
from core.runtimes.input_matching import InputMatch
from core.runtimes.model_kinds import ModelFile
from core.runtimes.specs import Spec
from core.runtimes.variables import weight_bytes

warnings.warn(
    "core.formats.contract is deprecated: import from core.formats.base and core.runtimes.base.",
    DeprecationWarning,
    stacklevel=2,
)

Code, Named, InputPair = ModelCode, NamedArrays, InputMatch
kind_of, pair_inputs, plain = model_kinds.model_kind, input_matching.match_inputs, to_plain_array


class _OldNames:
    """Takes keywords, and has attributes, under their names of before; `_names` leads to those of today."""

    _names: ClassVar[dict[str, str]]

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **{self._names.get(name, name): value for name, value in keywords.items()})

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            return getattr(self, self._names[name])
        raise AttributeError(name)


class Option(_OldNames, base.Option):
    _names: ClassVar = {"least": "minimum", "most": "maximum", "check": "validate"}


class Kit(_OldNames, standalone_loaders.StandaloneLoader):
    _names: ClassVar = {"needs": "packages", "brought": "load_imported", "of": "for_trust"}


class Predictor(_OldNames, runtimes.Predictor):
    _names: ClassVar = {"answer": "predict_fn", "optimizer": "optimizer_state", "fitted": "prepare_inputs"}


class Format(_OldNames, base.Format):
    _names: ClassVar = {
        "broken": "unavailable_reason",
        "largest": "max_weight_bytes",
        "inside": "activations",
        "missing": "missing_packages",
        "refuses": "refusal_reason",
        "require": "require_accepted",
        "choose": "resolve_options",
        "write": "save_model",
    }
