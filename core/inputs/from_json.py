"""Inputs from JSON files: arrays by name, a list of rows, or a request body of TensorFlow Serving."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.inputs.fitting import InputSpecs
from core.inputs.source import InputSource, require_size, source_from_arrays, text_bytes

MAX_FILE_BYTES = 64 * 2**20  # bytes: Python's own lists take ten times the room
ACCEPTED_LAYOUTS = 'Write {"inputs": {"name": [rows]}}, {"name": [rows]}, [rows], or {"instances": [rows]}.'


def json_source(path: Path, specs: InputSpecs, max_bytes: int) -> InputSource:
    """Open the arrays of a JSON file.

    The file holds `{"inputs": {name: rows}}`, `{name: rows}`, a list of rows (each a value, a list, or a
    `{name: value}`), or such a list under "instances" or "inputs".

    Raises:
        InputError: When it holds something else, or its text takes more than `max_bytes`.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        sentence = "The file is too large to be read as JSON."
        received = f"{path.stat().st_size:,} bytes, of at most {MAX_FILE_BYTES:,}"
        raise InputError(sentence, received=received, cure="Give so many numbers as NPZ.")
    inputs = _rows_by_input(_parse_file(path), [spec["name"] for spec in specs])
    require_size(sum(text_bytes(_flatten(rows)) for rows in inputs.values()), max_bytes)
    return source_from_arrays({name: _to_array(name, rows) for name, rows in inputs.items()}, has_dtypes=False)


def _parse_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        sentence = "The file is no JSON, or too deeply nested."
        raise InputError(sentence, cure="Check it with a JSON tool.", detail=str(error)) from error


def _rows_by_input(document: Any, names: list[str]) -> dict[str, Any]:
    """Return rows by the name of their input; a single input need not be named."""
    if isinstance(document, dict):
        key = next((key for key in ("inputs", "instances") if key in document and key not in names), None)
        document = document[key] if key else document
    if isinstance(document, dict):
        return document
    if not isinstance(document, list):
        raise InputError("The file holds neither arrays by name nor a list of rows.", cure=ACCEPTED_LAYOUTS)
    if document and all(isinstance(row, dict) for row in document):
        return _rows_to_columns(document)
    return {names[0] if len(names) == 1 else "input": document}


def _rows_to_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows of `{name: value}` into a list for each name. Raises InputError when not all have the same names."""
    for at, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            sentence = f"Row {at:,} has other names than the first row."
            cure = f"Give every row the names {', '.join(rows[0])[:200]}."
            raise InputError(sentence, received=", ".join(map(str, row))[:200], cure=cure)
    return {name: [row[name] for row in rows] for name in rows[0]}


def _flatten(rows: Any) -> list[Any]:
    """Return the values within lists of any depth."""
    leaves, pending = [], [rows]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        else:
            leaves.append(item)
    return leaves


def _to_array(name: str, rows: Any) -> np.ndarray:
    """Raise InputError unless all rows have one shape, and all values one kind: numbers, texts, or true and false."""
    try:
        array = np.array(rows)
    except ValueError as error:
        sentence = f"Not all rows of “{name}” have the same shape."
        raise InputError(sentence, cure=ACCEPTED_LAYOUTS, detail=str(error)) from error
    if array.dtype.kind not in "biufU" or not _is_uniform(rows, array):
        sentence = f"“{name}” holds something else than numbers alone or text alone."
        received = "a null, an object, a number beyond 64 bits, or a mixture"
        raise InputError(sentence, received=received, cure=ACCEPTED_LAYOUTS)
    return array


def _is_uniform(rows: Any, array: np.ndarray) -> bool:
    """Whether the values were of one kind before NumPy made them an array."""
    kind = {"U": str, "b": bool}.get(array.dtype.kind, (int, float))
    return all(isinstance(value, kind) and isinstance(value, bool) == (kind is bool) for value in _flatten(rows))
