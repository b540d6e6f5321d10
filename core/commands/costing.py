"""The command that measures: cost."""

from typing import Annotated, Any

import typer

from core.terminal import AsJson, Code, Ids, code_sources, complain, finish, open_jobs, say, show, warn, whole_number
from core.work.costs import Cost, Costs, Spread

app = typer.Typer()
COPY = ("artifact", "format", "trust", "size", "save", "load", "first answer", "memory", "working memory")
STEADY = ("artifact", "format", "rows a call", "p50", "p95", "p99", "rows/s", "calls", "processors busy")


@app.command()
def cost(
    artifacts: Ids,
    repeats: Annotated[str | None, typer.Option(help="How often everything is measured, in fresh processes.")] = None,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Measure what artifacts cost: to save, to load, to ask, in memory and on the disk."""
    with open_jobs() as jobs:
        end = finish(jobs, jobs.cost(artifacts, code_sources(code or []), whole_number("repeats", repeats)))
    found = Costs.model_validate(end.result)
    if as_json:
        show(found.model_dump(mode="json"), True)
    else:
        _tables(found)
    warn((id_, " ".join(one.remarks)) for id_, one in found.costs.items())
    complain((id_, one.error) for id_, one in found.costs.items() if one.error)


def _tables(found: Costs) -> None:
    show([_copy(one) for one in found.costs.values()], False, COPY)
    say()
    show([row for one in found.costs.values() for row in _steady(one)], False, STEADY)
    say()
    for line in (*found.machine.in_words(), *found.protocol):
        say(line)


def _copy(one: Cost) -> dict[str, Any]:
    return {
        "artifact": one.artifact,
        "format": one.format,
        "trust": one.trust,
        "size": _bytes(one.bytes),
        "save": _with_bounds(one.save),
        "load": _with_bounds(one.load),
        "first answer": _with_bounds(one.first),
        "memory": one.memory and _bytes(one.memory.median),
        "working memory": one.working_memory and _bytes(one.working_memory.median),
    }


def _steady(one: Cost) -> list[dict[str, Any]]:
    return [
        {
            "artifact": one.artifact,
            "format": one.format,
            "rows a call": f"{calls.batch}{' (one by one)' if calls.by_row else ''}",
            **{name: f"{_milliseconds(getattr(calls, name))} ms" for name in ("p50", "p95", "p99")},
            "rows/s": f"{calls.per_second:,.0f}",
            "calls": calls.calls,
            "processors busy": f"{calls.processors:.1f}",
        }
        for calls in one.steady
    ]


def _with_bounds(spread: Spread | None) -> str | None:
    """The middle one, and the bounds where it was measured more than once."""
    if spread is None:
        return None
    bounds = f" ({_milliseconds(spread.least)}–{_milliseconds(spread.most)})" if len(spread.values) > 1 else ""
    return f"{_milliseconds(spread.median)}{bounds} ms"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


def _bytes(count: float) -> str:
    return f"{count / 1e6:,.3g} MB"
