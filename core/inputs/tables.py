"""CSV files: a line a row, a column a number or a text, with or without a header."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.inputs.cells import TRUTHS, Place, Table, first_row, is_quoted_right, table_chunks
from core.inputs.fitting import Specs, passed_over
from core.inputs.sources import Given, Source

NUMBERED = 4  # columns from which on a first line of 0, 1, 2 ... is a header, as pandas writes one


def table_source(path: Path, specs: Specs, most: int) -> Source:
    """The rows of a CSV file (UTF-8; commas, semicolons or tabs), laid out as the model takes them.

    A flat input of 64 values is 64 columns: `pixels_0` ... `pixels_63`, or of any names, or without a header. Columns
    of several inputs are found by their names, or stand in the order of the inputs where there is no header.
    Raises InputError, also where text takes more than `most` bytes.
    """
    if not specs:
        raise InputError(
            "The model does not say what it takes, so a table could be read in many ways.", cure="Give an NPZ file."
        )
    first, delimiter = _first_row(path, specs)
    header = [cell.strip() for cell in first] if _is_header(first, specs) else None
    places, notes = _by_name(header, specs) if header and _knows(header, specs) else _in_order(header, first, specs)
    given = [Given(one.spec["name"], None, (len(one.columns),)) for one in places]
    table = Table(path, delimiter, len(first), header is not None)
    return Source(given, table_chunks(table, places, most), notes=notes)


def _first_row(path: Path, specs: Specs) -> tuple[list[str], str]:
    """The first row and the delimiter: the one of three that gives the columns that are wanted, else the most."""
    rows = {delimiter: first_row(path, delimiter) for delimiter in ",;\t"}
    if not rows[","]:
        raise InputError("There are 0 rows in it.", cure="Give at least one row.")
    wanted = None if any(_width(spec) is None for spec in specs) else len(_expected(specs))
    fits = {one: (len(rows[one]) == wanted, is_quoted_right(path, one), len(rows[one])) for one in rows}
    chosen = max(rows, key=fits.get)
    return rows[chosen], chosen


def _width(spec: dict[str, Any]) -> int | None:
    """How many columns an input fills; None where that is free."""
    shape = (spec["shape"] or [None, None])[1:]
    return None if None in shape else math.prod(shape)


def _names(spec: dict[str, Any]) -> list[str]:
    """What the columns of an input are called."""
    width = _width(spec)
    return [spec["name"]] if width in (None, 1) else [f"{spec['name']}_{at}" for at in range(width)]


def _expected(specs: Specs) -> list[str]:
    return [name for spec in specs for name in _names(spec)]


def _is_header(first: Sequence[str], specs: Specs) -> bool:
    """Whether the first row names columns: it holds a name that is expected, or words alone where numbers belong."""
    cells = [cell.strip() for cell in first]
    if set(cells) & set(_expected(specs)) or (len(cells) >= NUMBERED and cells == [str(n) for n in range(len(cells))]):
        return True
    return any(spec["dtype"] != "object" for spec in specs) and not any(map(_like_a_value, cells))


def _like_a_value(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return cell.lower() in TRUTHS
    return True


def _knows(header: Sequence[str], specs: Specs) -> bool:
    """Whether columns are to be found by name: some can be, or several inputs leave no other way."""
    return bool(set(header) & set(_expected(specs))) or len(specs) > 1


def _by_name(header: list[str], specs: Specs) -> tuple[list[Place], list[str]]:
    expected = _expected(specs)
    if missing := [name for name in expected if name not in header]:
        raise InputError(
            f"The table has no column “{missing[0]}”"
            + (f", and {len(missing) - 1} more are missing." if len(missing) > 1 else "."),
            received=f"the columns {', '.join(header[:12])}",
            cure=f"Name the columns {', '.join(expected[:12])}{' …' if len(expected) > 12 else ''}.",
        )
    extra = [name or "a column without a name" for name in header if name not in expected]
    return [Place(spec, [header.index(name) for name in _names(spec)]) for spec in specs], passed_over(extra)


def _in_order(header: list[str] | None, first: list[str], specs: Specs) -> tuple[list[Place], list[str]]:
    widths = [_width(spec) for spec in specs]
    if None in widths and len(specs) == 1:
        widths = [len(first)]
    if None in widths or sum(widths) != len(first):
        wanted = "any number of" if None in widths else f"{sum(widths):,}"
        raise InputError(
            f"The model takes {wanted} columns: {_in_words(specs)}.",
            received=f"{len(first):,} columns",
            cure="Give one column for each value, or an NPZ file.",
        )
    places, at = [], 0
    for spec, width in zip(specs, widths, strict=True):
        places.append(Place(spec, list(range(at, at + width))))
        at += width
    if header:
        return places, [f"The first line was taken for a header: {', '.join(header[:4])}{' …' * (len(header) > 4)}."]
    listed = ", ".join(f"“{spec['name']}”" for spec in specs)
    if len(specs) > 1:
        return places, [f"It has no header: the columns were taken in the order {listed}."]
    # Where all is text, a header of another name looks like any other row.
    text = specs[0]["dtype"] == "object"
    return places, [f"The first line was taken for a row, because it does not say {listed}."] if text else []


def _in_words(specs: Specs) -> str:
    return ", ".join(f"{_width(spec) or 'any number'} for “{spec['name']}”" for spec in specs[:12])
