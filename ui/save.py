"""Save page.

What can be taken along of one artifact beside its files: a proof kit, and a folder for TensorFlow Serving.

What the Save page shows: formats to choose from, how each is doing, and what lies on the disk afterwards.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.errors import InputError, RoundtripError
from core.exports.tf_serving import is_served, serving_name, serving_version
from core.formats import get_format
from core.formats.base import PARTS, Format, Option
from core.library import Artifact, Run
from core.library.job_store import Job
from core.text.labels import duration, marked, moment, score, size
from ui.components import PARTS_MEAN, plain, show_error, verdict_badge
from ui.import_model import offer_to_run
from ui.routes import kit_address, serving_address
from ui.session import current_jobs, file_tree
from ui.sign_in import show_sharing
from ui.size_breakdown import show_content

KIT_HELP = (
    "A zip with this copy, a few lines of Python that load it, the packages that they need, inputs with the answers "
    "that must come, and verify.py, which says PASS or how far off. It runs anywhere, without Roundtrip."
)
SERVING_HELP = "The same files as NAME/VERSION/…, as a server of TensorFlow models expects to find them."


def show_taking(artifact: Artifact, one: Format) -> None:
    """Buttons, each with what it gives; a kit is made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"taking-{artifact.id}"):
        if one.kit:
            address = kit_address(artifact.id)
            st.link_button("Proof kit", address, icon=":material/verified_user:", help=KIT_HELP)
        if is_served(one.key):
            _serving(artifact)


def _serving(artifact: Artifact) -> None:
    with st.popover("For TensorFlow Serving", icon=":material/dns:", help=SERVING_HELP):
        name = st.text_input("Name of the model", "model", key=f"serving-name-{artifact.id}", max_chars=64)
        version = st.number_input("Version", 1, None, 1, key=f"serving-version-{artifact.id}")
        try:
            address = serving_address(artifact.id, serving_name(name), serving_version(version))
        except InputError as error:
            show_error(error)
            return
        st.link_button("Download as a zip", address, icon=":material/download:", type="primary")
        st.caption(f"In it: {plain(serving_name(name))}/{version}/saved_model.pb and all that belongs to it.")


# Everything, a graph, the old file, and the two halves of a model.
TO_BEGIN_WITH = ("keras", "saved_model", "h5", "weights", "architecture", "checkpoint")
NOT_TRIED = "Not tried: the copy loads without it, and the model has no classes that it could miss."
STATES = {
    "waiting": ":gray[:material/schedule: waiting]",
    "saving": ":blue[:material/edit_document: saving]",
    "reloading": ":blue[:material/restart_alt: reloading in a fresh process]",
    "stopped": ":gray[:material/stop_circle: stopped, and not kept]",
}


def describe_run(run: Run) -> str:
    """A run in one line: its name, its score, when."""
    known = [score(run.score_name, run.score)] if run.score is not None else []
    return " · ".join([marked(run.name, run), *known, moment(run.created)])


def choose_formats(run: Run, formats: Sequence[Format]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Cards with a box to tick; those that cannot take this model are disabled, with the reason."""
    possible = [one.key for one in formats if not one.refuses(run.kind, run.weight_bytes)]
    first = [key for key in TO_BEGIN_WITH if key in possible]
    with st.container(horizontal=True):
        st.button("Choose a few to begin with", icon=":material/star:", on_click=_tick, args=(run.id, first, True))
        st.button("Choose all", icon=":material/done_all:", on_click=_tick, args=(run.id, possible, True))
        st.button("Choose none", icon=":material/remove_done:", on_click=_tick, args=(run.id, possible, False))
    chosen, options = [], {}
    with st.grid(3, min_column_width=270):
        for one in formats:
            with st.container(border=True, height="stretch"):
                if _card(run, one):
                    chosen.append(one.key)
                    options[one.key] = {option.key: _ask(one, option) for option in one.options}
    return chosen, options


def _tick(run_id: str, keys: list[str], on: bool) -> None:
    for key in keys:
        st.session_state[f"format-{run_id}-{key}"] = on


def _card(run: Run, one: Format) -> bool:
    refusal = one.refuses(run.kind, run.weight_bytes)
    ticked = st.checkbox(
        f"**{one.label}**", key=f"format-{run.id}-{one.key}", disabled=bool(refusal), help=one.explains or None
    )
    if refusal:
        st.caption(f":material/block: {plain(refusal)}")
        return False
    st.caption(f"{one.good_for} It is {one.layout}.")
    with st.container(horizontal=True, gap="xsmall"):
        for part in PARTS:
            if part in one.keeps:
                st.badge(part, color="violet", help=f"Kept. {PARTS_MEAN[part]}")
    return ticked


def _ask(one: Format, option: Option) -> Any:
    key = f"option-{one.key}-{option.key}"
    if option.choices:
        at = option.choices.index(option.default)
        return st.selectbox(option.label, option.choices, index=at, key=key, help=option.help)
    if isinstance(option.default, bool):
        return st.toggle(option.label, option.default, key=key, help=option.help)
    kind = type(option.default)
    bounds = [None if bound is None else kind(bound) for bound in (option.least, option.most)]
    return st.number_input(option.label, *bounds, option.default, key=key, help=option.help)


def draw_rows(job: Job) -> None:
    """One line for each format: what is happening to it, or what came of it."""
    for key, row in job.rows.items():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{get_format(key).label}**", width=230)
            if row["state"] == "done":
                _done(row)
            elif row["state"] == "failed":
                with st.container():
                    show_error(row["error"])
            else:
                st.markdown(STATES[row["state"] if job.active else "stopped"], width="content")


def _done(row: dict[str, Any]) -> None:
    verdict_badge(row["verdict"], row["changed_rows"], row["rows"])
    if row["needs_code"]:
        st.badge(
            "needs its code", icon=":material/code:", color="gray", help="It loads only with the model's own code."
        )
    st.markdown(f"{size(row['bytes'])} · written in {duration(row['seconds'])}", width="content")
    if row.get("reason"):
        st.caption(plain(row["reason"]))
    if row.get("warning"):
        st.warning(plain(row["warning"]), icon=":material/warning:")


def show_artifacts(job: Job) -> None:
    """Per result: the reload without and with the code, the files, and the code that saves and loads."""
    for key, row in job.rows.items():
        if row["state"] != "done":
            continue
        one = get_format(key)
        with st.expander(
            f"{one.label}: files, code and evidence", icon=":material/folder_open:", on_change="rerun"
        ) as box:
            if box.open:
                try:
                    show_artifact(row["artifact"], one)
                except RoundtripError as error:  # removed or damaged since
                    show_error(error)


def show_artifact(artifact_id: str, one: Format) -> None:
    artifact, evidence = current_jobs().library.artifact(artifact_id), current_jobs().library.evidence(artifact_id)
    show_sharing(artifact_id)
    if unrun := evidence.best.verdict is Verdict.NOT_RUN:
        offer_to_run(artifact_id, evidence.best.error)
    if one.explains:
        st.markdown(plain(one.explains))
    if artifact.other_versions:
        st.warning(plain(artifact.other_versions), icon=":material/history:")
    left, right = st.columns(2)
    with left:
        _outcome("In a fresh process, without the original code", evidence.without_code)
    with right:
        if evidence.with_code:
            _outcome("In a fresh process, with the model's code", evidence.with_code)
        else:
            with st.container(border=True, height="stretch"):
                st.markdown("**With the model's code**")
                st.caption("Not tried." if unrun else NOT_TRIED)
    st.markdown("**Files**")
    entries = tuple((entry.path, entry.bytes) for entry in artifact.files)
    st.code(file_tree(current_jobs().library.folder(artifact_id) / "files", entries), language=None)
    show_taking(artifact, one)
    show_content(artifact_id)
    _code(artifact, one)


def _code(artifact: Artifact, one: Format) -> None:
    """What saved it and what loads it; nothing here has saved what was brought in."""
    sides = [("The code that loads it again", one.load)]
    if current_jobs().library.run(artifact.run).brought.get("artifact") != artifact.id:
        sides = [("The code that saved it", one.save), *sides]
    for column, (title, function) in zip(st.columns(len(sides)), sides, strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.code(inspect.getsource(function))


def _outcome(title: str, outcome: Any) -> None:
    """One reload: the verdict first, then what came back and how long it took."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows)
        if outcome.verdict is Verdict.NOT_RUN:
            st.caption("Nothing has loaded it yet, so nothing is known of what would come back.")
            return
        if outcome.error:
            show_error(outcome.error)
            return
        lines = [f"Loaded in {duration(outcome.load_seconds)}, first answer after {duration(outcome.first_seconds)}"]
        for name, match in (("Weights", outcome.weights), ("Optimizer state", outcome.optimizer)):
            if match:
                lines.append(f"{name}: {match.found} of {match.of} tensors came back bit-equal")
        st.markdown("  \n".join(lines))
