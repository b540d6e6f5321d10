"""What a model remembers from one call to the next: forgotten after each, unless a person wants it kept.

Else the answer to a row would depend on those that were asked before it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import Arrays

FORGETS_REMARK = "It remembers from call to call; here each call begins anew."
KEEPS_REMARK = "It remembers from call to call, and its state is kept: rows are one sequence, in the order asked."


@dataclass
class CallState:
    """What `forget` sets back to how it was; `keeps` is what a person chose."""

    forget: Callable[[], None]
    keeps: bool = False

    @property
    def remark(self) -> str:
        return KEEPS_REMARK if self.keeps else FORGETS_REMARK

    def wrap(self, call: Callable[[Arrays], Arrays]) -> Callable[[Arrays], Arrays]:
        """The same call, after which nothing is remembered."""

        def forgetting(inputs: Arrays) -> Arrays:
            try:
                return call(inputs)
            finally:
                if not self.keeps:
                    self.forget()

        return forgetting

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """While this lasts a call leaves what it remembers, for a look at it; at its end it is forgotten."""
        keeps, self.keeps = self.keeps, True
        try:
            yield
        finally:
            self.keeps = keeps
            self.forget()


def variable_state(variables: Iterable[Any]) -> CallState | None:
    """The state that lies in these variables, as they are now; None where there are none."""
    values = [(variable, np.asarray(variable)) for variable in variables]

    def forget() -> None:
        for variable, value in values:
            variable.assign(value)

    return CallState(forget) if values else None
