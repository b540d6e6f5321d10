"""Job: the first release of Keras that answers otherwise than the one before, for one model."""

from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict, cast

from core.environments.base import Environment
from core.environments.judge import ElsewhereOutcome
from core.errors import InputError
from core.jobs.execution.job_handle import JobHandle
from core.jobs.imports.import_model import validate_content_in_child
from core.jobs.upgrades.upgrade import UpgradeRequest, list_items, open_crossing
from core.jobs.upgrades.upgrade_model import Item, find_expectation
from core.runtimes.keras_releases import release_text
from core.upgrade.causes import describe_cause
from core.upgrade.rows import Status, status_of
from core.upgrade.sides import Expectation, get_side, keras_release, release_line

OUTCOMES = {
    Status.NOT_COMPARABLE.value: "gives what cannot be compared",
    Status.DOES_NOT_LOAD.value: "does not load it",
}


class BisectRequest(UpgradeRequest):
    """`line` holds the environments in the order in which they are searched, the first and the last included."""

    line: list[str]


class BisectStep(TypedDict):
    """One release that was asked: what came of it (see `ElsewhereOutcome`), what that means, and why."""

    environment: str
    label: str
    release: str
    status: str
    cause: str
    outcome: dict[str, Any]


class BisectResult(TypedDict):
    """What was asked, in that order; the first that answers otherwise and the last that does not, by their keys.

    `first` is missing where the last release of the line answers the same.
    """

    name: str
    format: str
    source: str
    target: str
    steps: list[BisectStep]
    first: NotRequired[str]
    last_alike: str


def build_line(source: str, target: str) -> list[Environment]:
    """Return the releases from one environment to another, both included, in the order of the way.

    Raises InputError where one of them is no release of Keras under TensorFlow, UnknownName.
    """
    for side in (get_side(source), get_side(target)):
        if side not in (line := release_line(side.key)):
            cure = f"Choose from {', '.join(each.key for each in line)}."
            raise InputError("This is no release of Keras under TensorFlow.", received=side.label, cure=cure)
    line = release_line(source, target)
    keys = [each.key for each in line]
    if source == target or not {source, target} <= set(keys):
        cure = "Name environments of two different releases."
        raise InputError("There are no two releases to search between.", received=f"{source}, {target}", cure=cure)
    first, last = keys.index(source), keys.index(target)
    return line[first : last + 1] if first < last else line[last : first + 1][::-1]


def build_bisect_request(request: UpgradeRequest) -> BisectRequest:
    """Raises InputError, UnknownName."""
    line = build_line(request["source"], request["target"])
    return {**request, "line": [side.key for side in line]}


class _Search(NamedTuple):
    """One model, and what it answered on the near side."""

    handle: JobHandle
    expectation: Expectation
    steps: list[BisectStep]


def run_bisect(handle: JobHandle) -> BisectResult:
    """Search by halves: what answers otherwise once is taken to answer otherwise from there on."""
    with handle.library.staging() as staged:
        return _run(handle, staged)


def _run(handle: JobHandle, staged: Path) -> BisectResult:
    request = cast(BisectRequest, handle.request)
    items, _ = list_items(handle, staged)
    item = _require_one(items)
    model = item.lay_out(staged / "model")
    if model.is_untrusted:
        validate_content_in_child(handle.worker, model.format, model.artifact, cancelled=handle.is_cancelled)
    line = _list_opening(request, model.format)
    handle.report_progress(0.0, f"{get_side(line[0]).label}: what is expected", write_now=True)
    expectation = find_expectation(open_crossing(handle, line[0], line[-1]), model)
    search = _Search(handle, expectation, [])
    first, last_alike = _search(search, line)
    found: BisectResult = {
        "name": item.name,
        "format": model.format,
        "source": line[0],
        "target": line[-1],
        "steps": search.steps,
        "last_alike": last_alike,
    }
    return {**found, "first": first} if first else found


def _list_opening(request: BisectRequest, format_key: str) -> list[str]:
    """Return the releases of the line that open a format. Raises InputError where there is nothing to search."""
    line = [key for key in request["line"] if format_key in get_side(key).opens]
    if len(line) < 2 or line[0] != request["source"]:
        cure = "Search between releases that open it, or search with the model in another format."
        raise InputError("Too few of these releases open a file of this kind.", received=format_key, cure=cure)
    return line


def _require_one(items: list[Item]) -> Item:
    if len(items) != 1 or items[0].not_asked:
        received = f"{len(items):,} models" if len(items) != 1 else items[0].not_asked
        raise InputError("One model is searched at a time.", received=received, cure="Name the file of one model.")
    return items[0]


def _search(search: _Search, line: list[str]) -> tuple[str, str]:
    """Return the first that answers otherwise, empty where none does, and the last that does not."""
    low, high = 0, len(line) - 1
    if _is_alike(search, line, high):
        return "", line[high]
    while high - low > 1:
        middle = (low + high) // 2
        if _is_alike(search, line, middle):
            low = middle
        else:
            high = middle
    return line[high], line[low]


def _is_alike(search: _Search, line: list[str], at: int) -> bool:
    """Ask one release. Raises what could not be verified: a search that goes on without it would be wrong."""
    side = get_side(line[at])
    share = len(search.steps) / max(1, len(line).bit_length() + 1)
    search.handle.report_progress(share, side.label, write_now=True, steps=search.steps)
    crossing = open_crossing(search.handle, line[0], side.key)
    expectation = search.expectation
    outcome = crossing.judge(expectation.model, expectation.inputs, expectation.predictions)
    step = _describe_step(side, outcome, expectation)
    search.steps.append(step)
    if step["status"] == Status.NOT_VERIFIED:
        raise InputError(
            "One release could not be asked, so the search cannot go on.",
            received=f"{side.label}. {step['cause']}".removesuffix("."),
            cure="Search between other releases.",
        )
    return step["status"] == Status.ALIKE


def _describe_step(side: Environment, outcome: ElsewhereOutcome, expectation: Expectation) -> BisectStep:
    release = keras_release(side)
    return {
        "environment": side.key,
        "label": side.label,
        "release": release_text(release) if release else "",
        "status": status_of(outcome).value,
        "cause": describe_cause(side, outcome, expectation.model.read_config()),
        "outcome": outcome.model_dump(mode="json"),
    }


def describe_bisect(result: BisectResult) -> str:
    """Say which release is the first that answers otherwise."""
    labels = {step["environment"]: step["label"] for step in result["steps"]}
    source, target = get_side(result["source"]).label, get_side(result["target"]).label
    if "first" not in result:
        return f"{target} answers as {source} does: no release between them was found to answer otherwise."
    first = next(step for step in result["steps"] if step["environment"] == result["first"])
    last = labels.get(result["last_alike"], source)
    outcome = OUTCOMES.get(first["status"], "answers otherwise")
    return f"{first['label']} is the first that {outcome}; {last} still answers the same."
