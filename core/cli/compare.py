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
    exit_on_failures,
    open_jobs,
    open_library,
    parse_code_sources,
    parse_id,
    parse_whole_number,
    print_result,
    print_text,
    print_warnings,
    wait_for_job,
)
from core.compatibility import matrix as survived
from core.errors import InputError
from core.inputs import add_inputs_from_file, input_specs
from core.jobs import Jobs
from core.jobs.benchmark_result import ArtifactBenchmark, BenchmarkResult, RepeatedMeasurement
from core.jobs.compare import ComparisonOutcome
from core.jobs.participants import require_has_been_run, run_id_of
from core.jobs.resume_result import ResumeVerdict
from core.jobs.tolerances import check_tolerances, parse_tolerances
from core.library.job_store import Job
from core.report import report_kind, write_report

app = typer.Typer()
OUTCOME_FIELDS = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}
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
OptionalStrings = list[str] | None


@app.command()
def compare(
    artifacts: Ids,
    baseline: Annotated[
        str | None, typer.Option(metavar="ID", parser=parse_id, help="An artifact, or a run for its live model.")
    ] = None,
    rows: Annotated[str | None, typer.Option(help="How many held-out rows to ask, or how many random ones.")] = None,
    classes: Annotated[
        OptionalStrings, typer.Option("--class", help="Only held-out rows of this class (repeatable).")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Choose held-out rows, or make random ones, by this seed.")] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Ask what is in an NPZ, NPY, CSV, JSON or picture.")
    ] = None,
    random: Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="Ask random numbers from this range.")] = None,
    code: Code = None,
    tolerance: Annotated[
        OptionalStrings,
        typer.Option(metavar="[OUTPUT=]ATOL[,RTOL]", help="The status is 1 where a copy is further off."),
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
    wanted, most = parse_tolerances(tolerance or []), parse_whole_number("max-changed", max_changed)
    for path in report or []:
        report_kind(path)  # before minutes of work, not after
    chosen, sources = (
        (parse_whole_number("rows", rows), classes, parse_whole_number("seed", seed)),
        parse_code_sources(code or []),
    )
    with open_jobs() as jobs:
        against = baseline or run_id_of(jobs, artifacts[0])
        require_has_been_run(jobs.library, [against, *artifacts])
        asked = _make_inputs(jobs, against, inputs, random, *chosen)
        end = wait_for_job(jobs, jobs.compare(artifacts, sources=sources, baseline=against, inputs=asked))
        passed = check_tolerances(jobs, end, wanted)
        found = [
            _outcome_row(jobs, id_, outcome, passed.get(id_, {})) for id_, outcome in end.result["outcomes"].items()
        ]
        for path in report or []:
            write_report(jobs, end, path, wanted)
    _print_outcomes(found, end, as_json)
    _exit_on_violations(found, most)


def _make_inputs(
    jobs: Jobs,
    baseline: str,
    file: Path | None,
    random: str | None,
    rows: int | None,
    classes: OptionalStrings,
    seed: int | None,
) -> str:
    """The id of the input set that the options describe."""
    kept, run = jobs.inputs, run_id_of(jobs, baseline)
    if file and random:
        raise InputError("Either --inputs or --random says what to ask, not both.", cure="Leave one of them out.")
    if file and (rows is not None or classes or seed is not None):
        raise InputError(
            "All rows of a file are asked: --rows, --class and --seed choose among others.", cure="Leave them out."
        )
    if file:
        return add_inputs_from_file(jobs.library, file, baseline).id
    if random and classes:
        raise InputError("Random rows have no class.", received=", ".join(classes), cure="Leave --class out.")
    if random:
        low, high = _parse_range(random)
        return kept.add_random(input_specs(jobs.library, baseline), rows or 1000, low, high, seed or 0).id
    return kept.add_held_out(jobs.library, run, rows, classes, seed).id


def _parse_range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.split(","))
    except ValueError as error:
        raise InputError("The option --random takes LOW,HIGH.", received=text, cure="For example 0,1.") from error
    return low, high


def _outcome_row(jobs: Jobs, id_: str, result: dict[str, Any], tolerance_results: dict[str, Any]) -> dict[str, Any]:
    outcome, artifact = ComparisonOutcome.model_validate(result), jobs.library.artifact(id_)
    row = {"artifact": id_, "run": artifact.run, "format": artifact.format, "trust": artifact.trust}
    row["bytes"] = artifact.bytes
    row |= {"seconds": outcome.load_seconds, **outcome.model_dump(mode="json", include=OUTCOME_FIELDS)}
    limits = {name: one._asdict() for name, one in tolerance_results.items()}
    return row | {
        "passed": all(one.passed for one in tolerance_results.values()) if tolerance_results else None,
        "tolerance": limits,
    }


def _print_outcomes(rows: list[dict[str, Any]], job: Job, as_json: bool) -> None:
    outcomes = {id_: ComparisonOutcome.model_validate(one) for id_, one in job.result["outcomes"].items()}
    if as_json:
        print_result([row | {"outputs": outcomes[row["artifact"]].outputs} for row in rows], True)
    else:
        print_result(rows, False, COMPARE_COLUMNS)
    print_warnings((id_, f"{outcome.warning} {outcome.remark}".strip()) for id_, outcome in outcomes.items())


def _exit_on_violations(rows: list[dict[str, Any]], max_changed: int | None) -> None:
    """Complain of every copy that has no answers, is out of tolerance, or changed more answers than allowed."""
    failures = [(row["artifact"], row["error"]) for row in rows if row["error"]]
    for row in rows:
        outside = [name for name, one in row["tolerance"].items() if not one["passed"]]
        if outside:
            failures.append((row["artifact"], _failure(f"Out of tolerance: {', '.join(outside)}.")))
        if max_changed is not None and not row["error"] and row["changed_rows"] > max_changed:
            failures.append(
                (row["artifact"], _failure(f"{row['changed_rows']:,} answers changed; {max_changed:,} are allowed."))
            )
    exit_on_failures(failures)


def _failure(sentence: str) -> dict[str, str]:
    return InputError(sentence).to_json()


@app.command()
def matrix(
    run: str,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of Markdown.")] = False,
) -> None:
    """Show what each saved copy of a run has kept, cell by cell: as Markdown, CSV or JSON."""
    rows = survived.build_matrix(open_library(), run)
    if as_json:
        print_result([one.to_json() for one in rows], True)
        return
    print_text(survived.to_csv(rows) if as_csv else survived.to_markdown(rows))


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
    numbers = parse_whole_number("epochs", epochs), parse_whole_number("seed", seed)
    with open_jobs() as jobs:
        end = wait_for_job(jobs, jobs.resume(run, artifacts, numbers[0], parse_code_sources(code or []), numbers[1]))
        kept = {id_: jobs.library.artifact(id_) for id_ in end.result["copies"]}
    found = [
        {"artifact": id_, "run": run, "format": kept[id_].format, "trust": kept[id_].trust}
        | {"first_difference": _first_difference(copy), **copy}
        for id_, copy in end.result["copies"].items()
    ]
    print_result(found, as_json, ("artifact", "format", "trust", "ending", "first_difference", "seconds", "sentence"))
    print_warnings((row["artifact"], row["remark"]) for row in found)
    exit_on_failures((row["artifact"], row["error"]) for row in found if row["ending"] == ResumeVerdict.FAILED)


def _first_difference(copy: dict[str, Any]) -> int | None:
    return (copy["gap"] or {}).get("first")


BENCHMARK_COLUMNS = ("artifact", "format", "trust", "size", "save", "load", "first answer", "memory", "working memory")
LATENCY_COLUMNS = ("artifact", "format", "rows a call", "p50", "p95", "p99", "rows/s", "calls", "processors busy")


@app.command()
def cost(
    artifacts: Ids,
    repeats: Annotated[str | None, typer.Option(help="How often everything is measured, in fresh processes.")] = None,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Measure what artifacts cost: to save, to load, to ask, in memory and on the disk."""
    with open_jobs() as jobs:
        end = wait_for_job(
            jobs, jobs.benchmark(artifacts, parse_code_sources(code or []), parse_whole_number("repeats", repeats))
        )
    found = BenchmarkResult.model_validate(end.result)
    if as_json:
        print_result(found.model_dump(mode="json"), True)
    else:
        _print_benchmark(found)
    print_warnings((id_, " ".join(one.remarks)) for id_, one in found.costs.items())
    exit_on_failures((id_, one.error) for id_, one in found.costs.items() if one.error)


def _print_benchmark(result: BenchmarkResult) -> None:
    print_result([_benchmark_row(one) for one in result.costs.values()], False, BENCHMARK_COLUMNS)
    print_text()
    print_result([row for one in result.costs.values() for row in _latency_rows(one)], False, LATENCY_COLUMNS)
    print_text()
    for line in (*result.machine.describe(), *result.protocol):
        print_text(line)


def _benchmark_row(benchmark: ArtifactBenchmark) -> dict[str, Any]:
    return {
        "artifact": benchmark.artifact,
        "format": benchmark.format,
        "trust": benchmark.trust,
        "size": _megabytes(benchmark.bytes),
        "save": _with_bounds(benchmark.save),
        "load": _with_bounds(benchmark.load),
        "first answer": _with_bounds(benchmark.first),
        "memory": benchmark.memory and _megabytes(benchmark.memory.median),
        "working memory": benchmark.working_memory and _megabytes(benchmark.working_memory.median),
    }


def _latency_rows(benchmark: ArtifactBenchmark) -> list[dict[str, Any]]:
    return [
        {
            "artifact": benchmark.artifact,
            "format": benchmark.format,
            "rows a call": f"{calls.batch}{' (one by one)' if calls.by_row else ''}",
            **{name: f"{_milliseconds(getattr(calls, name))} ms" for name in ("p50", "p95", "p99")},
            "rows/s": f"{calls.per_second:,.0f}",
            "calls": calls.calls,
            "processors busy": f"{calls.processors:.1f}",
        }
        for calls in benchmark.steady
    ]


def _with_bounds(spread: RepeatedMeasurement | None) -> str | None:
    """The middle one, and the bounds where it was measured more than once."""
    if spread is None:
        return None
    bounds = f" ({_milliseconds(spread.least)}–{_milliseconds(spread.most)})" if len(spread.values) > 1 else ""
    return f"{_milliseconds(spread.median)}{bounds} ms"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.3g} MB"
