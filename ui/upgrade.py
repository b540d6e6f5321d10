"""Parts of the Upgrade page: the models, the two environments, and what became of each model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from core.environments.base import Environment
from core.environments.own import HERE
from core.errors import RoundtripError
from core.jobs.bisect import describe_bisect
from core.jobs.elsewhere import list_readable_copies, read_outcome
from core.jobs.upgrade import read_rows
from core.jobs.uploads import store_models
from core.library.job_store import Job
from core.report.upgrade_report import render_upgrade_html, render_upgrade_json
from core.text.labels import pluralize, short_labels, verdict_label
from core.text.numbers import format_duration, format_size
from core.upgrade.rows import Cure, Status, UpgradeRow
from core.upgrade.sides import list_sides
from core.upgrade.summary import summarize_upgrade
from ui.components import describe_runs, escape_markdown, show_error
from ui.job_progress import job_from_query
from ui.query_params import bind_select
from ui.session import current_jobs

UPGRADE_BUTTON, BISECT_BUTTON = "check-upgrade", "find-release"
BUTTONS = (UPGRADE_BUTTON, BISECT_BUTTON)
SYMBOLS = {Status.ALIKE: "✓", Status.CHANGED: "≠", Status.DOES_NOT_LOAD: "✗"}
MAX_DOWNLOAD_BYTES = 100 * 10**6  # of a cured file that the page holds; of larger ones the command line writes


class ChosenModels(NamedTuple):
    """Uploaded files, or copies of the library by their ids."""

    files: list[Any]
    copies: list[str]

    @property
    def is_filled(self) -> bool:
        return bool(self.files or self.copies)

    @property
    def total(self) -> int:
        return len(self.files) + len(self.copies)


def find_job() -> Job | None:
    """Return the job that the address names, or one that runs."""
    named = st.query_params.get("job")
    if named and current_jobs().job_store.read(named).kind == "bisect":
        return job_from_query("bisect", BUTTONS)
    return job_from_query("upgrade", BUTTONS) or job_from_query("bisect", BUTTONS)


def choose_models() -> ChosenModels:
    """Show where models come from: files, or copies of a run."""
    from_files, from_library = st.tabs(["Files", "Copies of the library"])
    with from_files:
        files = st.file_uploader("Models", None, accept_multiple_files=True, key="upgraded")
        st.caption(
            "Models of any kind, or a .zip of a folder of them. Weights need their architecture (.json) of the same "
            "name. They are checked as imports are, run in a sandbox only, and not kept. A folder: `roundtrip upgrade`."
        )
    with from_library:
        copies = _choose_copies()
    return ChosenModels(list(files or []), copies)


def _choose_copies() -> list[str]:
    library = current_jobs().library
    runs = {run.id: run for run in library.runs() if run.has_been_run and library.artifacts_of(run.id)}
    if not runs:
        st.caption("There is no copy in the library yet.")
        return []
    labels = describe_runs(library, runs.values())
    run = st.selectbox("Run", **bind_select("run", list(runs), clears=("copy",)), format_func=labels.__getitem__)
    readable = {copy.id: copy for copy in list_readable_copies(library, run)}
    names = short_labels(list(readable), readable)
    return st.multiselect("Copies", **bind_select("copy", list(readable), many=True), format_func=names.__getitem__)


def choose_sides(job: Job | None) -> tuple[str, str]:
    """Return the keys of the environments of before and after; those of a job where the address names none."""
    for name, which in (("from", "source"), ("to", "target")):
        if job and name not in st.query_params:
            st.query_params[name] = job.request[which]
    sides = {side.key: side for side in list_sides() if _is_offered(side)}
    before = [key for key, side in sides.items() if side.describes]
    left, right = st.columns(2)
    with left:
        source = st.selectbox("Before", **bind_select("from", before, clears=("job",)), format_func=_name)
    after = [key for key, side in sides.items() if key != source and side.opens & sides[source].opens]
    after.sort(key=lambda key: "keras" not in sides[key].opens)  # releases of Keras first
    with right:
        target = st.selectbox("After", **bind_select("to", after, clears=("job",)), format_func=_name)
    return source, target


def _is_offered(side: Environment) -> bool:
    """Whether it is built, or the one who looks may build it."""
    return current_jobs().library.access.viewer_id is None or not _bytes_to_build(side.key)


def _bytes_to_build(key: str) -> int:
    """How much an environment will take on the disk, in bytes; 0 where it is there."""
    states = {state["environment"]: state for state in current_jobs().list_environments()}
    return 0 if key == HERE or states[key]["bytes"] else states[key]["megabytes"] * 10**6


def _label(key: str) -> str:
    return next((side.label for side in list_sides() if side.key == key), key)


def _name(key: str) -> str:
    size = _bytes_to_build(key)
    return f"{_label(key)} (to build, {format_size(size)})" if size else _label(key)


def show_sides_costs(*keys: str) -> None:
    """Say what building will take, before anything is fetched."""
    sizes = [size for key in keys if (size := _bytes_to_build(key))]
    if sizes:
        st.caption(
            f"{pluralize(len(sizes), 'environment')} will be built first: {format_size(sum(sizes))} on the disk. "
            "Packages come from the package index that uv or pip is set to; nothing of your models is sent."
        )


def start_upgrade(chosen: ChosenModels, source: str, target: str) -> Job | None:
    """Start asking all models; None where the files were refused, which is said."""
    return _start(chosen, lambda **models: current_jobs().check_upgrade(source, target, **models))


def start_bisect(chosen: ChosenModels, source: str, target: str) -> Job | None:
    """Start the search for the release that breaks one model; None where that was refused, which is said."""
    return _start(chosen, lambda **models: current_jobs().bisect(source, target, **models))


def _start(chosen: ChosenModels, start: Callable[..., Job]) -> Job | None:
    try:
        if not chosen.files:
            return start(copies=chosen.copies)
        stored = store_models(current_jobs().library, [(file.name, file) for file in chosen.files])
        folder = stored.temporary_folder
        return start(path=stored.path, name=stored.name, copies=chosen.copies, temporary_folder=folder)
    except RoundtripError as error:
        show_error(error)
        return None


def show_upgrade(job: Job) -> None:
    """Show what became of each model, as far as the job has come, and at its end the reports."""
    rows = read_rows(job.result.get("rows") or job.detail.get("rows") or [])
    if not rows:
        return
    st.subheader(f"{_label(job.request['source'])} → {_label(job.request['target'])}", anchor=False)
    asked = job.detail.get("asked", 0)
    if not job.result and asked > len(rows):
        st.caption(f"The last {len(rows):,} of {asked:,} models that were asked so far.")
    else:
        st.markdown(escape_markdown(summarize_upgrade(rows)))
    _show_table(rows)
    if job.state == "done":
        _show_reports(job)
    for row in rows:
        _show_row(job, row)


def _show_table(rows: list[UpgradeRow]) -> None:
    table = {
        "Model": [row.name for row in rows],
        "After": [f"{SYMBOLS.get(row.status, '?')} {row.label}" for row in rows],
        "Cure": [_name_cure(row) for row in rows],
        "Cause": [row.cause or "–" for row in rows],
    }
    pinned = {"Model": st.column_config.Column(pinned=True)}
    st.dataframe(pd.DataFrame(table), hide_index=True, column_config=pinned, alt="What became of each model")


def _name_cure(row: UpgradeRow) -> str:
    if row.proven_cure:
        return "proven there"
    if row.status is Status.CHANGED and row.cures:
        return "state the difference"
    return "none found" if row.status is Status.DOES_NOT_LOAD else "–"


def _show_reports(job: Job) -> None:
    result: Any = job.result
    with st.container(horizontal=True):
        for kind, text, mime in (
            ("HTML", render_upgrade_html(result), "text/html"),
            ("JSON", render_upgrade_json(result), "application/json"),
        ):
            st.download_button(
                f"Report as {kind}",
                text,
                f"upgrade.{kind.lower()}",
                mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"upgrade-report-{kind}",
            )


def _show_row(job: Job, row: UpgradeRow) -> None:
    # Its key keeps it unfolded while a running job changes the label.
    label = f"**{escape_markdown(row.name)}** · {escape_markdown(row.label)}"
    with st.expander(label, icon=":material/description:", key=f"upgrade-{row.name}"):
        if row.error:
            show_error(row.error)
        elif row.cause:
            st.markdown(escape_markdown(row.cause))
        for cure in row.cures:
            _show_cure(job, row, cure)
        if row.note:
            st.warning(escape_markdown(row.note), icon=":material/info:")
        st.caption(escape_markdown(" · ".join(_facts(row))))


def _facts(row: UpgradeRow) -> list[str]:
    facts = [row.format, format_size(row.bytes)] if row.format else []
    facts += [f"{pluralize(row.rows, 'row')} asked"] if row.rows else []
    facts += ["asked before, not again"] if row.is_reused else [format_duration(row.seconds)]
    versions = row.outcome.versions if row.outcome else {}
    return [*facts, *(f"{name} {number}" for name, number in versions.items() if number)]


def _show_cure(job: Job, row: UpgradeRow, cure: Cure) -> None:
    sentence = escape_markdown(cure.sentence)
    if cure.is_proven:
        st.success(f"**Cured, and proven there.** {sentence}", icon=":material/check_circle:")
        _show_cured_file(job, row)
    elif cure.error:
        st.caption(f"Tried, without success: {sentence} {escape_markdown(cure.error['sentence'])}")
    else:
        st.info(sentence, icon=":material/lightbulb:")


def _show_cured_file(job: Job, row: UpgradeRow) -> None:
    path = current_jobs().find_cured_file(job.id, row.name) if job.state == "done" else None
    if path is None:
        return
    if path.is_dir() or path.stat().st_size > MAX_DOWNLOAD_BYTES:
        st.caption("What was cured is written by the command line: `roundtrip upgrade … --cured FOLDER`.")
        return
    name = f"{Path(row.name).name}-{path.name}"
    content = path.read_bytes()
    st.download_button(
        f"Download {name}", content, name, icon=":material/download:", on_click="ignore", key=f"cured-{row.name}"
    )


def show_bisect(job: Job) -> None:
    """Show which releases were asked, and at the end which is the first that answers otherwise."""
    steps = job.result.get("steps") or job.detail.get("steps") or []
    result: Any = job.result
    if job.state == "done":
        st.subheader(escape_markdown(describe_bisect(result)), anchor=False)
    if not steps:
        return
    outcomes = [read_outcome(step["outcome"]) for step in steps]
    table = {
        "Release": [step["label"] for step in steps],
        "There": [
            f"{SYMBOLS.get(Status(step['status']), '?')} "
            + verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
            for step, outcome in zip(steps, outcomes, strict=True)
        ],
        "Cause": [step["cause"] or "–" for step in steps],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, alt="The releases that were asked, in that order")
    st.caption(
        "Searched by halves: what answers otherwise once is taken to answer otherwise from there on. "
        f"Expected is what {escape_markdown(_label(job.request['source']))} answers."
    )
