"""Whether a process is as it was before it loaded its first model: then it may load another, of which it knows nothing.

What a load may leave behind: classes that were registered with Keras, settings of Keras, and modules with a person's
own code, which a config may name.
"""

import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent  # our own modules are no traces of a model
INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")  # where modules lie that belong to the environment


class ProcessState(NamedTuple):
    """`registered` are the names in Keras' registry with what they stand for, by `id`; `settings` its global ones,
    `modules` those that are loaded."""

    registered: frozenset[tuple[str, int]]
    settings: tuple[str, ...]
    modules: frozenset[str]


_before: list[ProcessState] = []  # the first load; empty before it
_known: set[str] = set()  # modules that were looked at since, and are no traces


def has_loaded_before() -> bool:
    """Whether a model was loaded into this process, unloaded or not: what that imported makes a load faster."""
    return bool(_before)


def note_first_load() -> None:
    """Remember how this process is, where nothing was loaded into it yet."""
    if not _before:
        _before.append(_read_state())


def has_settings_as_before() -> bool:
    """Whether Keras' settings are as they were; asked before its session is cleared, by which they are reset."""
    return not _before or _before[0].settings == _read_settings()


def is_as_before() -> bool:
    """Whether nothing but memory of what was loaded has stayed; true where nothing was."""
    if not _before:
        return True
    before, now = _before[0], _read_state()
    later = now.modules - before.modules - _known
    if before[:2] != now[:2] or any(map(_is_foreign, later)):
        return False
    _known.update(later)
    return True


def _read_state() -> ProcessState:
    import keras

    registered = frozenset((name, id(item)) for name, item in keras.saving.get_custom_objects().items())
    return ProcessState(registered, _read_settings(), frozenset(sys.modules))


def _read_settings() -> tuple[str, ...]:
    from keras import config

    return config.dtype_policy().name, config.floatx(), config.image_data_format(), str(config.epsilon())


def _is_foreign(name: str) -> bool:
    """Whether a module is neither ours nor installed."""
    file = getattr(module, "__file__", None) if isinstance(module := sys.modules.get(name), ModuleType) else None
    if not isinstance(file, str):
        return False
    return not any(Path(file).resolve().is_relative_to(root) for root in _own_roots())


@cache
def _own_roots() -> tuple[Path, ...]:
    return PACKAGE, *(Path(sysconfig.get_path(kind)).resolve() for kind in INSTALLED)
