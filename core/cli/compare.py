"""The command that compares copies with their model: compare."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer

from core.cli.console import (
    AsJson,
    Code,
    Strings,
    exit_on_failures,
    name_grades,
    name_losses,
    open_jobs,
    parse_code_sources,
    parse_id,
    parse_whole_number,
    print_result,
    print_warnings,
    wait_for_job,
)
from core.compare import ToleranceResult
from core.compare.tolerance import ToleranceJson
from core.compatibility.losses import LossJson, find_losses, losses_to_json
from core.errors import InputError
from core.inputs import add_inputs_from_file, input_specs
from core.jobs import Jobs
from core.jobs.comparison.compare_result import ComparisonOutcome, check_tolerances, parse_tolerances
from core.jobs.participants import require_has_been_run, run_id_of
from core.jobs.places.known_places import get_place
from core.jobs.places.place import entry_of
from core.library.ids import PLACE_SEPARATOR
from core.report import report_kind, write_report
from core.text.summaries import list_caveats

app = typer.Typer(rich_markup_mode=None)
COMPARE_COLUMNS: tuple[str, ...] = (
    "artifact",
    "format",
    "trust",
    "verdict",
    "grade",
    "losses",
    "max_abs",
    "changed_rows",
)
COMPARE_COLUMNS += ("rows", "not_finite", "passed", "bytes", "seconds", "code")


def _parse_participant(text: str) -> str:
    """Return a participant: an id or an alias, and a place where one is named. Raises UnknownName."""
    id_, separator, place = text.partition(PLACE_SEPARATOR)
    return f"{parse_id(id_)}{separator}{get_place(place).key if separator else ''}"


Participants = Annotated[
    list[str],
    typer.Argument(
        metavar="ID[@PLACE]",
        parser=_parse_participant,
        help="Ids, or aliases; with @ENV (built first where it is not), @MACHINE or @ENV@MACHINE it answers there.",
    ),
]


class OutcomeRow(TypedDict):
    """One copy in `--json`, where its numbers by output stand beside it; "tolerance" is by output too.

    "artifact" is as it was asked for, with its place; "place" is None for here.
    """

    artifact: str
    place: dict[str, Any] | None
    run: str
    format: str
    trust: str
    bytes: int
    seconds: float | None
    loaded_warm: bool
    code: str
    verdict: str
    grade: dict[str, Any] | None
    losses: list[LossJson]
    error: dict[str, str] | None
    max_abs: float | None
    mean_abs: float | None
    mismatches: dict[str, int]
    surplus_outputs: list[str]
    reordered: dict[str, list[str]]
    changed_rows: int | None
    rows: int | None
    not_finite: int
    batch: int | None
    alone: float | None
    passed: bool | None
    tolerance: dict[str, ToleranceJson]


@app.command()
def compare(
    artifacts: Participants,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="ID[@PLACE]", parser=_parse_participant, help="A copy, or a run for its live model."),
    ] = None,
    rows: Annotated[str | None, typer.Option(help="Number of test examples, or of random rows.")] = None,
    classes: Annotated[Strings, typer.Option("--class", help="Only test examples of this class (repeatable).")] = None,
    seed: Annotated[
        str | None, typer.Option(help="The seed by which test examples are chosen, or random rows made.")
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the inputs from an NPZ, NPY, CSV, JSON or image file.")
    ] = None,
    random: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Take random numbers of this range as inputs.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Take rows on the plane through three test examples as inputs.")
    ] = None,
    code: Code = None,
    tolerance: Annotated[
        Strings,
        typer.Option(metavar="[OUTPUT=]ATOL[,RTOL]", help="Exit with status 1 if a copy is further off."),
    ] = None,
    max_changed: Annotated[
        str | None, typer.Option(metavar="ROWS", help="Exit with status 1 if more answers changed.")
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write a report as .html, .json or .csv (repeatable).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reload artifacts in processes that never saw their models, and compare their predictions with a baseline's."""
    tolerances, most_changed = parse_tolerances(tolerance or []), parse_whole_number("max-changed", max_changed)
    for path in report or []:
        report_kind(path)  # before minutes of work, not after
    row_count, row_seed = parse_whole_number("rows", rows), parse_whole_number("seed", seed)
    sources = parse_code_sources(code)
    with open_jobs() as jobs:
        reference = baseline or run_id_of(jobs, artifacts[0])
        require_has_been_run(jobs.library, map(entry_of, [reference, *artifacts]))
        input_set = _make_inputs(jobs, entry_of(reference), inputs, random, plane, row_count, classes, row_seed)
        ended = wait_for_job(jobs, jobs.compare(artifacts, sources=sources, baseline=reference, inputs=input_set))
        passed = check_tolerances(jobs, ended, tolerances)
        outcomes = {id_: ComparisonOutcome.model_validate(item) for id_, item in ended.result["outcomes"].items()}
        table = [_outcome_row(jobs, id_, outcome, passed.get(id_, {})) for id_, outcome in outcomes.items()]
        for path in report or []:
            write_report(jobs, ended, path, tolerances)
    if as_json:
        print_result([{**row, "outputs": outcomes[row["artifact"]].outputs} for row in table], True)
    else:
        print_result(name_grades(name_losses(table)), False, COMPARE_COLUMNS)
    warnings = (
        (id_, (outcome.warning, *list_caveats(outcome.model_dump()), *outcome.left_out))
        for id_, outcome in outcomes.items()
    )
    print_warnings((id_, " ".join(filter(None, sentences))) for id_, sentences in warnings)
    exit_on_failures(_violations(table, most_changed))


def _parse_corners(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        cure = "Give the numbers of three test examples, as in --plane 0,1,2."
        raise InputError("A plane goes through three examples.", received=text[:80], cure=cure)
    return [int(part) for part in parts]


def _make_inputs(
    jobs: Jobs,
    baseline: str,
    file: Path | None,
    random: str | None,
    plane: str | None,
    rows: int | None,
    classes: Strings,
    seed: int | None,
) -> str:
    """The id of the input set that the options describe."""
    if len([option for option in (file, random, plane) if option]) > 1:
        raise InputError("One of --inputs, --random and --plane says what to ask.", cure="Leave the others out.")
    if (file or plane) and (rows is not None or classes or seed is not None):
        raise InputError(
            "All rows of a file or plane are asked: --rows, --class and --seed choose among others.",
            cure="Leave them out.",
        )
    if file:
        return add_inputs_from_file(jobs.library, file, baseline).id
    if plane:
        return jobs.inputs.add_plane(jobs.library, run_id_of(jobs, baseline), _parse_corners(plane)).id
    if random and classes:
        raise InputError("Random rows have no class.", received=", ".join(classes), cure="Leave --class out.")
    if random:
        low, high = _parse_range(random)
        return jobs.inputs.add_random(input_specs(jobs.library, baseline), rows or 1000, low, high, seed or 0).id
    return jobs.inputs.add_held_out(jobs.library, run_id_of(jobs, baseline), rows, classes, seed).id


def _parse_range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.split(","))
    except ValueError as error:
        raise InputError("The option --random takes LOW,HIGH.", received=text, cure="For example 0,1.") from error
    return low, high


def _outcome_row(
    jobs: Jobs, id_: str, outcome: ComparisonOutcome, tolerances: dict[str, ToleranceResult]
) -> OutcomeRow:
    artifact = jobs.library.artifact(entry_of(id_))
    return {
        "artifact": id_,
        "place": outcome.place.model_dump(mode="json") if outcome.place else None,
        "run": artifact.run,
        "format": artifact.format,
        "trust": artifact.trust,
        "bytes": artifact.bytes,
        "seconds": outcome.load_seconds,
        "loaded_warm": outcome.loaded_warm,
        "code": outcome.source,
        "verdict": outcome.verdict.value,
        "grade": outcome.grade.model_dump(mode="json") if outcome.grade else None,
        "losses": losses_to_json(find_losses(jobs.library, id_)),
        "error": outcome.error,
        "max_abs": outcome.max_abs,
        "mean_abs": outcome.mean_abs,
        "mismatches": outcome.mismatches,
        "surplus_outputs": outcome.surplus_outputs,
        "reordered": outcome.reordered,
        "changed_rows": outcome.changed_rows,
        "rows": outcome.rows,
        "not_finite": outcome.not_finite,
        "batch": outcome.batch,
        "alone": outcome.alone,
        "passed": all(result.passed for result in tolerances.values()) if tolerances else None,
        "tolerance": {output: result.to_json() for output, result in tolerances.items()},
    }


def _violations(rows: list[OutcomeRow], most_changed: int | None) -> Iterator[tuple[str, dict[str, str]]]:
    """An error for every copy that has no predictions, is out of tolerance, or changed more of them than allowed."""
    for row in rows:
        if row["error"]:
            yield row["artifact"], row["error"]
    for row in rows:
        if outside := [output for output, result in row["tolerance"].items() if not result["passed"]]:
            cure = "Allow more with --tolerance, or choose a format that stays closer."
            yield row["artifact"], InputError(f"Out of tolerance: {', '.join(outside)}.", cure=cure).to_json()
        changed = row["changed_rows"] or 0
        if most_changed is not None and not row["error"] and changed > most_changed:
            sentence = f"{changed:,} answers changed; {most_changed:,} are allowed."
            cure = "Allow more with --max-changed, or choose a format that changes fewer."
            yield row["artifact"], InputError(sentence, cure=cure).to_json()
