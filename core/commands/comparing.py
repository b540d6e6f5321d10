"""Commands that hold copies against their model: compare, matrix."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core import matrix as survived
from core.errors import InputError
from core.inputs import from_file, specs_of
from core.jobs import Jobs
from core.library.journal import Job
from core.report import report_kind, write_report
from core.terminal import (
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
from core.work.comparing import Compared
from core.work.opening import run_of
from core.work.sources import require_run
from core.work.tolerances import held_to, tolerances

app = typer.Typer()
COMPARED = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}
SHOWN = ("artifact", "format", "trust", "verdict", "max_abs", "changed_rows", "rows", "not_finite", "passed", "bytes")
SHOWN += ("seconds",)
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
        show(found, False, SHOWN)
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
