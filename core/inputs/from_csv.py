"""CSV.

The lines of a CSV file turned into arrays, some at a time: lines of numbers alone at once, others cell by cell.

CSV files: a line a row, a column a number or a text, with or without a header.
"""

import contextlib
import csv
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.fitting import InputSpecs, ignored_note, numpy_dtype, wrong_value_error
from core.inputs.source import InputSource, SourceArray, require_size, text_bytes

MAX_LINE_LENGTH = 2**24  # characters in a line
BLOCK_ROWS = 4096  # lines that are turned into arrays together
BOOLEAN_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class CsvTable(NamedTuple):
    """A CSV file: what stands between its cells, how many there are in a row, and whether the first row names them."""

    path: Path
    delimiter: str
    width: int
    has_header: bool


class InputColumns(NamedTuple):
    """One input and the columns of the table that fill it, in order."""

    spec: dict[str, Any]
    columns: list[int]


def read_first_row(path: Path, delimiter: str) -> list[str]:
    """The cells of the first row that is not empty; none where there is no such row. Raises InputError."""
    with _open_lines(path) as lines:
        return next(filter(None, csv.reader(lines, delimiter=delimiter)), [])


def is_quoting_valid(path: Path, delimiter: str) -> bool:
    """Whether every quoted cell of the first row ends at a delimiter: with another than the file's, few do."""
    with _open_lines(path) as lines:
        try:
            next(filter(None, csv.reader(lines, delimiter=delimiter, strict=True)), None)
        except csv.Error:
            return False
    return True


@contextlib.contextmanager
def _open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a file, with their ends. Raises InputError for what is no CSV, also where it is read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield _bounded_lines(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("The file is no CSV in UTF-8.", cure="Save it as CSV in UTF-8.", detail=str(error)) from error


def _bounded_lines(file: Any) -> Iterator[str]:
    while line := file.readline(MAX_LINE_LENGTH):
        if len(line) == MAX_LINE_LENGTH:
            raise InputError(f"A line is longer than {MAX_LINE_LENGTH:,} characters.", cure="Write a row on each line.")
        yield line


def csv_chunks(table: CsvTable, inputs: list[InputColumns], max_bytes: int) -> Iterator[Arrays]:
    """The rows of a table as arrays by name with role. Raises InputError for a row of another width, a cell that is no
    number where one belongs, no row at all, and where a few long texts make more than `most` bytes of short ones."""
    start = 0
    with _open_lines(table.path) as lines:
        for values in _read_blocks(table, lines, all(numpy_dtype(one.spec["dtype"]).kind == "f" for one in inputs)):
            if isinstance(values, list):
                require_size(
                    sum(text_bytes(row[at] for row in values for at in one.columns) for one in inputs), max_bytes
                )
            yield {f"input:{one.spec['name']}": _select_columns(values, one, start) for one in inputs}
            start += len(values)
    if not start:
        raise InputError("There are 0 rows in it, only a header.", cure="Give at least one row.")


def _read_blocks(
    table: CsvTable, lines: Iterator[str], has_only_numbers: bool
) -> Iterator[np.ndarray | list[list[str]]]:
    """Rows, some at a time: as numbers (rows, width) float64 where the lines hold nothing else, else as cells."""
    seen = 0
    if table.has_header:
        reader = csv.reader(lines, delimiter=table.delimiter)
        next(filter(None, reader))
        seen = reader.line_num
    while block := list(islice(lines, BLOCK_ROWS)):
        values = _parse_number_block(block, table) if has_only_numbers else None
        if values is not None:
            yield values
            seen += len(block)
        elif any('"' in line for line in block):  # a cell may go on behind the end of the block
            yield from _read_cell_blocks(chain(block, lines), table, seen)
        else:
            yield from _read_cell_blocks(block, table, seen)
            seen += len(block)


def _parse_number_block(block: list[str], table: CsvTable) -> np.ndarray | None:
    """All cells as numbers, read by NumPy; None where one is something else, or a row has another width."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lines without anything are no news
            values = np.loadtxt(block, "float64", comments=None, delimiter=table.delimiter, ndmin=2)
    except ValueError:
        return None
    return values if values.shape[1] == table.width and len(values) else None


def _read_cell_blocks(lines: Iterable[str], table: CsvTable, lines_before: int) -> Iterator[list[list[str]]]:
    reader = csv.reader(lines, delimiter=table.delimiter)
    waiting: list[list[str]] = []
    for row in filter(None, reader):
        if len(row) != table.width:
            raise InputError(
                f"Not every line has the same number of columns: the first has {table.width:,}.",
                received=f"{len(row):,} on line {lines_before + reader.line_num:,}",
                cure="Give every row as many columns as the first.",
            )
        waiting.append(row)
        if len(waiting) == BLOCK_ROWS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _select_columns(values: np.ndarray | list[list[str]], input_columns: InputColumns, start: int) -> np.ndarray:
    """The columns of one input."""
    if isinstance(values, np.ndarray):
        return values[:, input_columns.columns]
    return _parse_cells([[row[at] for at in input_columns.columns] for row in values], input_columns.spec, start)


def _parse_cells(cells: list[list[str]], spec: dict[str, Any], start: int) -> np.ndarray:
    dtype = numpy_dtype(spec["dtype"])
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
        return np.array([[_parse_cell(cell, spec, start + at, dtype) for cell in row] for at, row in enumerate(cells)])


def _parse_cell(cell: str, spec: dict[str, Any], row: int, dtype: np.dtype) -> float:
    """One cell as a number; an empty one is NaN, as everywhere."""
    try:
        return float(BOOLEAN_VALUES.get(cell.strip().lower(), cell) if dtype.kind == "b" else cell.strip() or "nan")
    except ValueError as error:
        raise wrong_value_error(spec["name"], f"numbers ({dtype.name})", row, cell) from error


MIN_NUMBERED_COLUMNS = 4  # columns from which on a first line of 0, 1, 2 ... is a header, as pandas writes one


def csv_source(path: Path, specs: InputSpecs, max_bytes: int) -> InputSource:
    """The rows of a CSV file (UTF-8; commas, semicolons or tabs), laid out as the model takes them.

    A flat input of 64 values is 64 columns: `pixels_0` ... `pixels_63`, or of any names, or without a header. Columns
    of several inputs are found by their names, or stand in the order of the inputs where there is no header.
    Raises InputError, also where text takes more than `most` bytes.
    """
    if not specs:
        raise InputError(
            "The model does not say what it takes, so a table could be read in many ways.", cure="Give an NPZ file."
        )
    first, delimiter = _detect_delimiter(path, specs)
    header = [cell.strip() for cell in first] if _is_header(first, specs) else None
    places, notes = (
        _match_by_name(header, specs)
        if header and _is_matched_by_name(header, specs)
        else _match_in_order(header, first, specs)
    )
    given = [SourceArray(one.spec["name"], None, (len(one.columns),)) for one in places]
    table = CsvTable(path, delimiter, len(first), header is not None)
    return InputSource(given, csv_chunks(table, places, max_bytes), notes=notes)


def _detect_delimiter(path: Path, specs: InputSpecs) -> tuple[list[str], str]:
    """The first row and the delimiter: the one of three that gives the columns that are wanted, else the most."""
    rows = {delimiter: read_first_row(path, delimiter) for delimiter in ",;\t"}
    if not rows[","]:
        raise InputError("There are 0 rows in it.", cure="Give at least one row.")
    wanted = None if any(_column_count(spec) is None for spec in specs) else len(_expected_columns(specs))
    fits = {one: (len(rows[one]) == wanted, is_quoting_valid(path, one), len(rows[one])) for one in rows}
    chosen = max(rows, key=fits.get)
    return rows[chosen], chosen


def _column_count(spec: dict[str, Any]) -> int | None:
    """How many columns an input fills; None where that is free."""
    shape = (spec["shape"] or [None, None])[1:]
    return None if None in shape else math.prod(shape)


def _column_names(spec: dict[str, Any]) -> list[str]:
    """What the columns of an input are called."""
    width = _column_count(spec)
    return [spec["name"]] if width in (None, 1) else [f"{spec['name']}_{at}" for at in range(width)]


def _expected_columns(specs: InputSpecs) -> list[str]:
    return [name for spec in specs for name in _column_names(spec)]


def _is_header(first: Sequence[str], specs: InputSpecs) -> bool:
    """Whether the first row names columns: it holds a name that is expected, or words alone where numbers belong."""
    cells = [cell.strip() for cell in first]
    if set(cells) & set(_expected_columns(specs)) or (
        len(cells) >= MIN_NUMBERED_COLUMNS and cells == [str(n) for n in range(len(cells))]
    ):
        return True
    return any(spec["dtype"] != "object" for spec in specs) and not any(map(_is_value, cells))


def _is_value(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return cell.lower() in BOOLEAN_VALUES
    return True


def _is_matched_by_name(header: Sequence[str], specs: InputSpecs) -> bool:
    """Whether columns are to be found by name: some can be, or several inputs leave no other way."""
    return bool(set(header) & set(_expected_columns(specs))) or len(specs) > 1


def _match_by_name(header: list[str], specs: InputSpecs) -> tuple[list[InputColumns], list[str]]:
    expected = _expected_columns(specs)
    if missing := [name for name in expected if name not in header]:
        raise InputError(
            f"The table has no column “{missing[0]}”"
            + (f", and {len(missing) - 1} more are missing." if len(missing) > 1 else "."),
            received=f"the columns {', '.join(header[:12])}",
            cure=f"Name the columns {', '.join(expected[:12])}{' …' if len(expected) > 12 else ''}.",
        )
    extra = [name or "a column without a name" for name in header if name not in expected]
    return [InputColumns(spec, [header.index(name) for name in _column_names(spec)]) for spec in specs], ignored_note(
        extra
    )


def _match_in_order(
    header: list[str] | None, first: list[str], specs: InputSpecs
) -> tuple[list[InputColumns], list[str]]:
    widths = [_column_count(spec) for spec in specs]
    if None in widths and len(specs) == 1:
        widths = [len(first)]
    if None in widths or sum(widths) != len(first):
        wanted = "any number of" if None in widths else f"{sum(widths):,}"
        raise InputError(
            f"The model takes {wanted} columns: {_describe_widths(specs)}.",
            received=f"{len(first):,} columns",
            cure="Give one column for each value, or an NPZ file.",
        )
    places, at = [], 0
    for spec, width in zip(specs, widths, strict=True):
        places.append(InputColumns(spec, list(range(at, at + width))))
        at += width
    if header:
        return places, [f"The first line was taken for a header: {', '.join(header[:4])}{' …' * (len(header) > 4)}."]
    listed = ", ".join(f"“{spec['name']}”" for spec in specs)
    if len(specs) > 1:
        return places, [f"It has no header: the columns were taken in the order {listed}."]
    # Where all is text, a header of another name looks like any other row.
    text = specs[0]["dtype"] == "object"
    return places, [f"The first line was taken for a row, because it does not say {listed}."] if text else []


def _describe_widths(specs: InputSpecs) -> str:
    return ", ".join(f"{_column_count(spec) or 'any number'} for “{spec['name']}”" for spec in specs[:12])
