"""The formats, written down: a new one is one file here and one line in `MODULES`.

Third parties add theirs without touching this file, through the entry-point group `roundtrip.formats`; each entry
names a `Format`.
"""

from collections.abc import Hashable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import Any

from core.errors import PackageMissing, UnknownName
from core.formats.base import Format
from core.registry import find_by_key
from core.versions import installed_packages_fingerprint

# One line a format, in the order in which they are shown.
MODULES = (
    "saved_model",
    "keras_export",
    "keras",
    "h5",
    "weights",
    "architecture",
    "checkpoint",
    "keras_dir",
    "weights_sharded",
    "safetensors",
    "keras_int8",
    "keras_int4",
    "keras_float8",
    "frozen_graph",
    "onnx",
    "onnx_external",
    "onnx_float16",
    "onnx_int8_dynamic",
    "onnx_int8",
    "litert",
    "litert_float16",
    "litert_dynamic",
    "litert_int8",
    "litert_int4",
    "litert_fixed",
    "openvino",
    "openvino_fp16",
    "openvino_int8",
    "stablehlo",
    "pickle",
)
# Those that are written and read with other packages than ours, in an environment.
ENVIRONMENT_MODULES = ("orbax", "pt2", "tfjs_graph")

FORMATS: tuple[Format, ...] = tuple(import_module(f"core.formats.{name}").FORMAT for name in MODULES)
ENVIRONMENT_FORMATS: tuple[Format, ...] = tuple(
    import_module(f"core.formats.{name}").FORMAT for name in ENVIRONMENT_MODULES
)


def all_formats() -> tuple[Format, ...]:
    """Ours, those of environments, then those of third parties, in the order of their names."""
    return (*FORMATS, *ENVIRONMENT_FORMATS, *_load_third_party_formats())


def formats_at_hand(kind: str, weight_bytes: int, trust: str) -> list[str]:
    """Return the keys of all formats that take such a model, without those for which an environment is built."""
    return [
        format_.key
        for format_ in all_formats()
        if not format_.environment and not format_.refusal_reason(kind, weight_bytes, trust)
    ]


def _load_third_party_formats() -> Iterator[Format]:
    """A generator: who finds a format of ours first looks into no package."""
    yield from map(_load_entry_point, _find_entry_points(installed_packages_fingerprint()))


@lru_cache(maxsize=1)
def _find_entry_points(stamp: Hashable) -> tuple[EntryPoint, ...]:
    """Searched again when another package is installed: it takes a look into each (11 ms)."""
    return tuple(sorted(entry_points(group="roundtrip.formats"), key=lambda entry: entry.name))


def _load_entry_point(entry: EntryPoint) -> Format:
    """A third party's format; one that cannot be imported is listed with the reason, and stops nothing."""
    try:
        format_: Format = entry.load()
        return format_
    except Exception as error:  # noqa: BLE001  whatever an untrusted module raises, ours must go on
        why = f"The package that brings it fails to import: {type(error).__name__}: {error}"

    def refuse(*_: Any, **__: Any) -> Any:
        raise PackageMissing(why, cure="Repair or uninstall that package.")

    nothing: frozenset[str] = frozenset()
    facts = entry.name, entry.name, "unknown", "Unknown.", nothing, nothing
    return Format(*facts, refuse, refuse, unavailable_reason=why)


def get_format(key: str) -> Format:
    """The format of that key. Raises UnknownName with the keys that exist."""
    # Chained, not joined: a format of ours is found without any of a third party being imported.
    return find_by_key(chain(FORMATS, ENVIRONMENT_FORMATS, _load_third_party_formats()), key, "format")


def is_own_format(key: str) -> bool:
    """Return whether a format is one of ours, and no third party's."""
    return any(format_.key == key for format_ in (*FORMATS, *ENVIRONMENT_FORMATS))


def label_format(key: str) -> str:
    """Return the label of the format of that key; the key itself where that is not installed any more."""
    try:
        return get_format(key).label
    except UnknownName:
        return key


def format_order(key: str) -> int:
    """Return the place of a format among all; one that is not installed any more stands last."""
    keys = [format_.key for format_ in all_formats()]
    return keys.index(key) if key in keys else len(keys)
