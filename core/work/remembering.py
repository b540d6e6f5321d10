"""What was found out lately, kept in memory for whoever asks again: a bounded number of answers, of bounded size."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel

KEPT = 64  # answers
KEPT_BYTES = 16 * 2**20  # of all answers together, as JSON; in memory they take about ten times as much


class Memory:
    """The latest answers, by whatever key; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()

    def get(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What is kept, else what `make` gives; two who ask at once both make it."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key][0]
        found = make()
        weighed = found, _weight(found)
        with self._lock:
            self._found[key] = weighed
            while len(self._found) > 1 and self._too_much():
                self._found.popitem(last=False)
        return found

    def _too_much(self) -> bool:
        return len(self._found) > KEPT or sum(weight for _, weight in self._found.values()) > KEPT_BYTES


def _weight(found: Any) -> int:
    """Bytes of an answer: a model's as JSON, an array's own."""
    if isinstance(found, tuple):
        return sum(_weight(one) for one in found)
    if isinstance(found, np.ndarray):
        return found.nbytes
    return len(json.dumps(found.model_dump())) if isinstance(found, BaseModel) else 0


memory = Memory()
