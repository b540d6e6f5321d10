"""Task: rows of a demo's data set, where more are needed than a run stores."""

from typing import Any, TypedDict

from core.arrays import Arrays, to_plain_array
from core.demos import get_demo
from core.demos.base import Data, Split, TrainSettings
from core.errors import InputError
from core.worker.tasks.base import Reply, Report

SPLITS = {"held-out": "held_out", "validation": "validation", "training": "train"}

_cached_data: dict[tuple[str, str], Data] = {}


class RowsReply(TypedDict):
    """How many rows the split has; the arrays are named "input:<name>" and "target:<name>"."""

    rows: int


def read_dataset_rows(
    report: Report, _: Arrays, *, demo: str, settings: dict[str, Any], split: str, start: int = 0, count: int = 1024
) -> Reply:
    """Return up to `count` rows of a split ("held-out", "validation", "training") from row `start` on (`RowsReply`).

    The child makes the data once and caches them. Raises InputError for another split, DataUnavailable when a download
    fails.
    """
    if split not in SPLITS:
        raise InputError("There is no such split.", received=split, cure=f"Choose from {', '.join(SPLITS)}.")
    part: Split = getattr(_load_data(demo, settings), SPLITS[split])
    arrays = {f"input:{name}": array for name, array in part.inputs.items()}
    arrays |= {f"target:{name}": array for name, array in part.targets.items()}
    rows = {name: to_plain_array(array[start : start + count]) for name, array in arrays.items()}
    return RowsReply(rows=part.rows), rows


def _load_data(demo: str, settings: dict[str, Any]) -> Data:
    key = demo, repr(sorted(settings.items()))
    if key not in _cached_data:
        _cached_data.clear()
        _cached_data[key] = get_demo(demo).data(TrainSettings(**settings))
    return _cached_data[key]
