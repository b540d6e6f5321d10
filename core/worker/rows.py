"""The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps."""

from typing import Any

from core.demos import get_demo
from core.demos.contract import Data, Split, TrainSettings
from core.errors import InputError
from core.formats.contract import Arrays, plain

Reply = tuple[dict[str, Any], Arrays | None]

SPLITS = {"held-out": "held_out", "validation": "validation", "training": "train"}

_made: dict[tuple[str, str], Data] = {}


def rows(
    report: Any, arrays: Arrays, *, demo: str, settings: dict[str, Any], split: str, start: int = 0, count: int = 1024
) -> Reply:
    """At most `count` rows of a split ("held-out", "validation", "training") from row `start` on.

    Gives how many rows the split has, and arrays by name as "input:<name>" and "target:<name>". The child makes the
    data once and keeps it. Raises InputError for another split, DataUnavailable when a download fails.
    """
    if split not in SPLITS:
        raise InputError("There is no such split.", received=split, cure=f"Choose from {', '.join(SPLITS)}.")
    part: Split = getattr(_data(demo, settings), SPLITS[split])
    named = {f"input:{name}": array for name, array in part.inputs.items()}
    named |= {f"target:{name}": array for name, array in part.targets.items()}
    return {"rows": part.rows}, {name: plain(array[start : start + count]) for name, array in named.items()}


def _data(demo: str, settings: dict[str, Any]) -> Data:
    key = demo, repr(sorted(settings.items()))
    if key not in _made:
        _made.clear()
        _made[key] = get_demo(demo).data(TrainSettings(**settings))
    return _made[key]
