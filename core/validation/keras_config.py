"""The JSON that describes a Keras model: read strictly, and every class and function in it held against a list.

The same check serves `config.json` of a .keras file, an architecture on its own, and what an .h5 file holds.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.errors import Refused
from core.validation import rules
from core.validation.keras_allowlist import ANY_MODULE, CLASSES, FUNCTIONS, LITERALS, OUR_OWN, WITHOUT_MODULE
from core.validation.rules import leads_out, refused

CODE = {"Lambda", "__lambda__"}
FILES = {"vocabulary", "idf_weights", "filepath", "vocabulary_file", "file_path", "filename"}
NAMES = {"name", "layer_name", "module"}
WORD = "word"  # what stands in a list of words is any text, and refers to nothing
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")


def read_config(text: bytes) -> Any:
    """The value of a strict JSON text. Raises Refused for one too large, deep or ambiguous, before it is built."""
    if len(text) > rules.JSON or sum(text.count(mark) for mark in (b",", b"[", b"{")) > rules.JSON_ITEMS:
        raise refused("json-size", f"{len(text):,} bytes")
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_once, parse_int=_whole, parse_float=_real, parse_constant=float
        )
    except Refused:
        raise
    except RecursionError as error:
        raise refused("json-depth") from error
    except ValueError as error:  # also UnicodeDecodeError
        raise refused("json-text") from error
    _check_depth(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise refused("json-duplicate", next(key for key in keys if keys.count(key) > 1))
    return found


def _whole(digits: str) -> int:
    _check_digits(digits)
    return int(digits)


def _real(digits: str) -> float:
    _check_digits(digits)
    return float(digits)


def _check_digits(digits: str) -> None:
    if len(digits) > rules.DIGITS:
        raise refused("json-number", f"{len(digits):,} digits")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > rules.JSON_DEPTH:
            raise refused("json-depth")
        level = [inner for one in level for inner in _inside(one)]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def check_config(config: Any) -> None:
    """Hold a model's config against the lists of `core.validation.keras_allowlist`. Raises Refused."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise refused("config-shape")
    check_entries(config)


def check_entries(config: Any) -> None:
    """The same for a part of a config that is no object itself, as the training settings of an .h5 file."""
    for key, value in _entries(config):
        if isinstance(value, dict) and "class_name" in value:
            _check_object(value)
        elif isinstance(value, str):
            _check_text(key, value)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
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
            waiting.extend((WORD if key in FILES else "", inner) for inner in one)


def _check_text(key: str, text: str) -> None:
    if key != WORD and ADDRESS.match(text):
        raise refused("config-url", text)
    if key in FILES:
        raise refused("config-path", text)
    if key in NAMES and (len(text) > rules.NAME or leads_out(text)):
        raise refused("config-name", text)


def _check_object(found: dict[str, Any]) -> None:
    kind, module = found["class_name"], found.get("module")
    if not isinstance(kind, str) or not isinstance(module, str | None):
        raise refused("config-shape")
    if kind in CODE:
        raise refused("config-code", kind)
    if kind == "function":
        _check_function(found)
    elif kind not in LITERALS:
        _check_class(kind, module, found.get("registered_name"))


def _check_function(found: dict[str, Any]) -> None:
    module, name, registered = found.get("module"), found.get("config"), found.get("registered_name")
    if not isinstance(name, str) or name not in FUNCTIONS.get(module or "builtins", ()):
        raise refused("config-function", f"{module}.{name}")
    if registered not in (None, name, "function"):
        raise refused("config-registered", registered)


def _check_class(kind: str, module: str | None, registered: Any) -> None:
    if kind in OUR_OWN and registered in (None, OUR_OWN[kind].registered) and module in (None, OUR_OWN[kind].module):
        return
    known = (
        kind in WITHOUT_MODULE
        if module is None
        else kind in CLASSES.get(module, ()) or (kind in ANY_MODULE.get(module, ()))
    )
    if not known:
        raise refused("config-class", kind if module is None else f"{module}.{kind}")
    if registered not in (None, kind):
        raise refused("config-registered", registered)
