"""Deprecated: predictors of live models are in `core.runtimes.live`. Those from here have their old names, too."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from core.formats import contract
from core.runtimes import keras, live, tf_module
from core.runtimes import signatures as signatures
from core.runtimes.keras import arrange_inputs as arranged  # noqa: F401
from core.runtimes.live import *  # noqa: F403  whatever a plug-in imported from here
from core.runtimes.specs import to_numpy_dtype as numpy_dtype  # noqa: F401

warnings.warn("core.formats.live is deprecated: import from core.runtimes.live.", DeprecationWarning, stacklevel=2)


def _with_old_names(function: Callable[..., Any]) -> Callable[..., contract.Predictor]:
    return wraps(function)(lambda *args, **keywords: contract.Predictor(**vars(function(*args, **keywords))))


live_predictor = _with_old_names(live.live_predictor)
keras_predictor = _with_old_names(keras.keras_predictor)
module_predictor = _with_old_names(tf_module.module_predictor)
signature_predictor = _with_old_names(signatures.signature_predictor)
