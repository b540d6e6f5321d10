"""Parts of the Elsewhere page: the environments to ask in, and what each copy answered there."""

import contextlib
from collections.abc import Iterable

import streamlit as st

from core.compare import Verdict
from core.compatibility.machines import MachineVerdict, describe_machines_asked
from core.environments import ENVIRONMENTS, get_environment
from core.environments.judge import ElsewhereOutcome, name_lock
from core.environments.machines import THIS_MACHINE, get_environment_or_own, join_keys, label_asked, split_key
from core.environments.own import HERE
from core.errors import RoundtripError
from core.formats import format_order
from core.jobs.elsewhere import ElsewhereRow, EnvironmentState, name_formats, read_outcome
from core.jobs.environment_states import list_machines
from core.library import Artifact
from core.library.job_store import Job
from core.text.labels import pluralize, short_labels
from core.text.numbers import format_duration, format_size
from ui.components import escape_markdown, show_error, verdict_badge
from ui.navigation import go
from ui.query_params import KEY_PREFIX, bind_multiselect
from ui.session import current_jobs
from ui.wrapped_table import NOTHING, show_wrapped_table

SYMBOLS = {
    Verdict.BIT_IDENTICAL: "✓",
    Verdict.ROUNDING: "✓",
    Verdict.SAME_ANSWERS: "≈",
    Verdict.SOME_CHANGED: "≠",
    Verdict.DIFFERENT: "✗",
    Verdict.DOES_NOT_LOAD: "✗",
}
FIRST_CHOSEN = 3  # environments that are chosen where none is built: the smallest
NONE = "none"  # in the address in place of environments, where only machines are asked
PROPOSED_KEY = "environments-of-run"  # for which run some were proposed: whoever clears them all is proposed none


def choose_environments(run_id: str, formats: set[str]) -> list[EnvironmentState]:
    """Return the environments that were chosen among those that take one of these formats of a run."""
    states = {state["environment"]: state for state in current_jobs().list_environments()}
    takers = [key for key, state in states.items() if formats & set(state["takes"])]
    offered = [key for key in takers if states[key]["bytes"] or not _is_signed_in()]
    if not offered:
        _show_none_offered(run_id, states.values(), bool(takers))
        return []
    _propose(run_id, offered, [key for key in offered if states[key]["bytes"]])
    chosen = st.multiselect(
        "Environments",
        **bind_multiselect("in", offered),
        format_func=lambda key: _name(states[key]),
        help="Other engines, releases and back ends, each with its own packages. Those that are not built yet are "
        "built first.",
    )
    if not chosen:
        st.caption("Choose at least one environment.")
    return [states[key] for key in chosen]


def address_of(job: Job) -> dict[str, str | list[str]]:
    """Return the query parameters of what a job asks: its run, the environments, and the machines."""
    asked = [split_key(key) for key in job.request["environments"]]
    environments = [environment for environment, machine in asked if machine == THIS_MACHINE]
    machines = [*dict.fromkeys(machine for _, machine in asked if machine != THIS_MACHINE)]
    return {"run": job.request["run"], "in": environments or [NONE], "on": machines}


def choose_machines(chosen: Iterable[str], formats: set[str]) -> list[str]:
    """Choose the machines that are also asked; returns the keys of environments on them.

    Roundtrip itself is asked there, and what is `chosen`, as far as that takes a format and the machine can change what
    it answers.
    """
    environments = [get_environment_or_own(key) for key in (HERE, *chosen)]
    machines = {each.key: each for each in list_machines(current_jobs()) if each.key != THIS_MACHINE}
    keys = {
        key: [
            join_keys(environment.key, key)
            for environment in environments
            if any(machine.limits(environment, format_key) for format_key in formats & environment.takes)
        ]
        for key, machine in machines.items()
    }
    offered = [key for key, places in keys.items() if places]
    if not offered:
        return []
    asked = st.multiselect(
        "Machines",
        **bind_multiselect("on", offered),
        format_func=lambda key: machines[key].label,
        placeholder="This machine only",
        help="The same copies with fewer of this processor's instructions, which stands for another processor; of a "
        "team also on its workers. Roundtrip itself is asked there, and the environments that are chosen above.",
    )
    return [place for key in asked for place in keys[key]]


def _is_signed_in() -> bool:
    """Whether a person sees only a part, and so neither builds nor removes what everybody shares."""
    return current_jobs().library.access.viewer_id is not None


def _show_none_offered(run_id: str, states: Iterable[EnvironmentState], has_takers: bool) -> None:
    """Say what is missing, and offer the next click where there is one."""
    if has_takers:
        text = "No environment that takes these copies is built. Whoever runs the server builds them, from the command "
        st.info(f"{text}line: `roundtrip environments build`.", icon=":material/construction:")
        return
    labels = name_formats(key for state in states for key in state["takes"])
    with st.container(border=True, horizontal_alignment="center"):
        text = f"No environment takes a format in which this run is saved. Save it in one of these: {labels}."
        st.markdown(escape_markdown(text), text_alignment="center")
        if st.button("Save this run", type="primary", icon=":material/arrow_forward:"):
            go("save", run=run_id)


def _propose(run_id: str, offered: list[str], built: list[str]) -> None:
    """Put environments into the address, once for a run, where it names none that takes a copy of it; where a person
    cleared them, that there are none."""
    is_proposed = st.session_state.get(PROPOSED_KEY) == run_id and f"{KEY_PREFIX}in" in st.session_state
    requested = st.query_params.get_all("in")
    wanted = [key for key in requested if key in offered]
    if not wanted:
        is_none = requested == [NONE] or (is_proposed and not requested)
        wanted = [NONE] if is_none else built or _smallest(offered)
    if wanted != requested:
        st.query_params["in"] = wanted
    st.session_state[PROPOSED_KEY] = run_id


def _smallest(keys: list[str]) -> list[str]:
    return sorted(keys, key=lambda key: get_environment(key).megabytes)[:FIRST_CHOSEN]


def _name(state: EnvironmentState) -> str:
    return (
        state["label"] if state["bytes"] else f"{state['label']} (to build, {format_size(state['megabytes'] * 10**6)})"
    )


def show_costs(chosen: list[EnvironmentState]) -> None:
    """Say what building will take, before anything is fetched."""
    missing = {get_environment(state["environment"]).folder_name: state for state in chosen if not state["bytes"]}
    if missing:
        size = format_size(sum(state["megabytes"] for state in missing.values()) * 10**6)
        st.caption(
            f"{pluralize(len(missing), 'environment')} will be built first: {size} on the disk. Packages come from the "
            "package index that uv or pip is set to; nothing of your models is sent."
        )


def show_not_asked(copies: list[Artifact], chosen: list[EnvironmentState]) -> None:
    """Name the copies of a run whose format none of the chosen environments takes."""
    taken = {key for state in chosen for key in state["takes"]}
    labels = short_labels([copy.id for copy in copies], {copy.id: copy for copy in copies})
    left = sorted((copy for copy in copies if copy.format not in taken), key=lambda copy: format_order(copy.format))
    if chosen and left:
        names = ", ".join(labels[copy.id] for copy in left)
        text = f"Not asked: {names}. None of the chosen environments takes what these are saved in."
        st.caption(escape_markdown(text))


def show_environments() -> None:
    """Show what each environment is for, and a button that removes those that are built."""
    states = {state["environment"]: state for state in current_jobs().list_environments()}
    for environment in ENVIRONMENTS:
        state = states[environment.key]
        with st.expander(f"**{environment.label}** · {environment.good_for}", icon=":material/deployed_code:"):
            st.markdown(escape_markdown(f"Takes {name_formats(state['takes'])}. {environment.remark}"))
            st.caption(f"Made of {', '.join(environment.requirements)}.")
            if state["bytes"]:
                st.caption(f"Built here: {format_size(state['bytes'])}.")
                _show_remove_button(state)


def _show_remove_button(state: EnvironmentState) -> None:
    """Show a button that asks before it removes an environment; none to who signed in."""
    if _is_signed_in():
        return
    size = format_size(state["bytes"])
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(f"This frees up to {size} on the disk. It is built anew when it is next asked.")
        if st.button("Remove it", type="primary", key=f"remove-{state['environment']}"):
            with st.spinner(f"Removing {state['label']}"):
                current_jobs().remove_environments([state["environment"]])
            st.rerun()


def show_answers(job: Job) -> None:
    """Show copies beside environments, as far as a job has come: the verdict of each, and how it came about."""
    found: dict[str, ElsewhereRow] = job.result.get("rows") or job.detail.get("cells") or {}
    rows = dict(sorted(found.items(), key=lambda each: format_order(each[1]["format"])))
    built = job.result.get("environments") or job.detail.get("environments") or {}
    for key, row in built.items():
        if "error" in row:
            show_error(row["error"], title=label_asked(key))
    if not any(row["cells"] or row["error"] for row in rows.values()):
        return
    labels = short_labels(list(rows), _read_artifacts(rows))
    _show_table(rows, labels, [key for key in built if any(key in row["cells"] for row in rows.values())])
    for id_, row in rows.items():
        _show_copy(id_, labels[id_], row)


def _read_artifacts(ids: Iterable[str]) -> dict[str, Artifact]:
    """Return the records of copies by id; what cannot be read, or was removed meanwhile, is left out."""
    library, artifacts = current_jobs().library, {}
    for id_ in ids:
        with contextlib.suppress(RoundtripError):
            artifacts[id_] = library.artifact(id_)
    return artifacts


def _show_table(rows: dict[str, ElsewhereRow], labels: dict[str, str], keys: list[str]) -> None:
    table: dict[str, list[str]] = {"Copy": [labels[id_] for id_ in rows]}
    table["Here"] = [_symbol(Verdict(row["here"])) for row in rows.values()]
    for key in keys:
        table[label_asked(key)] = [
            _symbol(Verdict(row["cells"][key]["verdict"])) if key in row["cells"] else NOTHING for row in rows.values()
        ]
    show_wrapped_table(table, "For each copy its verdict in each environment")
    st.caption(
        "Each compared with the model's own answers to the rows of its proof kit. ✓ the same, or rounding only · ≈ the "
        "same answers · ≠ some changed · ✗ other answers, or none · ? not verified · – not a format that it takes."
    )


def _symbol(verdict: Verdict) -> str:
    return f"{SYMBOLS.get(verdict, '?')} {verdict.label}"


def _summarize(outcomes: list[ElsewhereOutcome]) -> str:
    """Say in how many environments the answers are others, and in how many nothing was found out."""
    unlike, unverified = (sum(getattr(each, which) for each in outcomes) for which in ("is_unlike", "is_unverified"))
    if not outcomes:
        return "not asked"
    total = pluralize(len(outcomes), "environment")
    parts = [f"not the same in {unlike} of {total}"] * bool(unlike)
    parts += [f"not verified in {unverified} of {total}"] * bool(unverified)
    return ", ".join(parts) or "the same answers everywhere"


def _show_copy(id_: str, label: str, row: ElsewhereRow) -> None:
    outcomes = [read_outcome(cell) for cell in row["cells"].values()]
    # Its key keeps it unfolded while a running job changes the label.
    with st.expander(f"**{label}** · {_summarize(outcomes)}", icon=":material/description:", key=f"elsewhere-{id_}"):
        if row["error"]:
            show_error(row["error"])
        asked = {outcome.environment: outcome for outcome in outcomes}
        if words := describe_machines_asked(asked, MachineVerdict(HERE, Verdict(row["here"]))):
            st.markdown(f":material/memory: {escape_markdown(words)}")
        for outcome in outcomes:
            _show_outcome(outcome)


def _show_outcome(outcome: ElsewhereOutcome) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape_markdown(label_asked(outcome.environment))}**", width="content")
            verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
        if outcome.error:
            show_error(outcome.error)
        elif outcome.cause:
            st.markdown(escape_markdown(outcome.cause))
        if outcome.lock_note:
            st.warning(outcome.lock_note, icon=":material/history:")
        facts = [f"{name} {number}" for name, number in outcome.versions.items() if number]
        facts += [f"{stage} {format_duration(seconds)}" for stage, seconds in outcome.seconds.items()]
        facts += [f"packages: {name_lock(outcome.lock)}"] if outcome.lock else []
        facts += [outcome.machine.words] if outcome.machine else []
        st.caption(escape_markdown(" · ".join([*facts, *outcome.notes])))
