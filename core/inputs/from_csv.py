"""Inputs from CSV files: a line a row, a column a number or a text, with or without a header.

Lines are read in blocks: those that hold numbers alone at once by NumPy, others cell by cell.
"""

import contextlib
import csv
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.fitting import InputSpecs, ignored_note, numpy_dtype, wrong_value_error
from core.inputs.source import InputSource, SourceArray, no_rows_error, require_size, text_bytes
from core.runtimes.specs import InputSpec, fixed_row_shape

MAX_LINE_LENGTH = 2**24  # characters in a line
BLOCK_ROWS = 4096  # lines that are turned into arrays together
MIN_NUMBERED_COLUMNS = 4  # columns from which on a first line of 0, 1, 2 ... is a header, as pandas writes one
BOOLEAN_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Cells = list[list[str]]


class CsvTable(NamedTuple):
    """How a CSV file is read: its delimiter, the cells in a row, and whether the first row names them."""

    path: Path
    delimiter: str
    width: int
    has_header: bool


class InputColumns(NamedTuple):
    """One input and the columns of the table that fill it, in order."""

    spec: InputSpec
    columns: list[int]


def csv_source(path: Path, specs: InputSpecs, max_bytes: int) -> InputSource:
    """Open the rows of a CSV file (UTF-8; commas, semicolons or tabs), laid out as the model takes them.

    A flat input of 64 values is 64 columns: `pixels_0` ... `pixels_63`, or of any names, or without a header. Columns
    of several inputs are found by their names, or stand in the order of the inputs where there is no header.

    Raises:
        InputError: When the table does not fit, or its text takes more than `max_bytes`.
    """
    if not specs:
        sentence = "The model does not say what it takes, so a table could be read in many ways."
        raise InputError(sentence, cure="Give an NPZ file.")
    first, delimiter = _detect_delimiter(path, specs)
    header = [cell.strip() for cell in first] if _is_header(first, specs) else []
    # Several inputs under a header leave no other way than by name.
    by_name = header and (len(specs) > 1 or set(header) & set(_column_names(specs)))
    inputs, notes = _match_by_name(header, specs) if by_name else _match_in_order(header, first, specs)
    arrays = [SourceArray(spec["name"], None, (len(columns),)) for spec, columns in inputs]
    table = CsvTable(path, delimiter, len(first), bool(header))
    return InputSource(arrays, _iter_chunks(table, inputs, max_bytes), notes=notes)


# Which columns


def _detect_delimiter(path: Path, specs: InputSpecs) -> tuple[list[str], str]:
    """Return the first row and the delimiter: the one that gives the expected number of columns, else the most."""
    rows = {delimiter: _read_first_row(path, delimiter) for delimiter in ",;\t"}
    if not rows[","][0]:
        raise no_rows_error()
    has_fixed_width = all(_column_count(spec) is not None for spec in specs)
    expected = len(_column_names(specs)) if has_fixed_width else None
    ranks = {symbol: (len(row) == expected, is_valid, len(row)) for symbol, (row, is_valid) in rows.items()}
    delimiter = max(rows, key=lambda symbol: ranks[symbol])
    return rows[delimiter][0], delimiter


def _read_first_row(path: Path, delimiter: str) -> tuple[list[str], bool]:
    """Return the first row that is not empty ([] where none is), and whether its quoted cells end at delimiters.

    With another delimiter than the file's, few do. Raises InputError.
    """
    with _open_lines(path) as lines, contextlib.suppress(csv.Error):
        return next(filter(None, csv.reader(lines, delimiter=delimiter, strict=True)), []), True
    with _open_lines(path) as lines:
        return next(filter(None, csv.reader(lines, delimiter=delimiter)), []), False


def _column_count(spec: InputSpec) -> int | None:
    """Return how many columns an input fills; None where that is free."""
    shape = fixed_row_shape(spec)
    return None if shape is None else math.prod(shape)


def _column_names(specs: InputSpecs) -> list[str]:
    """Return what the columns of these inputs are called."""
    names = []
    for spec in specs:
        count = _column_count(spec)
        width = 1 if count is None else count
        names += [spec["name"]] if width == 1 else [f"{spec['name']}_{at}" for at in range(width)]
    return names


def _is_header(first: Sequence[str], specs: InputSpecs) -> bool:
    """Whether the first row names columns: it holds a name that is expected, or words alone where numbers belong."""
    cells = [cell.strip() for cell in first]
    is_numbered = len(cells) >= MIN_NUMBERED_COLUMNS and cells == [str(n) for n in range(len(cells))]
    if is_numbered or set(cells) & set(_column_names(specs)):
        return True
    return any(spec["dtype"] != "object" for spec in specs) and not any(map(_is_value, cells))


def _is_value(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return cell.lower() in BOOLEAN_VALUES
    return True


def _match_by_name(header: list[str], specs: InputSpecs) -> tuple[list[InputColumns], list[str]]:
    expected = _column_names(specs)
    if missing := [name for name in expected if name not in header]:
        more = f", and {len(missing) - 1} more are missing" if len(missing) > 1 else ""
        sentence = f"The table has no column “{missing[0]}”{more}."
        cure = f"Name the columns {', '.join(expected[:12])}{' …' if len(expected) > 12 else ''}."
        raise InputError(sentence, received=f"the columns {', '.join(header[:12])}", cure=cure)
    inputs = [InputColumns(spec, [header.index(name) for name in _column_names([spec])]) for spec in specs]
    return inputs, ignored_note([name or "a column without a name" for name in header if name not in expected])


def _match_in_order(header: list[str], first: list[str], specs: InputSpecs) -> tuple[list[InputColumns], list[str]]:
    counts = [_column_count(spec) for spec in specs]
    widths = [len(first)] if counts == [None] else [count for count in counts if count is not None]
    if len(widths) < len(specs) or sum(widths) != len(first):
        total = "any number of" if len(widths) < len(specs) else f"{sum(widths):,}"
        each = [f"{_column_count(spec) or 'any number'} for “{spec['name']}”" for spec in specs[:12]]
        sentence = f"The model takes {total} columns: {', '.join(each)}."
        cure = "Give one column for each value, or an NPZ file."
        raise InputError(sentence, received=f"{len(first):,} columns", cure=cure)
    columns = iter(range(len(first)))
    inputs = [InputColumns(spec, list(islice(columns, width))) for spec, width in zip(specs, widths, strict=True)]
    return inputs, _order_notes(header, specs)


def _order_notes(header: list[str], specs: InputSpecs) -> list[str]:
    if header:
        return [f"The first line was taken for a header: {', '.join(header[:4])}{' …' * (len(header) > 4)}."]
    names = ", ".join(f"“{spec['name']}”" for spec in specs)
    if len(specs) > 1:
        return [f"It has no header: the columns were taken in the order {names}."]
    # Where all is text, a header of another name looks like any other row.
    is_text = specs[0]["dtype"] == "object"
    return [f"The first line was taken for a row, because it does not say {names}."] if is_text else []


# Rows


def _iter_chunks(table: CsvTable, inputs: list[InputColumns], max_bytes: int) -> Iterator[Arrays]:
    """Yield the rows of a table as arrays by name with role.

    Raises InputError for a row of another width, a cell that is no number where one belongs, no row at all, and where
    a few long texts make more than `max_bytes` of short ones.
    """
    start = 0
    with _open_lines(table.path) as lines:
        for values in _read_blocks(table, lines, all(numpy_dtype(spec["dtype"]).kind == "f" for spec, _ in inputs)):
            if isinstance(values, list):
                sizes = (text_bytes(row[at] for row in values for at in columns) for _, columns in inputs)
                require_size(sum(sizes), max_bytes)
            yield {f"input:{item.spec['name']}": _select_columns(values, item, start) for item in inputs}
            start += len(values)
    if not start:
        raise no_rows_error(", only a header")


@contextlib.contextmanager
def _open_lines(path: Path) -> Iterator[Iterator[str]]:
    """Open the lines of a file, with their ends. Raises InputError for what is no CSV, also where it is read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield _bounded_lines(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("The file is no CSV in UTF-8.", cure="Save it as CSV in UTF-8.", detail=str(error)) from error


def _bounded_lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(MAX_LINE_LENGTH):
        if len(line) == MAX_LINE_LENGTH:
            raise InputError(f"A line is longer than {MAX_LINE_LENGTH:,} characters.", cure="Write a row on each line.")
        yield line


def _read_blocks(table: CsvTable, lines: Iterator[str], has_only_numbers: bool) -> Iterator[np.ndarray | Cells]:
    """Yield blocks of rows: as float64 (rows, width) where the lines hold nothing else, else as cells."""
    lines_before = 0
    if table.has_header:
        reader = csv.reader(lines, delimiter=table.delimiter)
        next(filter(None, reader))
        lines_before = reader.line_num
    while block := list(islice(lines, BLOCK_ROWS)):
        numbers = _parse_number_block(block, table) if has_only_numbers else None
        if numbers is not None:
            yield numbers
        elif any('"' in line for line in block):  # a cell may go on behind the end of the block
            yield from _read_cell_blocks(chain(block, lines), table, lines_before)
        else:
            yield from _read_cell_blocks(block, table, lines_before)
        lines_before += len(block)


def _parse_number_block(block: list[str], table: CsvTable) -> np.ndarray | None:
    """Return all cells as numbers, read by NumPy; None where one is something else, or a row has another width."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lines without anything are no news
            values = np.loadtxt(block, "float64", comments=None, delimiter=table.delimiter, ndmin=2)
    except ValueError:
        return None
    return values if values.shape[1] == table.width and len(values) else None


def _read_cell_blocks(lines: Iterable[str], table: CsvTable, lines_before: int) -> Iterator[Cells]:
    rows = _iter_rows(lines, table, lines_before)
    while block := list(islice(rows, BLOCK_ROWS)):
        yield block


def _iter_rows(lines: Iterable[str], table: CsvTable, lines_before: int) -> Iterator[list[str]]:
    reader = csv.reader(lines, delimiter=table.delimiter)
    for row in filter(None, reader):
        if len(row) != table.width:
            sentence = f"Not every line has the same number of columns: the first has {table.width:,}."
            received = f"{len(row):,} on line {lines_before + reader.line_num:,}"
            raise InputError(sentence, received=received, cure="Give every row as many columns as the first.")
        yield row


def _select_columns(values: np.ndarray | Cells, item: InputColumns, start: int) -> np.ndarray:
    """Return the columns of one input."""
    if isinstance(values, np.ndarray):
        return values[:, item.columns]
    return _parse_cells([[row[at] for at in item.columns] for row in values], item.spec, start)


def _parse_cells(cells: Cells, spec: InputSpec, start: int) -> np.ndarray:
    dtype = numpy_dtype(spec["dtype"])
    if dtype.kind == "U":
        return np.array(cells, dtype="U")
    if dtype.kind in "iu":
        # Whole where all are written so: a float would round large numbers.
        with contextlib.suppress(ValueError, OverflowError):
            return np.array(cells).astype("int64")
    try:
        return np.array(cells, dtype="float64")
    except ValueError:
        return np.array([[_parse_cell(cell, spec, start + at, dtype) for cell in row] for at, row in enumerate(cells)])


def _parse_cell(cell: str, spec: InputSpec, row: int, dtype: np.dtype) -> float:
    """Return one cell as a number; an empty one is NaN, as everywhere."""
    try:
        return float(BOOLEAN_VALUES.get(cell.strip().lower(), cell) if dtype.kind == "b" else cell.strip() or "nan")
    except ValueError as error:
        raise wrong_value_error(spec["name"], f"numbers ({dtype.name})", row, cell) from error
