"""compare, matrix, resume, cost.

Commands that hold copies against their model: compare, matrix.

The command that trains copies on: resume.

The command that measures: cost.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    Code,
    Ids,
    as_id,
    code_sources,
    complain,
    finish,
    open_jobs,
    open_library,
    say,
    show,
    warn,
    whole_number,
)
from core.compatibility import matrix as survived
from core.errors import InputError
from core.inputs import from_file, specs_of
from core.jobs import Jobs
from core.jobs.benchmark_result import Cost, Costs, Spread
from core.jobs.compare import Compared
from core.jobs.participants import require_run, run_of
from core.jobs.resume_result import Ending
from core.jobs.tolerances import held_to, tolerances
from core.library.job_store import Job
from core.report import report_kind, write_report

app = typer.Typer()
COMPARED = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}
COMPARE_COLUMNS = (
    "artifact",
    "format",
    "trust",
    "verdict",
    "max_abs",
    "changed_rows",
    "rows",
    "not_finite",
    "passed",
    "bytes",
    "seconds",
)
Many = list[str] | None


@app.command()
def compare(
    artifacts: Ids,
    baseline: Annotated[
        str | None, typer.Option(metavar="ID", parser=as_id, help="An artifact, or a run for its live model.")
    ] = None,
    rows: Annotated[str | None, typer.Option(help="How many held-out rows to ask, or how many random ones.")] = None,
    classes: Annotated[Many, typer.Option("--class", help="Only held-out rows of this class (repeatable).")] = None,
    seed: Annotated[str | None, typer.Option(help="Choose held-out rows, or make random ones, by this seed.")] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Ask what is in an NPZ, NPY, CSV, JSON or picture.")
    ] = None,
    random: Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="Ask random numbers from this range.")] = None,
    code: Code = None,
    tolerance: Annotated[
        Many, typer.Option(metavar="[OUTPUT=]ATOL[,RTOL]", help="The status is 1 where a copy is further off.")
    ] = None,
    max_changed: Annotated[
        str | None, typer.Option(metavar="ROWS", help="The status is 1 where more answers changed.")
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write it as .html, .json or .csv (repeatable).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reload artifacts in fresh processes and hold their answers against the live model's, or another artifact's."""
    wanted, most = tolerances(tolerance or []), whole_number("max-changed", max_changed)
    for path in report or []:
        report_kind(path)  # before minutes of work, not after
    chosen, sources = (whole_number("rows", rows), classes, whole_number("seed", seed)), code_sources(code or [])
    with open_jobs() as jobs:
        against = baseline or run_of(jobs, artifacts[0])
        require_run(jobs.library, [against, *artifacts])
        asked = _inputs(jobs, against, inputs, random, *chosen)
        end = finish(jobs, jobs.compare(artifacts, sources=sources, baseline=against, inputs=asked))
        passed = held_to(jobs, end, wanted)
        found = [_row(jobs, id_, outcome, passed.get(id_, {})) for id_, outcome in end.result["outcomes"].items()]
        for path in report or []:
            write_report(jobs, end, path, wanted)
    _print(found, end, as_json)
    _guard(found, most)


def _inputs(
    jobs: Jobs,
    baseline: str,
    file: Path | None,
    random: str | None,
    rows: int | None,
    classes: Many,
    seed: int | None,
) -> str:
    """The id of the input set that the options describe."""
    kept, run = jobs.inputs, run_of(jobs, baseline)
    if file and random:
        raise InputError("Either --inputs or --random says what to ask, not both.", cure="Leave one of them out.")
    if file and (rows is not None or classes or seed is not None):
        raise InputError(
            "All rows of a file are asked: --rows, --class and --seed choose among others.", cure="Leave them out."
        )
    if file:
        return from_file(jobs.library, file, baseline).id
    if random and classes:
        raise InputError("Random rows have no class.", received=", ".join(classes), cure="Leave --class out.")
    if random:
        low, high = _range(random)
        return kept.random(specs_of(jobs.library, baseline), rows or 1000, low, high, seed or 0).id
    return kept.held_out(jobs.library, run, rows, classes, seed).id


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.split(","))
    except ValueError as error:
        raise InputError("The option --random takes LOW,HIGH.", received=text, cure="For example 0,1.") from error
    return low, high


def _row(jobs: Jobs, id_: str, found: dict[str, Any], passed: dict[str, Any]) -> dict[str, Any]:
    outcome, artifact = Compared.model_validate(found), jobs.library.artifact(id_)
    row = {"artifact": id_, "run": artifact.run, "format": artifact.format, "trust": artifact.trust}
    row["bytes"] = artifact.bytes
    row |= {"seconds": outcome.load_seconds, **outcome.model_dump(mode="json", include=COMPARED)}
    limits = {name: one._asdict() for name, one in passed.items()}
    return row | {"passed": all(one.passed for one in passed.values()) if passed else None, "tolerance": limits}


def _print(found: list[dict[str, Any]], end: Job, as_json: bool) -> None:
    outcomes = {id_: Compared.model_validate(one) for id_, one in end.result["outcomes"].items()}
    if as_json:
        show([row | {"outputs": outcomes[row["artifact"]].outputs} for row in found], True)
    else:
        show(found, False, COMPARE_COLUMNS)
    warn((id_, f"{outcome.warning} {outcome.remark}".strip()) for id_, outcome in outcomes.items())


def _guard(found: list[dict[str, Any]], most: int | None) -> None:
    """Complain of every copy that has no answers, is out of tolerance, or changed more answers than allowed."""
    failures = [(row["artifact"], row["error"]) for row in found if row["error"]]
    for row in found:
        outside = [name for name, one in row["tolerance"].items() if not one["passed"]]
        if outside:
            failures.append((row["artifact"], _said(f"Out of tolerance: {', '.join(outside)}.")))
        if most is not None and not row["error"] and row["changed_rows"] > most:
            failures.append((row["artifact"], _said(f"{row['changed_rows']:,} answers changed; {most:,} are allowed.")))
    complain(failures)


def _said(sentence: str) -> dict[str, str]:
    return InputError(sentence).to_json()


@app.command()
def matrix(
    run: str,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of Markdown.")] = False,
) -> None:
    """Show what each saved copy of a run has kept, cell by cell: as Markdown, CSV or JSON."""
    rows = survived.matrix(open_library(), run)
    if as_json:
        show([one.to_json() for one in rows], True)
        return
    say(survived.as_csv(rows) if as_csv else survived.as_markdown(rows))


@app.command()
def resume(
    run: str,
    artifacts: Ids,
    epochs: Annotated[str, typer.Option(help="How often each sees all of the training data again, 1 to 20.")] = "2",
    seed: Annotated[str, typer.Option(help="Fixes the order of the rows, which is the same for all.")] = "0",
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Train a run's live model and copies of it on, over the same batches, and say where they part."""
    numbers = whole_number("epochs", epochs), whole_number("seed", seed)
    with open_jobs() as jobs:
        end = finish(jobs, jobs.resume(run, artifacts, numbers[0], code_sources(code or []), numbers[1]))
        kept = {id_: jobs.library.artifact(id_) for id_ in end.result["copies"]}
    found = [
        {"artifact": id_, "run": run, "format": kept[id_].format, "trust": kept[id_].trust}
        | {"first_difference": _first(copy), **copy}
        for id_, copy in end.result["copies"].items()
    ]
    show(found, as_json, ("artifact", "format", "trust", "ending", "first_difference", "seconds", "sentence"))
    warn((row["artifact"], row["remark"]) for row in found)
    complain((row["artifact"], row["error"]) for row in found if row["ending"] == Ending.FAILED)


def _first(copy: dict[str, Any]) -> int | None:
    return (copy["gap"] or {}).get("first")


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
