"""The JSON that describes a Keras model: read strictly, and every class and function in it held against a list.

The same check serves `config.json` of a .keras file, an architecture on its own, and what an .h5 file holds.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.errors import Refused
from core.validation import limits
from core.validation.keras_allowlist import (
    ALLOWED_CLASSES,
    ALLOWED_FUNCTIONS,
    CLASSES_WITHOUT_MODULE,
    DEMO_CLASSES,
    LEGACY_MODULE_CLASSES,
    LITERAL_CLASSES,
)
from core.validation.rules import leaves_folder, refusal

CODE_CLASSES = {"Lambda", "__lambda__"}
FILE_PATH_KEYS = {"vocabulary", "idf_weights", "filepath", "vocabulary_file", "file_path", "filename"}
NAME_KEYS = {"name", "layer_name", "module"}
VOCABULARY_KEY = "word"  # what stands in a list of words is any text, and refers to nothing
URL_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")


def parse_config(text: bytes) -> Any:
    """The value of a strict JSON text. Raises Refused for one too large, deep or ambiguous, before it is built."""
    items = sum(text.count(mark) for mark in (b",", b"[", b"{"))
    if len(text) > limits.MAX_JSON_BYTES or items > limits.MAX_JSON_ITEMS:
        raise refusal("json-size", f"{len(text):,} bytes")
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_reject_duplicate_keys,
            parse_int=_parse_int,
            parse_float=_parse_float,
            parse_constant=float,
        )
    except Refused:
        raise
    except RecursionError as error:
        raise refusal("json-depth") from error
    except ValueError as error:  # also UnicodeDecodeError
        raise refusal("json-text") from error
    _check_depth(value)
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise refusal("json-duplicate", next(key for key in keys if keys.count(key) > 1))
    return found


def _parse_int(digits: str) -> int:
    _check_digits(digits)
    return int(digits)


def _parse_float(digits: str) -> float:
    _check_digits(digits)
    return float(digits)


def _check_digits(digits: str) -> None:
    if len(digits) > limits.MAX_DIGITS:
        raise refusal("json-number", f"{len(digits):,} digits")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > limits.MAX_JSON_DEPTH:
            raise refusal("json-depth")
        level = [inner for one in level for inner in _child_values(one)]


def _child_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def check_config(config: Any) -> None:
    """Hold a model's config against the lists of `core.validation.keras_allowlist`. Raises Refused."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise refusal("config-shape")
    check_entries(config)


def check_entries(config: Any) -> None:
    """The same for a part of a config that is no object itself, as the training settings of an .h5 file."""
    for key, value in _walk_entries(config):
        if isinstance(value, dict) and "class_name" in value:
            _check_object(value)
        elif isinstance(value, str):
            _check_text(key, value)


def _walk_entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value at every depth with the key under which it stands, those of lists included."""
    waiting = [("", value)]
    while waiting:
        key, one = waiting.pop()
        yield key, one
        if isinstance(one, dict):
            for text in one:
                _check_text("name", text)
            waiting.extend(one.items())
        elif isinstance(one, list):
            waiting.extend((VOCABULARY_KEY if key in FILE_PATH_KEYS else "", inner) for inner in one)


def _check_text(key: str, text: str) -> None:
    if key != VOCABULARY_KEY and URL_PATTERN.match(text):
        raise refusal("config-url", text)
    if key in FILE_PATH_KEYS:
        raise refusal("config-path", text)
    if key in NAME_KEYS and (len(text) > limits.MAX_NAME_LENGTH or leaves_folder(text)):
        raise refusal("config-name", text)


def _check_object(entry: dict[str, Any]) -> None:
    kind, module = entry["class_name"], entry.get("module")
    if not isinstance(kind, str) or not isinstance(module, str | None):
        raise refusal("config-shape")
    if kind in CODE_CLASSES:
        raise refusal("config-code", kind)
    if kind == "function":
        _check_function(entry)
    elif kind not in LITERAL_CLASSES:
        _check_class(kind, module, entry.get("registered_name"))


def _check_function(entry: dict[str, Any]) -> None:
    module, name, registered = entry.get("module"), entry.get("config"), entry.get("registered_name")
    if not isinstance(name, str) or name not in ALLOWED_FUNCTIONS.get(module or "builtins", ()):
        raise refusal("config-function", f"{module}.{name}")
    if registered not in (None, name, "function"):
        raise refusal("config-registered", registered)


def _check_class(kind: str, module: str | None, registered: Any) -> None:
    if (
        kind in DEMO_CLASSES
        and registered in (None, DEMO_CLASSES[kind].registered_name)
        and module in (None, DEMO_CLASSES[kind].module)
    ):
        return
    known = (
        kind in CLASSES_WITHOUT_MODULE
        if module is None
        else kind in ALLOWED_CLASSES.get(module, ()) or (kind in LEGACY_MODULE_CLASSES.get(module, ()))
    )
    if not known:
        raise refusal("config-class", kind if module is None else f"{module}.{kind}")
    if registered not in (None, kind):
        raise refusal("config-registered", registered)
