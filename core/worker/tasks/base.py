"""What all tasks of a child share.

A task takes `report` (which sends progress to the app), the arrays of the request and its plain arguments, and returns
JSON facts and arrays by name. TensorFlow is loaded in tasks, and nowhere above them.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.input_matching import match_inputs

Report = Callable[[dict[str, Any]], None]
Reply = tuple[Mapping[str, Any], Arrays | None]
Result = TypeVar("Result")


class TimedReply(TypedDict):
    """The reply of a task whose result are arrays or files; `seconds` is how long it took."""

    seconds: float


class InputPair(TypedDict):
    """Which input of the reference fed which input of the artifact; `by` as in `InputMatch`."""

    reference: str
    answer: str
    by: str


def pair_inputs(predictor: Predictor, inputs: Arrays) -> list[InputPair]:
    """Pair inputs with those of a predictor; none where it does not name its own. Raises InputError."""
    matches = match_inputs(inputs, predictor.inputs) if predictor.inputs else []
    return [{"reference": match.input_name, "answer": match.spec.name, "by": match.by} for match in matches]


def timed(action: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that an action took, and its result."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def clear_folder(folder: Path) -> None:
    """Delete what an earlier child left when it was killed: it must not become part of this result."""
    for path in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
