"""The choice of what is swept: runs of the library, and formats, environments and machines, or an upgrade."""

from typing import Any, NamedTuple

import streamlit as st

from core.environments.machines import MACHINES
from core.environments.own import HERE
from core.errors import RoundtripError
from core.formats import all_formats
from core.jobs.environment_states import list_machines
from core.jobs.sweeps.sweep import Sweeps
from core.jobs.uploads import give_swept_models
from core.library import Run
from core.library.job_store import Job
from core.sweep.plan import ALL_RUNS, AS_IS, EXAMPLE, SweepPlan, make_plan
from core.sweep.size import SweepSize, describe_size
from core.text.numbers import format_size
from core.upgrade.sides import list_sides
from ui.components import describe_runs, escape_markdown, show_empty_state, show_error
from ui.query_params import KEY_PREFIX, bind_multiselect, bind_select
from ui.session import current_jobs
from ui.sweep.results import HERE_LABEL
from ui.uploader import ChosenFiles, choose_files, forget_files

FILES_KEY = "swept"
UPGRADE = "upgrade"
QUESTIONS = {"cells": "In formats and environments", UPGRADE: "Before and after an upgrade"}
MAX_TITLE = 80  # characters
FIELDS = {"models": "run", "formats": "format", "environments": "in", "machines": "machine"}  # with query parameters


def show_no_runs() -> None:
    """Say what is missing, and the next click."""
    text = "There is no run in the library to sweep yet. Give files below, import a model, or train a demo."
    show_empty_state(text, "Import a model", "import-model")


def show_example(is_expanded: bool) -> None:
    """Show a plan for the command line, which takes folders and buckets."""
    with st.expander("Folders and buckets, from the command line", icon=":material/terminal:", expanded=is_expanded):
        st.markdown(
            "Save this as `plan.toml` and run `roundtrip sweep plan.toml`. Its rows stand on this page, too, and the "
            "same command goes on where it was stopped."
        )
        st.code(EXAMPLE, language="toml", wrap_lines=True)


def take_plan_of(job: Job | None) -> None:
    """Put what a job sweeps into an address that says nothing of it."""
    if job is None or {*FIELDS.values(), "from", "to"} & {*st.query_params}:
        return
    recorded: dict[str, Any] = job.request["plan"]
    for field, name in FIELDS.items():
        if field in recorded and not (field == "models" and job.request["has_files"]):
            st.query_params[name] = recorded[field]
    if sides := recorded.get("upgrade"):
        st.query_params.update({"from": sides["from"], "to": sides["to"], "ask": UPGRADE})


class ChosenSweep(NamedTuple):
    """A plan, and the uploaded files that it goes over in place of runs."""

    plan: SweepPlan
    sent: ChosenFiles

    def measure(self) -> SweepSize:
        sweeps = Sweeps(current_jobs())
        if self.sent.files:
            return sweeps.measure_files(self.plan, {file.name: file.bytes for file in self.sent.files})
        return sweeps.measure(self.plan)

    def start(self, title: str) -> Job:
        """Start it. Raises InputError, StorageFailed."""
        sweeps = Sweeps(current_jobs())
        if not self.sent.files:
            return sweeps.start(self.plan, title=title)
        uploads = give_swept_models(current_jobs().library, self.sent.files)
        return sweeps.start_uploads(self.plan, uploads, title)


def choose_sweep(runs: dict[str, Run]) -> ChosenSweep | None:
    """Show the choices; returns what is to be swept, None while something is missing, which is said."""
    sent = _choose_files(is_expanded=not runs)
    models = _choose_runs(runs, is_disabled=bool(sent.files)) if runs else []
    binding = bind_select("ask", list(QUESTIONS))
    question = st.radio("Where each model is asked", **binding, format_func=QUESTIONS.__getitem__, horizontal=True)
    chosen: dict[str, Any] = {"upgrade": _choose_sides()} if question == UPGRADE else _choose_cells()
    if sent.pending or not (sent.files or models) or not all(chosen.values()):
        st.caption("Choose at least one run or file, and at least one in each of the other boxes.")
        return None
    try:
        return ChosenSweep(make_plan({"models": [file.name for file in sent.files] or models, **chosen}), sent)
    except RoundtripError as error:
        show_error(error)
        return None


def _choose_runs(runs: dict[str, Run], is_disabled: bool) -> list[str]:
    labels = {ALL_RUNS: "Every run", **describe_runs(current_jobs().library, runs.values())}
    binding = bind_multiselect("run", list(labels))
    style: dict[str, Any] = {"format_func": labels.__getitem__, "placeholder": "Choose runs"}
    return st.multiselect("Runs", **binding, **style, disabled=is_disabled)


def _choose_files(is_expanded: bool) -> ChosenFiles:
    with st.expander("Files in place of runs", icon=":material/upload_file:", expanded=is_expanded):
        sent = choose_files("Models", FILES_KEY)
        st.caption(
            "Models of any kind, or a .zip of a folder of them. They are imported first: checked, and run in a sandbox "
            "only. What the library has already is not imported again."
        )
    return sent


def _choose_cells() -> dict[str, list[str]]:
    formats = {AS_IS: "The copies that there are"}
    formats |= {each.key: each.label for each in all_formats() if not each.unavailable_reason}
    machines = {machine.key: machine.label for machine in list_machines(current_jobs())}
    _propose({"format": AS_IS, "in": HERE, "machine": MACHINES[0].key})
    return {
        "formats": _choose("Formats", "format", formats, "Copies that are missing are saved first."),
        "environments": _choose("Environments", "in", _name_environments(), "Those not built yet are built first."),
        "machines": _choose(
            "Machines",
            "machine",
            machines,
            "Fewer of this processor's instructions, or a worker of the team.",
        ),
    }


def _choose(label: str, name: str, labels: dict[str, str], help_: str) -> list[str]:
    binding = bind_multiselect(name, list(labels))
    style: dict[str, Any] = {"format_func": labels.__getitem__, "placeholder": f"Choose {label.lower()}"}
    return st.multiselect(label, **binding, **style, help=help_)


def _propose(defaults: dict[str, str]) -> None:
    """Put a first choice into an address that has none, on each visit: whoever clears a choice is proposed none."""
    for name, value in defaults.items():
        if name not in st.query_params and KEY_PREFIX + name not in st.session_state:
            st.query_params[name] = value


def _name_environments() -> dict[str, str]:
    """The environments that may be asked by their keys, with the size of those that are to be built."""
    is_signed_in = current_jobs().library.access.viewer_id is not None
    named = {HERE: HERE_LABEL}
    for state in current_jobs().list_environments():
        size = f" (to build, {format_size(state['megabytes'] * 10**6)})" if not state["bytes"] else ""
        if not (size and is_signed_in):
            named[state["environment"]] = state["label"] + size
    return named


def _choose_sides() -> dict[str, str]:
    named = _name_environments()
    sides = {side.key: side.label for side in list_sides() if side.key in named}
    before = [side.key for side in list_sides() if side.key in named and side.describes]
    source = st.selectbox("Before", **bind_select("from", before), format_func=sides.__getitem__)
    after = [key for key in sides if key != source]
    target = st.selectbox("After", **bind_select("to", after), format_func=sides.__getitem__) if after else ""
    return {"from": source, "to": target} if target else {}


def show_size(chosen: ChosenSweep) -> SweepSize | None:
    """Say how much it is, before anything is done; None where that cannot be told, which is said."""
    try:
        size = chosen.measure()
    except RoundtripError as error:
        show_error(error)
        return None
    st.caption(escape_markdown(" ".join(describe_size(size))))
    return size


def start_sweep(chosen: ChosenSweep, runs: dict[str, Run]) -> Job | None:
    """Start it; None where the files were refused, which is said."""
    names = [runs[key].name if key in runs else key for key in chosen.plan.models]
    title = "Every run" if names == [ALL_RUNS] else ", ".join(names)[:MAX_TITLE]
    try:
        job = chosen.start(title)
        forget_files(FILES_KEY, chosen.sent)
        return job
    except RoundtripError as error:
        show_error(error)
        return None
