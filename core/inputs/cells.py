"""The lines of a CSV file turned into arrays, some at a time: lines of numbers alone at once, others cell by cell."""

import contextlib
import csv
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.errors import InputError
from core.formats.contract import Arrays
from core.inputs.archives import require_size, text_bytes
from core.inputs.casting import dtype_of, wrong_value

LINE = 2**24  # characters in a line
ROWS = 4096  # lines that are turned into arrays together
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Table(NamedTuple):
    """A CSV file: what stands between its cells, how many there are in a row, and whether the first row names them."""

    path: Path
    delimiter: str
    width: int
    has_header: bool


class Place(NamedTuple):
    """One input and the columns of the table that fill it, in order."""

    spec: dict[str, Any]
    columns: list[int]


def first_row(path: Path, delimiter: str) -> list[str]:
    """The cells of the first row that is not empty; none where there is no such row. Raises InputError."""
    with _lines(path) as lines:
        return next(filter(None, csv.reader(lines, delimiter=delimiter)), [])


def is_quoted_right(path: Path, delimiter: str) -> bool:
    """Whether every quoted cell of the first row ends at a delimiter: with another than the file's, few do."""
    with _lines(path) as lines:
        try:
            next(filter(None, csv.reader(lines, delimiter=delimiter, strict=True)), None)
        except csv.Error:
            return False
    return True


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a file, with their ends. Raises InputError for what is no CSV, also where it is read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield _bounded(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("The file is no CSV in UTF-8.", cure="Save it as CSV in UTF-8.", detail=str(error)) from error


def _bounded(file: Any) -> Iterator[str]:
    while line := file.readline(LINE):
        if len(line) == LINE:
            raise InputError(f"A line is longer than {LINE:,} characters.", cure="Write a row on each line.")
        yield line


def table_chunks(table: Table, places: list[Place], most: int) -> Iterator[Arrays]:
    """The rows of a table as arrays by name with role. Raises InputError for a row of another width, a cell that is no
    number where one belongs, no row at all, and where a few long texts make more than `most` bytes of short ones."""
    start = 0
    with _lines(table.path) as lines:
        for values in _blocks(table, lines, all(dtype_of(one.spec["dtype"]).kind == "f" for one in places)):
            if isinstance(values, list):
                require_size(sum(text_bytes(row[at] for row in values for at in one.columns) for one in places), most)
            yield {f"input:{one.spec['name']}": _taken(values, one, start) for one in places}
            start += len(values)
    if not start:
        raise InputError("There are 0 rows in it, only a header.", cure="Give at least one row.")


def _blocks(table: Table, lines: Iterator[str], numbers: bool) -> Iterator[np.ndarray | list[list[str]]]:
    """Rows, some at a time: as numbers (rows, width) float64 where the lines hold nothing else, else as cells."""
    seen = 0
    if table.has_header:
        reader = csv.reader(lines, delimiter=table.delimiter)
        next(filter(None, reader))
        seen = reader.line_num
    while block := list(islice(lines, ROWS)):
        values = _numbers(block, table) if numbers else None
        if values is not None:
            yield values
            seen += len(block)
        elif any('"' in line for line in block):  # a cell may go on behind the end of the block
            yield from _cells(chain(block, lines), table, seen)
        else:
            yield from _cells(block, table, seen)
            seen += len(block)


def _numbers(block: list[str], table: Table) -> np.ndarray | None:
    """All cells as numbers, read by NumPy; None where one is something else, or a row has another width."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lines without anything are no news
            values = np.loadtxt(block, "float64", comments=None, delimiter=table.delimiter, ndmin=2)
    except ValueError:
        return None
    return values if values.shape[1] == table.width and len(values) else None


def _cells(lines: Iterable[str], table: Table, seen: int) -> Iterator[list[list[str]]]:
    reader = csv.reader(lines, delimiter=table.delimiter)
    waiting: list[list[str]] = []
    for row in filter(None, reader):
        if len(row) != table.width:
            raise InputError(
                f"Not every line has the same number of columns: the first has {table.width:,}.",
                received=f"{len(row):,} on line {seen + reader.line_num:,}",
                cure="Give every row as many columns as the first.",
            )
        waiting.append(row)
        if len(waiting) == ROWS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _taken(values: np.ndarray | list[list[str]], place: Place, start: int) -> np.ndarray:
    """The columns of one input."""
    if isinstance(values, np.ndarray):
        return values[:, place.columns]
    return _parsed([[row[at] for at in place.columns] for row in values], place.spec, start)


def _parsed(cells: list[list[str]], spec: dict[str, Any], start: int) -> np.ndarray:
    dtype = dtype_of(spec["dtype"])
    if dtype.kind == "U":
        return np.array(cells, dtype="U")
    if dtype.kind in "iu":
        try:
            return np.array(cells).astype("int64")  # whole, where all are written so: a float would round large ones
        except (ValueError, OverflowError):
            pass
    try:
        return np.array(cells, dtype="float64")
    except ValueError:
        return np.array([[_value(cell, spec, start + at, dtype) for cell in row] for at, row in enumerate(cells)])


def _value(cell: str, spec: dict[str, Any], row: int, dtype: np.dtype) -> float:
    """One cell as a number; an empty one is NaN, as everywhere."""
    try:
        return float(TRUTHS.get(cell.strip().lower(), cell) if dtype.kind == "b" else cell.strip() or "nan")
    except ValueError as error:
        raise wrong_value(spec["name"], f"numbers ({dtype.name})", row, cell) from error
