"""Deprecated: predictors of live models are in `core.runtimes.live`."""

import warnings

from core.runtimes.live import *  # noqa: F403  whatever a plug-in imported from here

warnings.warn("core.formats.live is deprecated: import from core.runtimes.live.", DeprecationWarning, stacklevel=2)
