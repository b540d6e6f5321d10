"""A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child can be asked to do. Each task takes `report`, the arrays of the request and plain arguments, and gives
(facts for JSON, arrays by name). TensorFlow is loaded in here, and nowhere above.

Tasks that use the loaded model: predict, activations, dataset rows.

What a child tells of a file from outside that it has loaded for the first time.

A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one.

The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps.
"""

from collections.abc import Mapping
from typing import Any

from core.arrays import Arrays, to_plain_array
from core.demos import get_demo
from core.demos.base import Data, Split, TrainSettings
from core.errors import InputError

Reply = tuple[Mapping[str, Any], Arrays | None]  # facts for JSON, and arrays by name


SPLITS = {"held-out": "held_out", "validation": "validation", "training": "train"}

_cached_data: dict[tuple[str, str], Data] = {}


def read_dataset_rows(
    report: Any, arrays: Arrays, *, demo: str, settings: dict[str, Any], split: str, start: int = 0, count: int = 1024
) -> Reply:
    """At most `count` rows of a split ("held-out", "validation", "training") from row `start` on.

    Gives how many rows the split has, and arrays by name as "input:<name>" and "target:<name>". The child makes the
    data once and keeps it. Raises InputError for another split, DataUnavailable when a download fails.
    """
    if split not in SPLITS:
        raise InputError("There is no such split.", received=split, cure=f"Choose from {', '.join(SPLITS)}.")
    part: Split = getattr(_load_data(demo, settings), SPLITS[split])
    named = {f"input:{name}": array for name, array in part.inputs.items()}
    named |= {f"target:{name}": array for name, array in part.targets.items()}
    return {"rows": part.rows}, {name: to_plain_array(array[start : start + count]) for name, array in named.items()}


def _load_data(demo: str, settings: dict[str, Any]) -> Data:
    key = demo, repr(sorted(settings.items()))
    if key not in _cached_data:
        _cached_data.clear()
        _cached_data[key] = get_demo(demo).data(TrainSettings(**settings))
    return _cached_data[key]
