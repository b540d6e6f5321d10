"""Choose a signature; feed models with a fixed batch size.

Which signature of a file answers, where it has several.

Files that fix how many rows they take at once, or take one value for all of them, asked for any number of rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import DoesNotLoad, InputError
from core.runtimes.base import Spec

DEFAULT = "serving_default"


def offered(names: Iterable[str]) -> list[str]:
    """The signatures that a person may choose from; TensorFlow's own, for initialising, are left out."""
    return sorted(name for name in names if not name.startswith("__saved_model"))


def choose_signature(names: Iterable[str], asked: str = "") -> tuple[str, str]:
    """The signature that answers, and a remark where it is not the one that everybody expects: the asked one; else
    serving_default; else the first.

    Raises DoesNotLoad where there is none, InputError where the asked one is not there.
    """
    found = offered(names)
    if not found:
        raise DoesNotLoad(
            "This file loads, but has no signature to answer through.",
            received="no signatures",
            cure="Save it again with signatures={'serving_default': function}.",
        )
    if asked and asked not in found:
        raise InputError("It has no such signature.", received=asked, cure=f"Choose from {', '.join(found)}.")
    chosen = asked or (DEFAULT if DEFAULT in found else found[0])
    return chosen, _answers_through(chosen, [name for name in found if name != chosen])


def _answers_through(chosen: str, others: list[str]) -> str:
    if not others:
        return "" if chosen == DEFAULT else f"It answers through its only signature, “{chosen}”."
    return f"It answers through its signature “{chosen}”; it also has {', '.join(f'“{one}”' for one in others)}."


def remarks(*said: str) -> str:
    """Remarks, one after another."""
    return " ".join(one for one in said if one)


Call = Callable[[Arrays], Arrays]
Shape = tuple[int | None, ...] | None

ONE_ROW = "It takes one row at a time, so it is fed row by row."
NO_AXIS = "Its inputs have no axis for rows."


class ByRows(NamedTuple):
    """Inputs with a free number of rows, what answers them, and what a person should know of how it does."""

    specs: tuple[Spec, ...]
    answer: Call
    remark: str


def by_rows(specs: Sequence[Spec], outputs: dict[str, Shape], call: Call) -> ByRows:
    """Make of `call`, which takes inputs of exactly the shapes of `specs`, one that takes any number of rows.

    `outputs` are the shapes that the file states for its answers. Where the first axis is fixed, rows are fed in
    portions, and the last one is filled up; an input without any axis is fed one value for rows that share it; an
    answer that is no row for each row is repeated for each.
    """
    scalars = [spec.name for spec in specs if spec.shape == ()]
    size = _rows_at_once([spec.shape for spec in specs if spec.shape != ()], list(outputs.values()))
    whole = {name for name, shape in outputs.items() if _is_whole(shape, size)}
    freed = tuple(_freed(spec, size) for spec in specs)
    if size is None and not scalars and not whole and None not in outputs.values():
        return ByRows(freed, call, "")

    def answer(inputs: Arrays) -> Arrays:
        parts = [_one_call(call, part, scalars, size, whole) for part in _portions(inputs, scalars, size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return ByRows(freed, answer, _of_rows(size, scalars, whole))


def _rows_at_once(inputs: list[Shape], outputs: list[Shape]) -> int | None:
    """How many rows a call takes: None for any number, 0 where the inputs have no axis for rows."""
    firsts = {shape[0] if shape else None for shape in inputs}
    if len(firsts) != 1 or None in firsts:
        return 0 if inputs and None not in firsts else None
    size = firsts.pop()
    return size if size == 1 or any(shape and shape[0] == size for shape in outputs) else 0


def _is_whole(shape: Shape, size: int | None) -> bool:
    """Whether an answer is one for all rows of a call, by what the file says of its shape."""
    return shape is not None and (not shape or size == 0 or shape[0] not in (None, 1, size))


def _freed(spec: Spec, size: int | None) -> Spec:
    if spec.shape is None:
        return spec
    return replace(spec, shape=(None, *(spec.shape if size == 0 or not spec.shape else spec.shape[1:])))


def _portions(inputs: Arrays, scalars: list[str], size: int | None) -> list[Arrays]:
    """Rows that can be asked in one call: as many as it takes, with the same value in each input without an axis."""
    rows = len(next(iter(inputs.values())))
    changes = [np.flatnonzero(inputs[name][1:] != inputs[name][:-1]) + 1 for name in scalars]
    step = max(size, 1) if size is not None else max(rows, 1)
    cuts = sorted({0, rows, *range(0, rows, step), *(int(one) for found in changes for one in found)})
    return [{name: array[start:end] for name, array in inputs.items()} for start, end in pairwise(cuts)]


def _one_call(call: Call, part: Arrays, scalars: list[str], size: int | None, whole: set[str]) -> Arrays:
    rows = len(next(iter(part.values())))
    fed = {name: _fed(array, name in scalars, size) for name, array in part.items()}
    return {name: _each(np.asarray(array), rows, size, name in whole) for name, array in call(fed).items()}


def _fed(array: np.ndarray, is_scalar: bool, size: int | None) -> np.ndarray:
    if is_scalar or size == 0:
        return np.asarray(array[0])
    return array if not size else array[np.minimum(np.arange(size), len(array) - 1)]


def _each(array: np.ndarray, rows: int, size: int | None, is_whole: bool) -> np.ndarray:
    """An answer with one row for each row that was asked."""
    if is_whole or not array.ndim or len(array) != (size or rows):
        return np.broadcast_to(array, (rows, *array.shape))
    return array[:rows]


def _of_rows(size: int | None, scalars: list[str], whole: set[str]) -> str:
    said = []
    if size is not None:
        said.append(ONE_ROW if size < 2 else f"It takes exactly {size} rows at a time; the last ones are filled up.")
    if size == 0:
        said.append(NO_AXIS)
    if scalars:
        said.append(f"One value for all rows of a call: {', '.join(scalars)}. Rows that share it are asked together.")
    if whole and size != 0:
        said.append(f"One answer for all rows of a call, repeated for each: {', '.join(sorted(whole))}.")
    return " ".join(said)
