"""How much a plan is, before anything is done: which rows, what is imported, saved and built, how many bytes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from core.environments import get_environment
from core.environments.machines import THIS_MACHINE, get_machine
from core.environments.own import HERE, own_environment
from core.sweep.models import SweptModel
from core.sweep.plan import AS_IS, SweepPlan
from core.sweep.rows import RowKey
from core.text.labels import pluralize
from core.text.numbers import format_size
from core.upgrade.sides import get_side


class SweepSize(NamedTuple):
    """How much a sweep is.

    `imports` are files that are brought into the library, `saves` copies that are not there yet, at most; `builds` are
    bytes on the disk by the labels of the environments that are built first; `left_out` counts combinations that mean
    nothing: an environment that takes no such format, a machine that does not limit it.
    """

    models: int
    rows: int
    imports: int
    saves: int
    bytes: int
    builds: dict[str, int]
    left_out: int


def list_row_keys(plan: SweepPlan, model: SweptModel) -> list[RowKey]:
    """Return the rows of a model, as far as they are known before it is looked into."""
    if model.not_asked:
        return [RowKey(model.name)]
    if plan.upgrade:
        return [RowKey(model.name, key, plan.upgrade.target) for key in model.formats or ("",)]
    return [RowKey(model.name, *cell) for cell in _cells(plan, list_formats(plan, model)) if is_asked(*cell)]


def list_formats(plan: SweepPlan, model: SweptModel) -> list[str]:
    """Return the formats in which a model is asked."""
    keys = [format_key for key in plan.formats for format_key in (model.formats if key == AS_IS else (key,))]
    return list(dict.fromkeys(keys))


def _cells(plan: SweepPlan, formats: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    return ((key, place, machine) for key in formats for place in plan.environments for machine in plan.machines)


def is_asked(format_key: str, environment_key: str, machine_key: str) -> bool:
    """Whether an environment takes a format, and a machine limits what it computes with."""
    if environment_key == HERE and machine_key == THIS_MACHINE:
        return True
    environment = own_environment() if environment_key == HERE else get_environment(environment_key)
    is_limited = machine_key == THIS_MACHINE or get_machine(machine_key).limits(environment, format_key)
    return format_key in environment.takes and is_limited


def measure_sweep(plan: SweepPlan, models: list[SweptModel], sizes_to_build: Mapping[str, int]) -> SweepSize:
    """Return how much a plan is.

    Args:
        models: Those of the plan.
        sizes_to_build: By the keys of the environments that are not built their bytes.
    """
    keys = [key for model in models for key in list_row_keys(plan, model)]
    asked = [] if plan.upgrade else [model for model in models if not model.not_asked]
    whole = sum(len(list(_cells(plan, list_formats(plan, model)))) for model in asked)
    planned = [key for model in asked for key in list_row_keys(plan, model)]
    named = [plan.upgrade.source, plan.upgrade.target] if plan.upgrade else plan.environments
    missing = [key for key in named if key in sizes_to_build]
    saved = {(key.model, key.format) for key in planned}
    there = {(model.name, key) for model in models for key in model.formats}
    return SweepSize(
        models=len(models),
        rows=len(keys),
        imports=sum(not model.run for model in asked),
        saves=len(saved - there),
        bytes=sum(model.bytes for model in models),
        builds={get_side(key).label: sizes_to_build[key] for key in missing},
        left_out=whole - len(planned),
    )


def describe_size(size: SweepSize) -> list[str]:
    """Say how much a plan is, a sentence for each part."""
    lines = [f"{pluralize(size.models, 'model')} of {format_size(size.bytes)}, {pluralize(size.rows, 'row')} at most."]
    if size.imports:
        them = "it" if size.imports == 1 else "them"
        lines.append(f"{pluralize(size.imports, 'file')} to import, where the library does not have {them}.")
    if size.saves:
        they_are = "it is" if size.saves == 1 else "they are"
        lines.append(f"{pluralize(size.saves, 'copy', 'copies')} to save, where {they_are} not there.")
    if size.builds:
        names = ", ".join(size.builds)
        lines.append(f"To build first: {names}; {format_size(sum(size.builds.values()))} on the disk.")
    if size.left_out:
        combinations = pluralize(size.left_out, "combination")
        lines.append(f"{combinations} left out: no environment that takes the format, or no machine that limits it.")
    return lines
