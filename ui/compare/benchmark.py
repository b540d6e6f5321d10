"""Costs tab: a benchmark of the copies, as bars, as a table, and as size against speed against fidelity."""

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from core.jobs.benchmark import estimate_seconds, find_last_benchmark
from core.jobs.benchmark_result import BATCH_SIZES, DEFAULT_REPEATS, BenchmarkResult
from core.jobs.pareto_front import pareto_front, pareto_sentence
from core.library.job_store import Job
from core.text.labels import format_timestamp
from core.text.numbers import format_duration
from ui.compare.benchmark_charts import BenchmarkView, show_first_prediction_chart, show_trade_off_chart
from ui.compare.participants import Participants
from ui.components import escape_markdown, show_error
from ui.job_progress import follow_job
from ui.session import current_jobs

MAX_BUSY_SHARE = 0.2  # share of the processors in use by others from which on the times are worth little


def show_benchmark(participants: Participants, fidelity: dict[str, float | None]) -> None:
    """Show the button, a benchmark under way, and the last one of the copies.

    `fidelity` is the largest difference of each from the baseline; None where it did not load or was not compared.
    """
    ids, names, sources = participants.others, participants.names, participants.sources
    newest, done = find_last_benchmark(current_jobs(), ids, sources)
    if not newest or not newest.is_active:
        _show_measure_button(ids, sources, is_repeat=done is not None)
    if newest and newest.state != "done":
        follow_job(newest)
    if not done:
        return
    result = BenchmarkResult.model_validate(done.result)
    loaded = {id_: result.costs[id_] for id_ in ids if not result.costs[id_].error}
    for id_ in ids:
        if error := result.costs[id_].error:
            show_error(error, title=escape_markdown(names[id_]))
    if loaded:
        batch = _choose_batch(result.machine.busy)
        _show_result(BenchmarkView(loaded, names, participants.entries, fidelity, batch))
        _show_method(done, result)


def _show_measure_button(ids: list[str], sources: dict[str, str], is_repeat: bool) -> None:
    jobs = current_jobs()
    duration = format_duration(estimate_seconds(jobs.library, ids, DEFAULT_REPEATS, jobs.config.can_fork))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Measure again" if is_repeat else "Measure what they cost",
            type="secondary" if is_repeat else "primary",
            icon=":material/timer:",
            help="Each copy is loaded and asked several times in fresh processes, one after another, while other work "
            "waits: two that ran side by side would time each other.",
        ):
            jobs.benchmark(ids, sources)
            st.rerun()
        st.caption(f"Seconds to save, load and answer, and memory. Takes about {duration}; other work waits meanwhile.")


def _choose_batch(busy_share: float) -> int:
    if busy_share > MAX_BUSY_SHARE:
        st.warning(
            f"Just before, other programs kept {busy_share:.0%} of the processors busy, so these times are longer than "
            "they need be. Measure again when the machine is quiet.",
            icon=":material/speed:",
        )
    return st.segmented_control(
        "Rows in one call",
        BATCH_SIZES,
        default=BATCH_SIZES[0],
        required=True,
        key="call",
        bind="query-params",
        help="How many rows are asked at once. One is a person who waits; many are a table that is worked through.",
    )


def _show_result(view: BenchmarkView) -> None:
    names, comparable = view.names, view.comparable_ids()
    costs = {id_: (view.benchmarks[id_].bytes, view.latency(id_).p50) for id_ in comparable}
    best = sorted(pareto_front({id_: (*costs[id_], view.fidelity[id_]) for id_ in costs}), key=lambda id_: costs[id_])
    st.markdown(pareto_sentence([f"**{escape_markdown(names[id_])}**" for id_ in best], len(comparable)))
    if left_out := ", ".join(names[id_] for id_ in view.benchmarks if id_ not in comparable):
        reason = "Not weighed, because not compared or another model by its answers"
        st.caption(f"{reason}: {escape_markdown(left_out)}.")
    left, right = st.columns(2, gap="large")
    with left:
        show_first_prediction_chart(view)
    with right:
        show_trade_off_chart(view, best)
    _show_benchmark_table(view)
    _show_remarks(view)


def _show_benchmark_table(view: BenchmarkView) -> None:
    """Show a line for each copy, with its run where there are several; every number sorts as a number."""
    ids = list(view.benchmarks)
    columns: dict[str, list[Any]] = {"Copy": [view.names[id_] for id_ in ids]}
    config: dict[str, Any] = {"Copy": st.column_config.TextColumn(pinned=True)}
    if len({view.entries[id_].run for id_ in ids}) > 1:
        columns["Run"] = [view.entries[id_].run_name for id_ in ids]
    for title, value, scale, format_, help_ in _table_columns(view):
        values = [value(id_) for id_ in ids]
        columns[title] = [None if number is None else number * scale for number in values]
        config[title] = st.column_config.NumberColumn(format=format_, help=help_)
    alt = "What each copy costs, a line for each"
    st.dataframe(columns, hide_index=True, column_config=config, height="content", key="cost-table", alt=alt)


class _Column(NamedTuple):
    """A column of numbers: `value` reads a copy's value (seconds, bytes) by its id; then its scale, format and help."""

    title: str
    value: Callable[[str], float | None]
    scale: float
    format: str
    help: str


def _table_columns(view: BenchmarkView) -> list[_Column]:
    is_small = max(cost.bytes for cost in view.benchmarks.values()) < 1e6
    calls = f"calls of {'one row' if view.batch == 1 else f'{view.batch} rows'}"

    def latency(name: str) -> Callable[[str], float]:
        return lambda id_: getattr(view.latency(id_), name)

    def median(name: str) -> Callable[[str], float | None]:
        return lambda id_: spread.median if (spread := getattr(view.benchmarks[id_], name)) else None

    ms, fine_ms, mb = (1e3, "%.0f ms"), (1e3, "%.3f ms"), (1e-6, "%.1f MB")
    size = (1e-3, "%.1f kB") if is_small else (1e-6, "%.2f MB")
    throughput = f"Throughput in {calls}, one at a time."
    return [
        _Column("Difference", view.fidelity.get, 1, "%.2g", "The largest one from the baseline."),
        _Column("Size", lambda id_: view.benchmarks[id_].bytes, *size, "All files of the copy."),
        _Column("Save", median("save"), *ms, "To save the run's model in this format again; the middle one."),
        _Column("Load", median("load"), *ms, "In a fresh process, until it can be asked; the middle one."),
        _Column("First answer", median("first"), 1e3, "%.1f ms", "To one row, right after the load; the middle one."),
        _Column("p50", latency("p50"), *fine_ms, f"Half of all {calls} were faster than this."),
        _Column("p95", latency("p95"), *fine_ms, f"95 of 100 {calls} were faster than this."),
        _Column("p99", latency("p99"), *fine_ms, f"99 of 100 {calls} were faster than this."),
        _Column("Rows a second", lambda id_: round(view.latency(id_).per_second), 1, "localized", throughput),
        _Column("Processors", latency("processors"), 1, "%.1f", "How many processors the calls kept busy."),
        _Column("Memory", median("memory"), *mb, "Growth of the process's peak until the first answer."),
        _Column("Memory at work", median("working_memory"), *mb, "The same, until the last answer to 256 rows."),
    ]


def _show_remarks(view: BenchmarkView) -> None:
    """Show each remark once, with the copies that it is about."""
    copies: dict[str, list[str]] = {}
    for id_, cost in view.benchmarks.items():
        for remark in cost.remarks:
            copies.setdefault(remark, []).append(view.names[id_])
    lines = [f"**{escape_markdown(', '.join(names))}**: {escape_markdown(remark)}" for remark, names in copies.items()]
    st.caption("  \n".join(lines))
    if any(cost.memory is None for cost in view.benchmarks.values()):
        st.caption("This system does not count the peak of a process's memory, so there are no numbers for it.")


def _show_method(job: Job, result: BenchmarkResult) -> None:
    """Show the machine and the protocol of a benchmark, in words."""
    machine = [f"Measured {format_timestamp(job.finished or job.created)}.", *result.machine.describe()]
    titles = {"The machine": machine, "How it was measured": result.protocol}
    for column, (title, lines) in zip(st.columns(2, gap="large"), titles.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.caption("\n".join(f"- {escape_markdown(line)}" for line in lines))
