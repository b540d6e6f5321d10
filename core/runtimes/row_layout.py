"""Which axis of each input and output of a file counts rows, and how many rows one call takes.

A file that names its axes says so: the name that its inputs and outputs share. Else a free axis says it: the first one,
or the only one. Where nothing says it, rows are asked one by one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.runtimes.specs import Shape

AxisNames = Mapping[str, Sequence[str]]  # by input and output; empty for an axis without a name
Axes = dict[str, int | None]
BATCH_NAME = re.compile(r"(?i)n|b|bs|.*batch.*|rows?|samples?|examples?")


class RowLayout(NamedTuple):
    """How rows go through one call.

    Attributes:
        rows: How many it takes; None for any number.
        inputs: The axis of each input that counts rows; None where it has none, and one value serves all rows.
        outputs: The same of the outputs; one whose shape says nothing is left out.
    """

    rows: int | None
    inputs: Axes
    outputs: Axes

    @property
    def shared_inputs(self) -> list[str]:
        return [name for name, axis in self.inputs.items() if axis is None]

    @property
    def moved(self) -> list[str]:
        """Inputs and outputs that count rows on another axis than the first."""
        return [name for name, axis in (self.inputs | self.outputs).items() if axis]


def find_row_layout(inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], names: AxisNames) -> RowLayout:
    """The layout by the stated shapes, None where an axis is free, and the names of the axes."""
    if row_name := _row_axis_name(names, list(inputs)):
        return _named_layout(inputs, outputs, names, row_name)
    firsts = {shape[0] if shape else None for shape in inputs.values() if shape != ()}
    if firsts and None not in firsts:
        return _fixed_layout(inputs, outputs, firsts)
    return _free_layout(inputs, outputs)


def _row_axis_name(names: AxisNames, inputs: list[str]) -> str:
    """The name of the axis that counts rows: the one that most outputs and inputs share; a name that says so, and the
    first axis, decide between equals. Empty where no output has an axis of an input."""
    given = Counter(axis for name in inputs for axis in set(names.get(name, ())) if axis)
    taken = Counter(axis for name in names.keys() - set(inputs) for axis in set(names[name]) if axis)
    first = {names[name][0] for name in inputs if names.get(name)}
    shared = sorted(name for name in given if name in taken)

    def rank(name: str) -> tuple[int, int, bool, bool]:
        return taken[name], given[name], bool(BATCH_NAME.fullmatch(name)), name in first

    return max(shared, key=rank, default="")


def _named_layout(
    inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], names: AxisNames, row_name: str
) -> RowLayout:
    def find_axis(name: str, shape: Shape, first_sizes: tuple[int | None, ...]) -> int | None:
        axes = list(names.get(name, ()))
        if row_name in axes:
            return axes.index(row_name)
        return 0 if shape is None or (shape and shape[0] in first_sizes) else None

    taken = {name: find_axis(name, shape, (None,)) for name, shape in inputs.items()}
    # Some exporters write 1 for any number.
    given = {name: find_axis(name, shape, (None, 1)) for name, shape in outputs.items() if shape is not None}
    return RowLayout(None, taken, given)


def _fixed_layout(inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], firsts: set[int | None]) -> RowLayout:
    """Of inputs that all state the size of their first axis: it counts rows where it is one for all of them, and is 1
    or the first size of an output too; else a call is one row."""
    size = firsts.pop() if len(firsts) == 1 else 0
    if size == 1 or (size and any(shape and shape[0] == size for shape in outputs.values())):
        taken: Axes = {name: None if shape == () else 0 for name, shape in inputs.items()}
        given: Axes = {
            name: None if _is_shared(shape, size) else 0 for name, shape in outputs.items() if shape is not None
        }
        return RowLayout(size, taken, given)
    return RowLayout(1, dict.fromkeys(inputs), dict.fromkeys(outputs))


def _is_shared(shape: Shape, rows: int | None) -> bool:
    return shape is not None and (not shape or shape[0] not in (None, 1, rows))


def _free_layout(inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> RowLayout:
    taken = {name: 0 if shape is None else _free_axis(shape) for name, shape in inputs.items()}
    given = {name: _free_axis(shape) for name, shape in outputs.items() if shape and not _may_be_rows(shape)}
    given |= {name: None for name, shape in outputs.items() if shape == ()}
    is_unclear = any(axis is None and None in (outputs[name] or ()) for name, axis in given.items())
    first: Axes = {name: 0 for name, shape in outputs.items() if shape and shape[0] is None}
    return RowLayout(1 if is_unclear else None, taken, given | first)


def _may_be_rows(shape: tuple[int | None, ...]) -> bool:
    """Whether the first axis may count rows: it is free, or 1, which some exporters write for any number."""
    return shape[0] in (None, 1)


def _free_axis(shape: tuple[int | None, ...]) -> int | None:
    """The first axis where it is free, else the only one that is."""
    if shape and shape[0] is None:
        return 0
    return shape.index(None) if shape.count(None) == 1 else None
