"""The one office of the server: its library, its worker and its jobs, as whoever asks may see them. Caching only; the
work is done in core.

What is cached here and elsewhere is cached for all: who asks for it is looked at before.

What the Bring in page shows: what is taken, the files, what was checked, and what came of it.

What a person says of an artifact: name, tags, note, aliases, pin; and where it comes from.

Save page.

What can be taken along of one artifact beside its files: a proof kit, and a folder for TensorFlow Serving.

What the Save page shows: formats to choose from, how each is doing, and what lies on the disk afterwards.
"""

import inspect
from pathlib import Path
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.errors import InputError, error_from_json
from core.exports.tf_serving import is_servable, normalize_serving_name, parse_serving_version
from core.formats import all_formats
from core.formats.base import Format
from core.library import Artifact
from core.library.lineage import Lineage, LineageStep, trace_lineage
from core.text.labels import format_duration, format_size, format_timestamp
from ui.components import demo_label, escape_markdown, show_error, verdict_badge
from ui.navigation import go
from ui.routes import download_url, kit_url, serving_url
from ui.session import current_jobs
from ui.sign_in import show_sharing
from ui.size_breakdown import show_size_breakdown


@st.cache_data(show_spinner=False, max_entries=256)
def file_tree(folder: Path, entries: tuple[tuple[str, int], ...]) -> str:
    """The files of an artifact as a tree, with their sizes."""
    lines = [f"{folder.name}/"]
    seen: set[str] = set()
    for path, count in entries:
        *parents, name = path.split("/")
        for depth, parent in enumerate(parents):
            if (key := "/".join(parents[: depth + 1])) not in seen:
                seen.add(key)
                lines.append(f"{'    ' * (depth + 1)}{parent}/")
        lines.append(f"{'    ' * (len(parents) + 1)}{name:<{44 - 4 * len(parents)}}{format_size(count):>10}")
    return "\n".join(lines)


RUN_NOW_HELP = (
    "Where the sandbox works by now, it is looked into, loaded and asked. It keeps its tags, note and aliases."
)


def show_not_run(artifact_id: str, error: dict[str, str]) -> None:
    """That a file was only kept, and why; the next clicks are to run it, where that is possible by now, and to take
    it."""
    said = error_from_json(error)
    st.warning(
        escape_markdown(f"{said.sentence} It was checked and kept, and you can download it."),
        icon=":material/pause_circle:",
    )
    st.caption(escape_markdown(said.cure))
    with st.container(horizontal=True):
        if st.button("Run it now", icon=":material/play_arrow:", key=f"run-{artifact_id}", help=RUN_NOW_HELP):
            go("bring-in", job=current_jobs().reimport_model(artifact_id).id)
        st.link_button("Download", download_url([artifact_id]), icon=":material/download:")


MAX_OPEN_STEPS = 3  # copies made from one that are listed in the open


def show_lineage(id_: str) -> None:
    """From what an artifact was made, back to its run; and what was made from it."""
    found = trace_lineage(current_jobs().library, id_)
    st.markdown("**Where it comes from**")
    if found.problem:
        st.warning(escape_markdown(found.problem), icon=":material/broken_image:")
    lines = [_origin_text(found), *(_step_text("Converted from", one) for one in reversed(found.made_from))]
    made = [_step_text("Made into", one) for one in found.made_into]
    st.markdown("\n".join(f"- {line}" for line in [*lines, *(made if len(made) <= MAX_OPEN_STEPS else [])] if line))
    if len(made) > MAX_OPEN_STEPS:
        with st.expander(f"Made into {len(made):,} others"):
            st.markdown("\n".join(f"- {line}" for line in made))
    if found.origin and found.origin.settings:
        with st.expander("The settings of the training"):
            st.table({name.replace("_", " "): escape_markdown(str(one)) for name, one in found.origin.settings.items()})
    came = found.origin and found.origin.brought and not found.made_from
    with st.expander("The versions here when it was brought in" if came else "The versions that wrote it"):
        st.table(_version_table(found))


def _origin_text(lineage_: Lineage) -> str:
    run = lineage_.origin
    if not run:
        return ""
    if run.brought:
        how = f"brought in as {escape_markdown(str(run.brought.get('file', 'a file')))}"
    else:
        how = f"trained from the demo “{escape_markdown(demo_label(run.demo))}”" if run.demo else "added from a program"
    return f"Run “{escape_markdown(run.name)}” ({run.run}), {how}, {format_timestamp(run.created)}"


def _step_text(relation: str, step: LineageStep) -> str:
    more = f", {step.state}" if step.state != "kept" else ""
    labels = {known.key: known.label for known in all_formats()}
    made = labels.get(step.format or "", step.format or "an artifact")
    return f"{relation} {escape_markdown(made)} ({escape_markdown(step.artifact)}){more}"


def _version_table(lineage_: Lineage) -> dict[str, Any]:
    return {name: escape_markdown(version) for name, version in lineage_.versions.items()}


KIT_HELP = (
    "A zip with this copy, a few lines of Python that load it, the packages that they need, inputs with the answers "
    "that must come, and verify.py, which says PASS or how far off. It runs anywhere, without Roundtrip."
)
SERVING_HELP = "The same files as NAME/VERSION/…, as a server of TensorFlow models expects to find them."


def show_exports(artifact: Artifact, format_: Format) -> None:
    """Buttons, each with what it gives; a kit is made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"taking-{artifact.id}"):
        if format_.kit:
            address = kit_url(artifact.id)
            st.link_button("Proof kit", address, icon=":material/verified_user:", help=KIT_HELP)
        if is_servable(format_.key):
            _show_tf_serving(artifact)


def _show_tf_serving(artifact: Artifact) -> None:
    with st.popover("For TensorFlow Serving", icon=":material/dns:", help=SERVING_HELP):
        name = st.text_input("Name of the model", "model", key=f"serving-name-{artifact.id}", max_chars=64)
        version = st.number_input("Version", 1, None, 1, key=f"serving-version-{artifact.id}")
        try:
            address = serving_url(artifact.id, normalize_serving_name(name), parse_serving_version(version))
        except InputError as error:
            show_error(error)
            return
        st.link_button("Download as a zip", address, icon=":material/download:", type="primary")
        st.caption(
            f"In it: {escape_markdown(normalize_serving_name(name))}/{version}/saved_model.pb and all that belongs "
            f"to it."
        )


NOT_TRIED = "Not tried: the copy loads without it, and the model has no classes that it could miss."


def show_artifact_evidence(artifact_id: str, format_: Format) -> None:
    artifact, evidence = current_jobs().library.artifact(artifact_id), current_jobs().library.evidence(artifact_id)
    show_sharing(artifact_id)
    if unrun := evidence.best.verdict is Verdict.NOT_RUN:
        show_not_run(artifact_id, evidence.best.error)
    if format_.explains:
        st.markdown(escape_markdown(format_.explains))
    if artifact.version_changes:
        st.warning(escape_markdown(artifact.version_changes), icon=":material/history:")
    left, right = st.columns(2)
    with left:
        _show_reload_outcome("In a fresh process, without the original code", evidence.without_code)
    with right:
        if evidence.with_code:
            _show_reload_outcome("In a fresh process, with the model's code", evidence.with_code)
        else:
            with st.container(border=True, height="stretch"):
                st.markdown("**With the model's code**")
                st.caption("Not tried." if unrun else NOT_TRIED)
    st.markdown("**Files**")
    entries = tuple((entry.path, entry.bytes) for entry in artifact.files)
    st.code(file_tree(current_jobs().library.folder(artifact_id) / "files", entries), language=None)
    show_exports(artifact, format_)
    show_size_breakdown(artifact_id)
    _show_format_code(artifact, format_)


def _show_format_code(artifact: Artifact, format_: Format) -> None:
    """What saved it and what loads it; nothing here has saved what was brought in."""
    sides = [("The code that loads it again", format_.load)]
    if current_jobs().library.run(artifact.run).brought.get("artifact") != artifact.id:
        sides = [("The code that saved it", format_.save), *sides]
    for column, (title, function) in zip(st.columns(len(sides)), sides, strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.code(inspect.getsource(function))


def _show_reload_outcome(title: str, outcome: Any) -> None:
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
        lines = [
            f"Loaded in {format_duration(outcome.load_seconds)}, first answer after "
            f"{format_duration(outcome.first_seconds)}"
        ]
        for name, match in (("Weights", outcome.weights), ("Optimizer state", outcome.optimizer)):
            if match:
                lines.append(f"{name}: {match.found} of {match.of} tensors came back bit-equal")
        st.markdown("  \n".join(lines))
