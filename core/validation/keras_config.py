"""The JSON that describes a Keras model: parsed strictly, and every class and function in it compared with a list.

The same check serves the `config.json` of a .keras file, an architecture of its own, and the config in an .h5 file.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from core.errors import Refused
from core.validation import limits
from core.validation.file_types import leaves_folder
from core.validation.keras_allowlist import DEMO_CLASSES, LITERAL_CLASSES, is_allowed_class, is_allowed_function
from core.validation.rules import refusal

CODE_CLASSES = {"Lambda", "__lambda__"}
FILE_PATH_KEYS = {"vocabulary", "idf_weights", "filepath", "vocabulary_file", "file_path", "filename"}
NAME_KEYS = {"name", "layer_name", "module"}
VOCABULARY_KEY = "word"  # the key of an item of a vocabulary: any text, which refers to nothing
URL_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")


def parse_config(text: bytes) -> Any:
    """Return the value of a strict JSON text. Raises Refused for one too large, deep or ambiguous."""
    items = sum(text.count(mark) for mark in (b",", b"[", b"{"))
    if len(text) > limits.MAX_JSON_BYTES or items > limits.MAX_JSON_ITEMS:
        raise refusal("json-size", f"{len(text):,} bytes")
    numbers: dict[str, Any] = {"parse_int": _bounded(int), "parse_float": _bounded(float), "parse_constant": float}
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_reject_duplicate_keys, **numbers)
    except Refused:
        raise
    except RecursionError as error:
        raise refusal("json-depth") from error
    except ValueError as error:  # also UnicodeDecodeError
        raise refusal("json-text") from error
    _check_depth(value)
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        keys = [key for key, _ in pairs]
        raise refusal("json-duplicate", next(key for key in keys if keys.count(key) > 1))
    return entry


def _bounded(parse: Callable[[str], float]) -> Callable[[str], float]:
    """Return `parse` for numbers of a bounded length."""

    def parse_number(digits: str) -> float:
        if len(digits) > limits.MAX_DIGITS:
            raise refusal("json-number", f"{len(digits):,} digits")
        return parse(digits)

    return parse_number


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > limits.MAX_JSON_DEPTH:
            raise refusal("json-depth")
        level = [child for parent in level for child in _child_values(parent)]


def _child_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def check_config(config: Any) -> None:
    """Compare a model's config with the lists of `core.validation.keras_allowlist`. Raises Refused."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise refusal("config-shape")
    check_entries(config)


def check_entries(config: Any) -> None:
    """Check a part of a config that is no object itself, as the training settings of an .h5 file. Raises Refused."""
    for key, value in _walk_entries(config):
        if isinstance(value, dict) and "class_name" in value:
            _check_object(value)
        elif isinstance(value, str):
            _check_text(key, value)


def _walk_entries(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value at every depth with the key under which it stands, items of lists included."""
    waiting = [("", config)]
    while waiting:
        key, value = waiting.pop()
        yield key, value
        if isinstance(value, dict):
            for name in value:
                _check_text("name", name)
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((VOCABULARY_KEY if key in FILE_PATH_KEYS else "", item) for item in value)


def _check_text(key: str, text: str) -> None:
    if key != VOCABULARY_KEY and URL_PATTERN.match(text):
        raise refusal("config-url", text)
    if key in FILE_PATH_KEYS:
        raise refusal("config-path", text)
    if key in NAME_KEYS and (len(text) > limits.MAX_NAME_LENGTH or leaves_folder(text)):
        raise refusal("config-name", text)


def _check_object(entry: dict[str, Any]) -> None:
    name, module, registered = entry["class_name"], entry.get("module"), entry.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise refusal("config-shape")
    if name in CODE_CLASSES:
        raise refusal("config-code", name)
    if name == "function":
        _check_function(entry.get("config"), module, registered)
    elif name not in LITERAL_CLASSES:
        _check_class(name, module, registered)


def _check_function(name: Any, module: str | None, registered: Any) -> None:
    if not isinstance(name, str) or not is_allowed_function(name, module):
        raise refusal("config-function", f"{module}.{name}")
    if registered not in (None, name, "function"):
        raise refusal("config-registered", registered)


def _check_class(name: str, module: str | None, registered: Any) -> None:
    own = DEMO_CLASSES.get(name)
    if own and registered in (None, own.registered_name) and module in (None, own.module):
        return
    if not is_allowed_class(name, module):
        raise refusal("config-class", name if module is None else f"{module}.{name}")
    if registered not in (None, name):
        raise refusal("config-registered", registered)
