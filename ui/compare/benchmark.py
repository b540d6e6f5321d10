"""Costs tab: a benchmark of the copies, as bars, as a table, and as size against speed against fidelity."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.compare import Verdict
from core.figures.theme import LEGEND_BELOW, NEUTRAL, PLOTLY_CONFIG, apply_theme
from core.jobs.benchmark import estimate_seconds, find_last_benchmark
from core.jobs.benchmark_result import (
    BATCH_SIZES,
    DEFAULT_REPEATS,
    ArtifactBenchmark,
    BatchLatency,
    BenchmarkResult,
    RepeatedMeasurement,
    pareto_front,
    pareto_sentence,
)
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import format_timestamp
from core.text.numbers import format_duration, format_size
from core.text.verdicts import CLOSENESS_LABELS, closeness_label
from ui.charts import log_axis, stacked_bar_chart
from ui.compare.participants import Participants
from ui.components import escape_markdown, show_error
from ui.job_progress import follow_job
from ui.session import current_jobs
from ui.terms import explain_headings

CLOSENESS_COLOURS = ("#0D9488", "#0284C7", "#D97706", "#DC2626", NEUTRAL)
CLOSENESS_SYMBOLS = ("circle", "square", "diamond", "x", "circle-open")


@dataclass(frozen=True)
class BenchmarkView:
    """The benchmarks of copies that loaded, by artifact.

    Attributes:
        fidelity: Largest difference of each from the baseline; None where it was not compared.
        batch: Rows in one call.
    """

    benchmarks: dict[str, ArtifactBenchmark]
    names: dict[str, str]
    entries: dict[str, Entry]
    fidelity: dict[str, float | None]
    batch: int

    def latency(self, id_: str) -> BatchLatency:
        return {latency.batch: latency for latency in self.benchmarks[id_].steady}[self.batch]

    def closeness(self, id_: str) -> str:
        return closeness_label(self.fidelity.get(id_))

    def comparable_ids(self) -> list[str]:
        """Return the ids of copies that can be weighed: compared ones that do not predict as another model would."""
        ids = [id_ for id_ in self.benchmarks if self.closeness(id_) != CLOSENESS_LABELS[-1]]
        return [id_ for id_ in ids if self.entries[id_].verdict != Verdict.DIFFERENT]


def show_first_prediction_chart(view: BenchmarkView) -> None:
    st.header("From click to first answer")
    clicks = {id_: _milliseconds(cost.click) for id_, cost in view.benchmarks.items()}
    ids = sorted(clicks, key=lambda id_: clicks[id_][0])
    names, costs = [view.names[id_] for id_ in ids], [view.benchmarks[id_] for id_ in ids]
    parts = {
        "load": [_milliseconds(cost.load)[0] for cost in costs],
        "first answer": [_milliseconds(cost.first)[0] for cost in costs],
    }
    hover = {part: [f"{part}: {format_duration(value / 1000)}" for value in values] for part, values in parts.items()}
    figure = stacked_bar_chart(names, parts, "milliseconds", hover, [clicks[id_][1:] for id_ in ids])
    texts = ", ".join(f"{view.names[id_]} {format_duration(clicks[id_][0] / 1000)}" for id_ in ids)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-click", alt=f"Time from click to first answer: {texts}")


def _milliseconds(measurement: RepeatedMeasurement | None) -> tuple[float, float, float]:
    """Return the median, the least and the most in milliseconds; zeros without a measurement."""
    if measurement is None:
        return 0.0, 0.0, 0.0
    return measurement.median * 1000, measurement.least * 1000, measurement.most * 1000


def show_trade_off_chart(view: BenchmarkView, pareto_ids: list[str]) -> None:
    st.header("Size, speed, fidelity")
    texts = {
        id_: f"{format_size(cost.bytes)}, {_call_duration(view.latency(id_).p50)} a call, {view.closeness(id_)}"
        for id_, cost in view.benchmarks.items()
    }
    figure = _trade_off_chart(view, pareto_ids, texts)
    alt = "; ".join(f"{view.names[id_]}: {text}" for id_, text in texts.items())
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-trade-offs", alt=f"Size against time of a call. {alt}")
    st.caption("Further left is smaller, further down is faster. Numbered and joined: those that nothing beats.")
    keys = [
        f"**{number} {escape_markdown(view.names[id_])}**: {escape_markdown(texts[id_])}"
        for number, id_ in enumerate(pareto_ids, 1)
    ]
    st.caption("  \n".join(keys))


def _trade_off_chart(view: BenchmarkView, pareto_ids: list[str], texts: dict[str, str]) -> go.Figure:
    """Points on logarithmic axes, each closeness in a colour and shape of its own; a line joins the Pareto front."""
    places = {id_: (cost.bytes, view.latency(id_).p50) for id_, cost in view.benchmarks.items()}
    figure = go.Figure()

    def add(ids: list[str], **options: Any) -> None:
        figure.add_scatter(x=[places[id_][0] for id_ in ids], y=[places[id_][1] for id_ in ids], **options)

    line = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    add(pareto_ids, mode="lines", line=line, hoverinfo="skip", name="nothing beats these")
    for label, colour, symbol in zip(CLOSENESS_LABELS, CLOSENESS_COLOURS, CLOSENESS_SYMBOLS, strict=True):
        if ids := [id_ for id_ in places if view.closeness(id_) == label]:
            is_best = [id_ in pareto_ids for id_ in ids]
            sizes, opacities = [14 if best else 10 for best in is_best], [1.0 if best else 0.6 for best in is_best]
            add(
                ids,
                name=label,
                mode="markers+text",
                text=[f"<b>{pareto_ids.index(id_) + 1}</b>" if id_ in pareto_ids else "" for id_ in ids],
                textposition="top center",
                hovertext=[f"<b>{escape(view.names[id_])}</b><br>{texts[id_].replace(', ', '<br>')}" for id_ in ids],
                hoverinfo="text",
                marker={"color": colour, "symbol": symbol, "size": sizes, "opacity": opacities},
            )
    figure.update_xaxes(**log_axis([x for x, _ in places.values()], format_size))
    figure.update_yaxes(**log_axis([y for _, y in places.values()], _call_duration))
    title = f"time of a call of {'1 row' if view.batch == 1 else f'{view.batch} rows'}"
    return apply_theme(figure, "size on disk", title, height=440).update_layout(legend=LEGEND_BELOW)


def _call_duration(seconds: float) -> str:
    """Return the time of a call in words, down to microseconds."""
    return format_duration(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"


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
    config, alt = explain_headings(columns, config), "What each copy costs, a line for each"
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
