"""JSON files: arrays by name, a list of rows, or what one would post to TensorFlow Serving."""

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
    """The arrays of a JSON file, together of at most `most` bytes of text: `{"inputs": {name: rows}}`, `{name: rows}`,
    a list of rows (each a value, a list, or a `{name: value}`), or such a list under "instances" or "inputs".
    Raises InputError."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(
            "The file is too large to be read as JSON.",
            received=f"{path.stat().st_size:,} bytes, of at most {MAX_FILE_BYTES:,}",
            cure="Give so many numbers as NPZ.",
        )
    named = _rows_by_input(_parse_file(path), [spec["name"] for spec in specs])
    require_size(sum(text_bytes(_flatten(rows)) for rows in named.values()), max_bytes)
    return source_from_arrays({name: _to_array(name, rows) for name, rows in named.items()}, has_dtypes=False)


def _parse_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            "The file is no JSON, or too deeply nested.", cure="Check it with a JSON tool.", detail=str(error)
        ) from error


def _rows_by_input(document: Any, names: list[str]) -> dict[str, Any]:
    """Rows by the name of the input; the name of a single one need not be given."""
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
    """Rows with a value for each name, as a list for each name. Raises InputError when not all have the same names."""
    for at, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise InputError(
                f"Row {at:,} has other names than the first row.",
                received=", ".join(map(str, row))[:200],
                cure=f"Give every row the names {', '.join(rows[0])[:200]}.",
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _flatten(rows: Any) -> list[Any]:
    """The values within lists of any depth, in their order."""
    leaves, lists = [], [rows]
    while lists:
        items = lists.pop()
        if not isinstance(items, list):
            items = [items]
        leaves += [item for item in items if not isinstance(item, list)]
        lists += [item for item in items if isinstance(item, list)]
    return leaves


def _to_array(name: str, rows: Any) -> np.ndarray:
    """Raises InputError unless all rows have one shape, and all values one kind: numbers, texts, or true and false."""
    try:
        array = np.array(rows)
    except ValueError as error:
        raise InputError(
            f"Not all rows of “{name}” have the same shape.", cure=ACCEPTED_LAYOUTS, detail=str(error)
        ) from error
    if array.dtype.kind not in "biufU" or array.dtype.kind != _value_kind(rows, array):
        raise InputError(
            f"“{name}” holds something else than numbers alone or text alone.",
            received="a null, an object, a number beyond 64 bits, or a mixture",
            cure=ACCEPTED_LAYOUTS,
        )
    return array


def _value_kind(rows: Any, array: np.ndarray) -> str:
    """The kind of the array, if its values were of that kind before NumPy made them one; else nothing."""
    wanted = {"U": str, "b": bool}.get(array.dtype.kind, (int, float))
    leaves = [rows]
    for _ in range(array.ndim):
        leaves = [item for row in leaves for item in row]
    good = all(isinstance(leaf, wanted) and isinstance(leaf, bool) == (wanted is bool) for leaf in leaves)
    return array.dtype.kind if good else ""
