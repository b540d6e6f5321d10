"""The command that measures what artifacts cost: cost."""

from typing import Annotated

import typer

from core.cli.console import (
    AsJson,
    Code,
    Ids,
    TableRow,
    exit_on_failures,
    open_jobs,
    parse_code_sources,
    parse_whole_number,
    print_result,
    print_text,
    print_warnings,
    wait_for_job,
)
from core.jobs.benchmark_result import ArtifactBenchmark, BenchmarkResult, RepeatedMeasurement

app = typer.Typer(rich_markup_mode=None)
BENCHMARK_COLUMNS = ("artifact", "format", "trust", "size", "save", "load", "first answer", "memory", "working memory")
LATENCY_COLUMNS = ("artifact", "format", "rows a call", "p50", "p95", "p99", "rows/s", "calls", "processors busy")


@app.command()
def cost(
    artifacts: Ids,
    repeats: Annotated[str | None, typer.Option(help="How often everything is measured, in fresh processes.")] = None,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Measure what artifacts cost: time to save, load and predict, memory and disk space."""
    times = parse_whole_number("repeats", repeats)
    with open_jobs() as jobs:
        ended = wait_for_job(jobs, jobs.benchmark(artifacts, parse_code_sources(code), times))
    result = BenchmarkResult.model_validate(ended.result)
    if as_json:
        print_result(result.model_dump(mode="json"), True)
    else:
        _print_benchmark(result)
    print_warnings((id_, " ".join(cost.remarks)) for id_, cost in result.costs.items())
    exit_on_failures((id_, cost.error) for id_, cost in result.costs.items() if cost.error)


def _print_benchmark(result: BenchmarkResult) -> None:
    print_result([_benchmark_row(cost) for cost in result.costs.values()], False, (*BENCHMARK_COLUMNS, "code"))
    print_text()
    print_result([row for cost in result.costs.values() for row in _latency_rows(cost)], False, LATENCY_COLUMNS)
    print_text()
    for line in (*result.machine.describe(), *result.protocol):
        print_text(line)


def _benchmark_row(benchmark: ArtifactBenchmark) -> TableRow:
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
        "code": benchmark.source_words,
    }


def _latency_rows(benchmark: ArtifactBenchmark) -> list[TableRow]:
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
    """The median, and the range where it was measured more than once, in ms."""
    if spread is None:
        return None
    bounds = f" ({_milliseconds(spread.least)}–{_milliseconds(spread.most)})" if len(spread.values) > 1 else ""
    return f"{_milliseconds(spread.median)}{bounds} ms"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.3g} MB"
