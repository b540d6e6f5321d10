"""Which settings of a Keras model came back with other values or behave in another way."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from core.runtimes.model_settings import Layers, ModelSettings

MAX_CHANGES = 50  # that are recorded of one copy
RELATIVE_TOLERANCE = 1e-5  # of the numbers that a loss or an optimizer gives


class SettingChange(BaseModel):
    """A setting that came back with another value: `part` is "compile", "layers" or "behaviour"; None stands for
    nothing; `omitted_by` is the class whose config leaves it out."""

    part: str
    path: str
    original: Any = None
    reloaded: Any = None
    omitted_by: str = ""


def compare_settings(original: ModelSettings, reloaded: ModelSettings) -> list[SettingChange]:
    """The settings that differ, at most `MAX_CHANGES`; of a copy that holds no compile settings those of its layers."""
    changes = list(_compare_layers(original.layers, reloaded.layers))
    if original.compile and reloaded.compile:
        changes += _compare_values("compile", original.compile, reloaded.compile)
        both = original.behaviour.keys() & reloaded.behaviour.keys()  # what could be tried on both sides
        changes += _compare_values(
            "behaviour", *({path: side.behaviour[path] for path in both} for side in (original, reloaded))
        )
    for change in changes:
        change.omitted_by = original.omitted.get(change.path, "") if change.part != "behaviour" else ""
    return changes[:MAX_CHANGES]


def _compare_layers(original: Layers, reloaded: Layers) -> Iterator[SettingChange]:
    """The arguments of the layers on both sides; of the others that they are not on both."""
    for name in dict.fromkeys([*original, *reloaded]):
        before, now = original.get(name, {}), reloaded.get(name, {})
        if before and now:
            yield from _compare_values("layers", before, now)
        else:
            yield SettingChange(part="layers", path=name, original=before.get(name), reloaded=now.get(name))


def _compare_values(part: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[SettingChange]:
    """The values that differ; where a class is another one, its arguments are left out."""
    replaced: tuple[str, ...] = ()
    for path in dict.fromkeys([*before, *now]):
        if not _is_same(before.get(path), now.get(path)) and not path.startswith(replaced):
            replaced += (f"{path}.",)
            yield SettingChange(part=part, path=path, original=before.get(path), reloaded=now.get(path))


def _is_same(before: Any, now: Any) -> bool:
    """Whether two values are the same; numbers that were computed, to rounding."""
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_is_same, before, now))
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=RELATIVE_TOLERANCE)
    return bool(before == now) and isinstance(before, bool) == isinstance(now, bool)
