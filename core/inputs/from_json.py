"""JSON files: arrays by name, a list of rows, or what one would post to TensorFlow Serving."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.inputs.fitting import Specs
from core.inputs.from_npz import require_size, text_bytes
from core.inputs.source import Source, of_arrays

MOST = 64 * 2**20  # bytes: Python's own lists take ten times the room
WAYS = 'Write {"inputs": {"name": [rows]}}, {"name": [rows]}, [rows], or {"instances": [rows]}.'


def json_source(path: Path, specs: Specs, most: int) -> Source:
    """The arrays of a JSON file, together of at most `most` bytes of text: `{"inputs": {name: rows}}`, `{name: rows}`,
    a list of rows (each a value, a list, or a `{name: value}`), or such a list under "instances" or "inputs".
    Raises InputError."""
    if path.stat().st_size > MOST:
        raise InputError(
            "The file is too large to be read as JSON.",
            received=f"{path.stat().st_size:,} bytes, of at most {MOST:,}",
            cure="Give so many numbers as NPZ.",
        )
    named = _by_name(_parsed(path), [spec["name"] for spec in specs])
    require_size(sum(text_bytes(_leaves(rows)) for rows in named.values()), most)
    return of_arrays({name: _array(name, rows) for name, rows in named.items()}, typed=False)


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            "The file is no JSON, or too deeply nested.", cure="Check it with a JSON tool.", detail=str(error)
        ) from error


def _by_name(found: Any, names: list[str]) -> dict[str, Any]:
    """Rows by the name of the input; the name of a single one need not be given."""
    if isinstance(found, dict):
        key = next((key for key in ("inputs", "instances") if key in found and key not in names), None)
        found = found[key] if key else found
    if isinstance(found, dict):
        return found
    if not isinstance(found, list):
        raise InputError("The file holds neither arrays by name nor a list of rows.", cure=WAYS)
    if found and all(isinstance(row, dict) for row in found):
        return _columns(found)
    return {names[0] if len(names) == 1 else "input": found}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows with a value for each name, as a list for each name. Raises InputError when not all have the same names."""
    for at, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise InputError(
                f"Row {at:,} has other names than the first row.",
                received=", ".join(map(str, row))[:200],
                cure=f"Give every row the names {', '.join(rows[0])[:200]}.",
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _leaves(rows: Any) -> list[Any]:
    """The values within lists of any depth, in their order."""
    leaves, lists = [], [rows]
    while lists:
        items = lists.pop()
        if not isinstance(items, list):
            items = [items]
        leaves += [item for item in items if not isinstance(item, list)]
        lists += [item for item in items if isinstance(item, list)]
    return leaves


def _array(name: str, rows: Any) -> np.ndarray:
    """Raises InputError unless all rows have one shape, and all values one kind: numbers, texts, or true and false."""
    try:
        array = np.array(rows)
    except ValueError as error:
        raise InputError(f"Not all rows of “{name}” have the same shape.", cure=WAYS, detail=str(error)) from error
    if array.dtype.kind not in "biufU" or array.dtype.kind != _kind(rows, array):
        raise InputError(
            f"“{name}” holds something else than numbers alone or text alone.",
            received="a null, an object, a number beyond 64 bits, or a mixture",
            cure=WAYS,
        )
    return array


def _kind(rows: Any, array: np.ndarray) -> str:
    """The kind of the array, if its values were of that kind before NumPy made them one; else nothing."""
    wanted = {"U": str, "b": bool}.get(array.dtype.kind, (int, float))
    leaves = [rows]
    for _ in range(array.ndim):
        leaves = [item for row in leaves for item in row]
    good = all(isinstance(leaf, wanted) and isinstance(leaf, bool) == (wanted is bool) for leaf in leaves)
    return array.dtype.kind if good else ""
