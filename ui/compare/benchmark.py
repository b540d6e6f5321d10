"""What copies cost: measured on a click, shown as bars, as a table, and as size against speed against fidelity."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.jobs.benchmark import estimate_seconds, find_last_benchmark
from core.jobs.benchmark_result import BATCH_SIZES, DEFAULT_REPEATS, ArtifactBenchmark, BenchmarkResult, pareto_front
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import format_duration, format_timestamp
from ui.compare.benchmark_charts import (
    CLOSENESS_LABELS,
    closeness_label,
    show_first_prediction_chart,
    show_trade_off_chart,
)
from ui.components import escape_markdown, show_error
from ui.job_progress import follow_job
from ui.session import current_jobs

MAX_BUSY_SHARE = 0.2  # share of the processors in use by others from which on the times are worth little
NUMBER_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def show_benchmark(
    ids: list[str],
    names: dict[str, str],
    entries: dict[str, Entry],
    fidelity: dict[str, float | None],
    sources: dict[str, str] | None = None,
) -> None:
    """The button, a measuring under way, and the last one of these artifacts.

    `fidelity` is the largest difference of each from the baseline (None where it did not load or was not compared);
    `sources` says where the code that an artifact lacks comes from (see `Jobs.cost`).
    """
    newest, done = find_last_benchmark(current_jobs(), ids, sources or {})
    if newest and newest.is_active:
        follow_job(newest, lambda seen: None)
    else:
        _show_measure_button(ids, sources, is_repeat=done is not None)
        if newest and newest.state != "done":
            follow_job(newest, lambda seen: None)
    if done:
        _show_result(done, BenchmarkResult.model_validate(done.result), ids, names, entries, fidelity)


def _show_measure_button(ids: list[str], sources: dict[str, str] | None, is_repeat: bool) -> None:
    jobs = current_jobs()
    takes = format_duration(estimate_seconds(jobs.library, ids, DEFAULT_REPEATS, jobs.config.can_fork))
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
        st.caption(f"Seconds to save, load and answer, and memory. Takes about {takes}; other work waits meanwhile.")


def _show_result(
    job: Job,
    result: BenchmarkResult,
    ids: list[str],
    names: dict[str, str],
    entries: dict[str, Entry],
    fidelity: dict[str, float | None],
) -> None:
    costs = {id_: result.costs[id_] for id_ in ids}
    good = {id_: cost for id_, cost in costs.items() if not cost.error}
    for id_ in costs.keys() - good.keys():
        show_error(costs[id_].error, title=escape_markdown(names[id_]))
    if not good:
        return
    if result.machine.busy > MAX_BUSY_SHARE:
        st.warning(
            f"Just before, other programs kept {result.machine.busy:.0%} of the processors busy, so these times are "
            "longer than they need be. Measure again when the machine is quiet.",
            icon=":material/speed:",
        )
    batch = st.segmented_control(
        "Rows in one call",
        BATCH_SIZES,
        default=BATCH_SIZES[0],
        required=True,
        key="call",
        bind="query-params",
        help="How many rows are asked at once. One is a person who waits; many are a table that is worked through.",
    )
    rivals = _comparable_benchmarks(good, entries, fidelity)
    best = _pareto_ids(rivals, fidelity, batch)
    st.markdown(pareto_sentence([f"**{escape_markdown(names[id_])}**" for id_ in best], len(rivals)))
    if left_out := [names[id_] for id_ in good if id_ not in rivals]:
        st.caption(
            f"Not weighed, because not compared or another model by its answers: "
            f"{escape_markdown(', '.join(left_out))}."
        )
    left, right = st.columns(2, gap="large")
    with left:
        show_first_prediction_chart(good, names)
    with right:
        show_trade_off_chart(good, names, fidelity, best, batch)
    _show_benchmark_table(good, names, entries, fidelity, batch)
    _show_remarks(good, names)
    _show_method(job, result)


def _comparable_benchmarks(
    benchmarks: dict[str, ArtifactBenchmark], entries: dict[str, Entry], fidelity: dict[str, float | None]
) -> dict[str, ArtifactBenchmark]:
    """Those that can be weighed against one another: what answers as another model is no rival, however small."""
    compared = {
        id_: cost for id_, cost in benchmarks.items() if closeness_label(fidelity.get(id_)) != CLOSENESS_LABELS[-1]
    }
    return {id_: cost for id_, cost in compared.items() if entries[id_].verdict != Verdict.DIFFERENT}


def _pareto_ids(benchmarks: dict[str, ArtifactBenchmark], fidelity: dict[str, float | None], batch: int) -> list[str]:
    """Those that nothing beats, the smallest first."""
    best = pareto_front(
        {id_: (cost.bytes, cost.latency_at(batch).p50, fidelity[id_]) for id_, cost in benchmarks.items()}
    )
    return sorted(best, key=lambda id_: (benchmarks[id_].bytes, benchmarks[id_].latency_at(batch).p50))


def pareto_sentence(best: list[str], total: int) -> str:
    """Who of so many is beaten by nobody, in a sentence of Markdown; the names are Markdown too."""
    if total < 2:
        return "Measure and compare two or more copies of one model to see which of them nothing beats."
    if len(best) == total:
        return f"None of these {_number_word(total)} beats another: each is smaller, faster or closer to the original."
    if len(best) == 1:
        return f"Nothing beats {best[0]}: no other is smaller, faster or closer to the original."
    listed = f"{', '.join(best[:-1])} and {best[-1]}"
    return (
        f"Nothing beats these {_number_word(len(best))}: {listed}. Each of the others is matched or beaten in size, "
        f"speed "
        "and fidelity by one of them."
    )


def _number_word(number: int) -> str:
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)


def _show_benchmark_table(
    benchmarks: dict[str, ArtifactBenchmark],
    names: dict[str, str],
    entries: dict[str, Entry],
    fidelity: dict[str, float | None],
    batch: int,
) -> None:
    """One line a copy, with its run where there are several; every number sorts as a number."""
    columns: dict[str, list[Any]] = {"Copy": [names[id_] for id_ in benchmarks]}
    config: dict[str, Any] = {"Copy": st.column_config.TextColumn(pinned=True)}
    if len({entries[id_].run for id_ in benchmarks}) > 1:
        columns["Run"] = [entries[id_].run_name for id_ in benchmarks]
    columns["Difference"] = [fidelity.get(id_) for id_ in benchmarks]
    config["Difference"] = st.column_config.NumberColumn(format="%.2g", help="The largest one from the baseline.")

    def add(title: str, value: Callable[[ArtifactBenchmark], float | None], unit: str, scale: float, help: str) -> None:
        columns[title] = [None if value(cost) is None else value(cost) * scale for cost in benchmarks.values()]
        config[title] = st.column_config.NumberColumn(format=unit, help=help)

    for title, value, unit, scale, help_ in _table_columns(batch, max(cost.bytes for cost in benchmarks.values())):
        add(title, value, unit, scale, help_)
    alt = "What each copy costs, a line for each"
    st.dataframe(columns, hide_index=True, column_config=config, height="content", key="cost-table", alt=alt)


def _table_columns(
    batch: int, largest: int
) -> list[tuple[str, Callable[[ArtifactBenchmark], float | None], str, float, str]]:
    """Title, value in seconds or bytes, how it is written, in which scale, and what it means."""
    unit, scale = ("%.1f kB", 1e-3) if largest < 1e6 else ("%.2f MB", 1e-6)
    in_rows = "one row" if batch == 1 else f"{batch} rows"

    def steady(name: str) -> Callable[[ArtifactBenchmark], float]:
        return lambda cost: getattr(cost.latency_at(batch), name)

    def middle(name: str) -> Callable[[ArtifactBenchmark], float | None]:
        return lambda cost: spread.median if (spread := getattr(cost, name)) else None

    return [
        ("Size", lambda cost: cost.bytes, unit, scale, "All files of the copy."),
        ("Save", middle("save"), "%.0f ms", 1e3, "To save the run's model in this format again; the middle one."),
        ("Load", middle("load"), "%.0f ms", 1e3, "In a fresh process, until it can be asked; the middle one."),
        ("First answer", middle("first"), "%.1f ms", 1e3, "To one row, right after the load; the middle one."),
        ("p50", steady("p50"), "%.3f ms", 1e3, f"Half of all calls of {in_rows} were faster than this."),
        ("p95", steady("p95"), "%.3f ms", 1e3, f"95 of 100 calls of {in_rows} were faster than this."),
        ("p99", steady("p99"), "%.3f ms", 1e3, f"99 of 100 calls of {in_rows} were faster than this."),
        (
            "Rows a second",
            lambda cost: round(cost.latency_at(batch).per_second),
            "localized",
            1,
            f"Throughput in calls of {in_rows}, one at a time.",
        ),
        ("Processors", steady("processors"), "%.1f", 1, "How many processors the calls kept busy."),
        ("Memory", middle("memory"), "%.1f MB", 1e-6, "Growth of the process's peak until the first answer."),
        ("Memory at work", middle("working_memory"), "%.1f MB", 1e-6, "The same, until the last answer to 256 rows."),
    ]


def _show_remarks(benchmarks: dict[str, ArtifactBenchmark], names: dict[str, str]) -> None:
    """What must not be silent, each sentence once with the copies that it is said of."""
    said: dict[str, list[str]] = {}
    for id_, cost in benchmarks.items():
        for remark in cost.remarks:
            said.setdefault(remark, []).append(names[id_])
    st.caption(
        "  \n".join(
            f"**{escape_markdown(', '.join(whose))}**: {escape_markdown(remark)}" for remark, whose in said.items()
        )
    )
    if any(cost.memory is None for cost in benchmarks.values()):
        st.caption("This system does not count the peak of a process's memory, so there are no numbers for it.")


def _show_method(job: Job, result: BenchmarkResult) -> None:
    """Machine and protocol, in words."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**The machine**")
        lines = [f"Measured {format_timestamp(job.finished or job.created)}.", *result.machine.describe()]
        st.caption("\n".join(f"- {escape_markdown(line)}" for line in lines))
    with right:
        st.markdown("**How it was measured**")
        st.caption("\n".join(f"- {escape_markdown(line)}" for line in result.protocol))
