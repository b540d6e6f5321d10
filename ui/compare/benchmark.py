"""What copies cost: measured on a click, shown as bars, as a table, and as size against speed against fidelity."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.jobs.benchmark import estimate, last_cost
from core.jobs.benchmark_result import BATCHES, REPEATS, Cost, Costs, front
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import duration, moment
from ui.compare.benchmark_charts import CLOSENESS, closeness, show_click, show_trade_offs
from ui.components import plain, show_error
from ui.job_progress import follow
from ui.session import current_jobs

BUSY = 0.2  # share of the processors in use by others from which on the times are worth little
COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def show_costs(
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
    newest, done = last_cost(current_jobs(), ids, sources or {})
    if newest and newest.active:
        follow(newest, lambda seen: None)
    else:
        _offer(ids, sources, again=done is not None)
        if newest and newest.state != "done":
            follow(newest, lambda seen: None)
    if done:
        _show(done, Costs.model_validate(done.result), ids, names, entries, fidelity)


def _offer(ids: list[str], sources: dict[str, str] | None, again: bool) -> None:
    jobs = current_jobs()
    takes = duration(estimate(jobs.library, ids, REPEATS, jobs.config.forks))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Measure again" if again else "Measure what they cost",
            type="secondary" if again else "primary",
            icon=":material/timer:",
            help="Each copy is loaded and asked several times in fresh processes, one after another, while other work "
            "waits: two that ran side by side would time each other.",
        ):
            jobs.cost(ids, sources)
            st.rerun()
        st.caption(f"Seconds to save, load and answer, and memory. Takes about {takes}; other work waits meanwhile.")


def _show(
    job: Job,
    found: Costs,
    ids: list[str],
    names: dict[str, str],
    entries: dict[str, Entry],
    fidelity: dict[str, float | None],
) -> None:
    costs = {id_: found.costs[id_] for id_ in ids}
    good = {id_: cost for id_, cost in costs.items() if not cost.error}
    for id_ in costs.keys() - good.keys():
        show_error(costs[id_].error, title=plain(names[id_]))
    if not good:
        return
    if found.machine.busy > BUSY:
        st.warning(
            f"Just before, other programs kept {found.machine.busy:.0%} of the processors busy, so these times are "
            "longer than they need be. Measure again when the machine is quiet.",
            icon=":material/speed:",
        )
    batch = st.segmented_control(
        "Rows in one call",
        BATCHES,
        default=BATCHES[0],
        required=True,
        key="call",
        bind="query-params",
        help="How many rows are asked at once. One is a person who waits; many are a table that is worked through.",
    )
    rivals = _rivals(good, entries, fidelity)
    best = _best(rivals, fidelity, batch)
    st.markdown(front_in_words([f"**{plain(names[id_])}**" for id_ in best], len(rivals)))
    if left_out := [names[id_] for id_ in good if id_ not in rivals]:
        st.caption(f"Not weighed, because not compared or another model by its answers: {plain(', '.join(left_out))}.")
    left, right = st.columns(2, gap="large")
    with left:
        show_click(good, names)
    with right:
        show_trade_offs(good, names, fidelity, best, batch)
    _table(good, names, entries, fidelity, batch)
    _remarks(good, names)
    _how(job, found)


def _rivals(good: dict[str, Cost], entries: dict[str, Entry], fidelity: dict[str, float | None]) -> dict[str, Cost]:
    """Those that can be weighed against one another: what answers as another model is no rival, however small."""
    compared = {id_: cost for id_, cost in good.items() if closeness(fidelity.get(id_)) != CLOSENESS[-1]}
    return {id_: cost for id_, cost in compared.items() if entries[id_].verdict != Verdict.DIFFERENT}


def _best(rivals: dict[str, Cost], fidelity: dict[str, float | None], batch: int) -> list[str]:
    """Those that nothing beats, the smallest first."""
    best = front({id_: (cost.bytes, cost.at(batch).p50, fidelity[id_]) for id_, cost in rivals.items()})
    return sorted(best, key=lambda id_: (rivals[id_].bytes, rivals[id_].at(batch).p50))


def front_in_words(best: list[str], of: int) -> str:
    """Who of so many is beaten by nobody, in a sentence of Markdown; the names are Markdown too."""
    if of < 2:
        return "Measure and compare two or more copies of one model to see which of them nothing beats."
    if len(best) == of:
        return f"None of these {_count(of)} beats another: each is smaller, faster or closer to the original."
    if len(best) == 1:
        return f"Nothing beats {best[0]}: no other is smaller, faster or closer to the original."
    listed = f"{', '.join(best[:-1])} and {best[-1]}"
    return (
        f"Nothing beats these {_count(len(best))}: {listed}. Each of the others is matched or beaten in size, speed "
        "and fidelity by one of them."
    )


def _count(number: int) -> str:
    return COUNTS[number] if number < len(COUNTS) else str(number)


def _table(
    good: dict[str, Cost],
    names: dict[str, str],
    entries: dict[str, Entry],
    fidelity: dict[str, float | None],
    batch: int,
) -> None:
    """One line a copy, with its run where there are several; every number sorts as a number."""
    columns: dict[str, list[Any]] = {"Copy": [names[id_] for id_ in good]}
    config: dict[str, Any] = {"Copy": st.column_config.TextColumn(pinned=True)}
    if len({entries[id_].run for id_ in good}) > 1:
        columns["Run"] = [entries[id_].run_name for id_ in good]
    columns["Difference"] = [fidelity.get(id_) for id_ in good]
    config["Difference"] = st.column_config.NumberColumn(format="%.2g", help="The largest one from the baseline.")

    def add(title: str, value: Callable[[Cost], float | None], unit: str, scale: float, help: str) -> None:
        columns[title] = [None if value(cost) is None else value(cost) * scale for cost in good.values()]
        config[title] = st.column_config.NumberColumn(format=unit, help=help)

    for title, value, unit, scale, help_ in _columns(batch, max(cost.bytes for cost in good.values())):
        add(title, value, unit, scale, help_)
    alt = "What each copy costs, a line for each"
    st.dataframe(columns, hide_index=True, column_config=config, height="content", key="cost-table", alt=alt)


def _columns(batch: int, largest: int) -> list[tuple[str, Callable[[Cost], float | None], str, float, str]]:
    """Title, value in seconds or bytes, how it is written, in which scale, and what it means."""
    unit, scale = ("%.1f kB", 1e-3) if largest < 1e6 else ("%.2f MB", 1e-6)
    in_rows = "one row" if batch == 1 else f"{batch} rows"

    def steady(name: str) -> Callable[[Cost], float]:
        return lambda cost: getattr(cost.at(batch), name)

    def middle(name: str) -> Callable[[Cost], float | None]:
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
            lambda cost: round(cost.at(batch).per_second),
            "localized",
            1,
            f"Throughput in calls of {in_rows}, one at a time.",
        ),
        ("Processors", steady("processors"), "%.1f", 1, "How many processors the calls kept busy."),
        ("Memory", middle("memory"), "%.1f MB", 1e-6, "Growth of the process's peak until the first answer."),
        ("Memory at work", middle("working_memory"), "%.1f MB", 1e-6, "The same, until the last answer to 256 rows."),
    ]


def _remarks(good: dict[str, Cost], names: dict[str, str]) -> None:
    """What must not be silent, each sentence once with the copies that it is said of."""
    said: dict[str, list[str]] = {}
    for id_, cost in good.items():
        for remark in cost.remarks:
            said.setdefault(remark, []).append(names[id_])
    st.caption("  \n".join(f"**{plain(', '.join(whose))}**: {plain(remark)}" for remark, whose in said.items()))
    if any(cost.memory is None for cost in good.values()):
        st.caption("This system does not count the peak of a process's memory, so there are no numbers for it.")


def _how(job: Job, found: Costs) -> None:
    """Machine and protocol, in words."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**The machine**")
        lines = [f"Measured {moment(job.finished or job.created)}.", *found.machine.in_words()]
        st.caption("\n".join(f"- {plain(line)}" for line in lines))
    with right:
        st.markdown("**How it was measured**")
        st.caption("\n".join(f"- {plain(line)}" for line in found.protocol))
