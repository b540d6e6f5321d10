"""Deprecated: the plug-in interface is in `core.formats.base` and `core.runtimes.base`."""

import warnings

from core.arrays import Arrays, to_plain_array
from core.formats.base import PARTS, Format, Option
from core.runtimes.base import NO_CODE, ModelFile, NamedArrays, Predictor, Spec, match_inputs, model_kind, weight_bytes
from core.runtimes.base import ModelCode as Code

__all__ = [
    "NO_CODE",
    "PARTS",
    "Arrays",
    "Code",
    "Format",
    "ModelFile",
    "NamedArrays",
    "Option",
    "Predictor",
    "Spec",
    "kind_of",
    "match_inputs",
    "to_plain_array",
    "weight_bytes",
]

kind_of = model_kind
warnings.warn(
    "core.formats.contract is deprecated: import from core.formats.base and core.runtimes.base.",
    DeprecationWarning,
    stacklevel=2,
)
