"""Parts of the Elsewhere page: the environments to ask in, and what each copy answered there."""

import contextlib
from collections.abc import Iterable

import pandas as pd
import streamlit as st

from core.compare import Verdict
from core.environments import ENVIRONMENTS, get_environment
from core.environments.judge import ElsewhereOutcome
from core.errors import UnknownName
from core.jobs.elsewhere import ElsewhereRow, EnvironmentState, read_outcome
from core.library import Artifact
from core.library.job_store import Job
from core.text.labels import pluralize, short_labels
from core.text.numbers import format_duration, format_size
from ui.components import escape_markdown, show_error, verdict_badge
from ui.query_params import bind_select
from ui.session import current_jobs

SYMBOLS = {
    Verdict.BIT_IDENTICAL: "✓",
    Verdict.ROUNDING: "✓",
    Verdict.SAME_ANSWERS: "≈",
    Verdict.SOME_CHANGED: "≠",
    Verdict.DIFFERENT: "✗",
    Verdict.DOES_NOT_LOAD: "✗",
}
FIRST_CHOSEN = 3  # environments that are chosen where none is built: the smallest


def choose_environments(formats: set[str]) -> list[EnvironmentState]:
    """Return the environments that were chosen among those that take one of these formats."""
    states = {state["environment"]: state for state in current_jobs().list_environments()}
    offered = [key for key, state in states.items() if formats & set(state["takes"])]
    if "in" not in st.query_params:
        st.query_params["in"] = [key for key in offered if states[key]["bytes"]] or _smallest(offered)
    chosen = st.multiselect(
        "Environments",
        **bind_select("in", offered, many=True),
        format_func=lambda key: _name(states[key]),
        help="Other engines, releases and back ends, each with its own packages. Those that are not built yet are "
        "built first.",
    )
    return [states[key] for key in chosen]


def _smallest(keys: list[str]) -> list[str]:
    return sorted(keys, key=lambda key: get_environment(key).megabytes)[:FIRST_CHOSEN]


def _name(state: EnvironmentState) -> str:
    return (
        state["label"] if state["bytes"] else f"{state['label']} (to build, {format_size(state['megabytes'] * 10**6)})"
    )


def show_costs(chosen: list[EnvironmentState]) -> None:
    """Say what building will take, before anything is fetched."""
    missing = {get_environment(state["environment"]).lock_path: state for state in chosen if not state["bytes"]}
    if missing:
        size = format_size(sum(state["megabytes"] for state in missing.values()) * 10**6)
        st.caption(
            f"{pluralize(len(missing), 'environment')} will be built first: {size} on the disk. Packages come from the "
            "package index that uv or pip is set to; nothing of your models is sent."
        )


def show_environments() -> None:
    """Show what each environment is for, and a button that removes those that are built."""
    jobs = current_jobs()
    states = {state["environment"]: state for state in jobs.list_environments()}
    for environment in ENVIRONMENTS:
        state = states[environment.key]
        with st.expander(f"{environment.label} · {environment.good_for}", icon=":material/deployed_code:"):
            st.markdown(f"Takes {', '.join(state['takes'])}. {escape_markdown(environment.remark)}")
            st.caption(f"Made of {', '.join(environment.requirements)}.")
            if state["bytes"]:
                st.caption(f"Built here: {format_size(state['bytes'])}.")
                st.button("Remove", key=f"remove-{environment.key}", on_click=_remove, args=(environment.key,))


def _remove(key: str) -> None:
    current_jobs().remove_environments([key])


def show_answers(job: Job) -> None:
    """Show copies beside environments, as far as a job has come: the verdict of each, and how it came about."""
    rows: dict[str, ElsewhereRow] = job.result.get("rows") or job.detail.get("cells") or {}
    built = job.result.get("environments") or job.detail.get("environments") or {}
    for key, row in built.items():
        if "error" in row:
            show_error(row["error"], title=_label(key))
    if not any(row["cells"] or row["error"] for row in rows.values()):
        return
    labels = short_labels(list(rows), _read_artifacts(rows))
    _show_table(rows, labels, [key for key in built if any(key in row["cells"] for row in rows.values())])
    for id_, row in rows.items():
        _show_copy(labels[id_], row)


def _read_artifacts(ids: Iterable[str]) -> dict[str, Artifact]:
    """Return the records of copies by id; what was removed meanwhile is left out."""
    library, artifacts = current_jobs().library, {}
    for id_ in ids:
        with contextlib.suppress(UnknownName):
            artifacts[id_] = library.artifact(id_)
    return artifacts


def _show_table(rows: dict[str, ElsewhereRow], labels: dict[str, str], keys: list[str]) -> None:
    table: dict[str, list[str]] = {"Copy": [labels[id_] for id_ in rows]}
    table["Here"] = [_symbol(Verdict(row["here"])) for row in rows.values()]
    for key in keys:
        table[_label(key)] = [
            _symbol(Verdict(row["cells"][key]["verdict"])) if key in row["cells"] else "–" for row in rows.values()
        ]
    pinned = {"Copy": st.column_config.Column(pinned=True)}
    alt = "For each copy its verdict in each environment"
    st.dataframe(pd.DataFrame(table), hide_index=True, column_config=pinned, alt=alt)
    st.caption(
        "Each compared with the model's own answers to the rows of its proof kit. ✓ the same, or rounding only · ≈ the "
        "same answers · ≠ some changed · ✗ other answers, or none · – not a format that it takes."
    )


def _label(key: str) -> str:
    """Name an environment; by its key one that a later version does not have any more."""
    return next((environment.label for environment in ENVIRONMENTS if environment.key == key), key)


def _symbol(verdict: Verdict) -> str:
    return f"{SYMBOLS.get(verdict, '?')} {verdict.label}"


def _show_copy(label: str, row: ElsewhereRow) -> None:
    outcomes = [read_outcome(cell) for cell in row["cells"].values()]
    unlike = sum(outcome.verdict.rank > Verdict.SAME_ANSWERS.rank for outcome in outcomes)
    alike = "the same answers everywhere" if outcomes else "not asked"
    summary = f"not the same in {unlike} of {pluralize(len(outcomes), 'environment')}" if unlike else alike
    with st.expander(f"**{label}** · {summary}", icon=":material/description:"):
        if row["error"]:
            show_error(row["error"])
        for outcome in outcomes:
            _show_outcome(outcome)


def _show_outcome(outcome: ElsewhereOutcome) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape_markdown(_label(outcome.environment))}**", width="content")
            verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
        if outcome.error:
            show_error(outcome.error)
        elif outcome.cause:
            st.markdown(escape_markdown(outcome.cause))
        facts = [f"{name} {number}" for name, number in outcome.versions.items() if number]
        facts += [f"{stage} {format_duration(seconds)}" for stage, seconds in outcome.seconds.items()]
        st.caption(escape_markdown(" · ".join([*facts, *outcome.notes])))
