"""Details of one artifact: its evidence, files, code, lineage and exports."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.demos import demo_label
from core.environments import get_environment
from core.errors import InputError
from core.evidence.records import ReloadOutcome
from core.exports.tf_serving import is_servable, normalize_serving_name, parse_serving_version
from core.formats import get_format, label_format
from core.formats.base import Format
from core.jobs.elsewhere_answers import list_kit_environments
from core.library import Artifact, Entry
from core.library.annotation_files import AliasChange
from core.library.lineage import Lineage, LineageStep, trace_lineage
from core.text.labels import format_timestamp, pluralize
from core.text.numbers import format_duration, format_size
from core.text.summaries import describe_batch, describe_places
from ui.adviser import show_adviser_of_run
from ui.components import escape_markdown, show_error, show_ids, trust_badge, verdict_badge
from ui.content_hash import content_facts
from ui.findings import show_verdict_and_losses
from ui.import_model import show_not_run
from ui.in_browser.copy_section import show_copy_in_browser
from ui.library.annotations import edit_annotations
from ui.library.table import INSPECT_PAGE
from ui.navigation import PAGES, go
from ui.opening_lines import show_opening_lines
from ui.routes import kit_url, serving_url
from ui.session import current_jobs
from ui.sharing import show_sharing
from ui.size_breakdown import show_size_breakdown

INDENT = "  "  # of a file in the tree, below its folder
MAX_OPEN_STEPS = 3  # copies made from an artifact that are listed outside of an expander
KIT_HELP = (
    "A zip with this copy, a few lines of Python that load it, the packages that they need, inputs with the answers "
    "that must come, and verify.py, which says PASS or how far off. It runs anywhere, without Roundtrip."
)
SERVING_HELP = "The same files as NAME/VERSION/…, as a server of TensorFlow models expects to find them."
NOT_TRIED = "Not tried: the copy loads without it, and the model has no classes that it could miss."


def show_artifact_evidence(artifact_id: str, format_: Format) -> None:
    """Show an artifact's reloads, how it is opened, its files, its exports, and the code that saved and loads it."""
    show_sharing(artifact_id)
    _show_reloads(artifact_id, format_)
    show_opening_lines(artifact_id)
    _show_contents(artifact_id, format_)


def _show_reloads(artifact_id: str, format_: Format) -> None:
    """Show what a format is about, and what came back of this copy."""
    library = current_jobs().library
    artifact, evidence = library.artifact(artifact_id), library.evidence(artifact_id)
    if not_run := evidence.best.verdict is Verdict.NOT_RUN:
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
                st.caption("Not tried." if not_run else NOT_TRIED)


def _show_contents(artifact_id: str, format_: Format) -> None:
    """Show the files of a copy, what can be taken from it, and the code that made it."""
    library = current_jobs().library
    artifact = library.artifact(artifact_id)
    st.markdown("**Files**")
    files = tuple((file.path, file.bytes) for file in artifact.files)
    st.code(file_tree(library.folder(artifact_id) / "files", files), language=None)
    for name, value in content_facts(artifact):
        st.markdown(f"**{name}**  \n{escape_markdown(value)}")
    show_exports(artifact, format_)
    show_copy_in_browser(artifact)
    show_size_breakdown(artifact_id)
    _show_format_code(artifact, format_)


def _show_reload_outcome(title: str, outcome: ReloadOutcome) -> None:
    """Show one reload: the verdict first, then what came back and how long it took."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows)
        if outcome.verdict is Verdict.NOT_RUN:
            st.caption("Nothing has loaded it yet, so nothing is known of what would come back.")
            return
        if outcome.error:
            show_error(outcome.error)
            return
        load, first = (format_duration(seconds or 0.0) for seconds in (outcome.load_seconds, outcome.first_seconds))
        lines = [escape_markdown(f"Loaded in {load}, first answer after {first}")]
        for name, match in (("Weights", outcome.weights), ("Optimizer state", outcome.optimizer)):
            if match:
                lines.append(f"{name}: {match.found} of {match.of} tensors came back bit-equal")
        sentences = [describe_batch(outcome.model_dump()), describe_places(outcome.places), *outcome.left_out]
        st.markdown("  \n".join([*lines, *map(escape_markdown, filter(None, sentences))]))


@st.cache_data(show_spinner=False, max_entries=256)
def file_tree(folder: Path, entries: tuple[tuple[str, int], ...]) -> str:
    """Return the files of an artifact, (path, bytes) each, as a tree; sizes stand close by, for narrow windows."""
    lines: dict[str, tuple[str, str]] = {"": (f"{folder.name}/", "")}
    for path, count in entries:
        *parents, name = path.split("/")
        for depth, parent in enumerate(parents, 1):
            lines.setdefault("/".join(parents[:depth]), (f"{INDENT * depth}{parent}/", ""))
        lines[path] = (f"{INDENT * (len(parents) + 1)}{name}", format_size(count))
    width = max(len(line) for line, _ in lines.values())
    return "\n".join(f"{line:<{width}}{size:>10}".rstrip() for line, size in lines.values())


def _show_format_code(artifact: Artifact, format_: Format) -> None:
    """Show Roundtrip's code that saved an artifact and that loads it; an imported one was not saved here."""
    st.markdown("**Roundtrip’s own source**")
    sides: list[tuple[str, Callable[..., Any]]] = [("The code that loads it again", format_.load)]
    if current_jobs().library.run(artifact.run).brought.get("artifact") != artifact.id:
        sides.insert(0, ("The code that saved it", format_.save))
    for column, (title, function) in zip(st.columns(len(sides)), sides, strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.code(inspect.getsource(function))
    if format_.environment:
        st.markdown(f"**What runs in the environment {escape_markdown(format_.environment.label)}**")
        st.code(format_.environment.script_path.read_text(encoding="utf-8"))


def show_exports(artifact: Artifact, format_: Format) -> None:
    """Show a button for each export; a proof kit is made when it is requested."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"taking-{artifact.id}"):
        if format_.kit:
            st.link_button("Proof kit", kit_url(artifact.id), icon=":material/verified_user:", help=KIT_HELP)
            _show_kit_with_answers(artifact)
        if is_servable(format_.key):
            _show_tf_serving(artifact)


def _show_kit_with_answers(artifact: Artifact) -> None:
    """Show a button for the kit with what environments answered; nothing where none did under the locks of today."""
    if keys := list_kit_environments(current_jobs().job_store, artifact):
        labels = ", ".join(get_environment(key).label for key in keys)
        st.link_button(
            f"Proof kit, with the answers of {pluralize(len(keys), 'environment')}",
            kit_url(artifact.id, with_answers=True),
            icon=":material/deployed_code:",
            help=escape_markdown(f"The same kit, and what this copy answered to its rows in {labels}."),
        )


def _show_tf_serving(artifact: Artifact) -> None:
    with st.popover("For TensorFlow Serving", icon=":material/dns:", help=SERVING_HELP):
        text = st.text_input("Name of the model", "model", key=f"serving-name-{artifact.id}", max_chars=64)
        version = st.number_input("Version", 1, None, 1, key=f"serving-version-{artifact.id}")
        try:
            name = normalize_serving_name(text)
            address = serving_url(artifact.id, name, parse_serving_version(version))
        except InputError as error:
            show_error(error)
            return
        st.link_button("Download as a zip", address, icon=":material/download:", type="primary")
        st.caption(f"In it: {escape_markdown(name)}/{version}/saved_model.pb and all that belongs to it.")


def show_lineage(id_: str) -> None:
    """Show what an artifact was made from, back to its run, and what was made from it."""
    lineage = trace_lineage(current_jobs().library, id_)
    st.markdown("**Where it comes from**")
    if lineage.problem:
        st.warning(escape_markdown(lineage.problem), icon=":material/broken_image:")
    steps = [_origin_text(lineage), *(_step_text("Converted from", step) for step in reversed(lineage.made_from))]
    made = [_step_text("Made into", step) for step in lineage.made_into]
    is_short = len(made) <= MAX_OPEN_STEPS
    st.markdown(_bullets([*steps, *made] if is_short else steps))
    if not is_short:
        with st.expander(f"Made into {len(made):,} others"):
            st.markdown(_bullets(made))
    if lineage.origin and lineage.origin.settings:
        with st.expander("The settings of the training"):
            settings = lineage.origin.settings.items()
            st.table({name.replace("_", " "): escape_markdown(str(value)) for name, value in settings})
    is_imported = lineage.origin and lineage.origin.brought and not lineage.made_from
    with st.expander("The versions here when it was imported" if is_imported else "The versions that wrote it"):
        st.table({name: escape_markdown(version) for name, version in lineage.versions.items()})


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines if line)


def _origin_text(lineage: Lineage) -> str:
    run = lineage.origin
    if not run:
        return ""
    if run.brought:
        origin = f"imported as {escape_markdown(str(run.brought.get('file', 'a file')))}"
    elif run.demo:
        origin = f"trained from the demo “{escape_markdown(demo_label(run.demo))}”"
    else:
        origin = "added from a program"
    return f"Run “{escape_markdown(run.name)}”, {origin}, {format_timestamp(run.created)}"


def _step_text(relation: str, step: LineageStep) -> str:
    state = f", {step.state}" if step.state != "kept" else ""
    label = label_format(step.format or "an artifact")
    made = f", {format_timestamp(step.created)}" if step.created else ""
    return f"{relation} {escape_markdown(label)}{made}{state}"


def show_artifact_detail(entry: Entry) -> None:
    """Show one artifact: what came back, how it is opened, its annotations, its lineage, its files, and its code."""
    if entry.problem:
        st.warning(escape_markdown(entry.problem), icon=":material/broken_image:")
        return
    format_ = get_format(entry.format or "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escape_markdown(f"{format_.label} · {format_size(entry.bytes)}"), anchor=False, width="content")
        _show_badges(entry)
        if INSPECT_PAGE in PAGES and st.button("Look inside", icon=":material/search:"):
            go(INSPECT_PAGE, artifact=entry.id)
        if st.button("Verify", icon=":material/fact_check:", help="Verify its files against their hashes."):
            go("health", job=current_jobs().verify([entry.id]).id)
    with st.container(horizontal=True, vertical_alignment="center"):
        run_name = current_jobs().library.run_names().get(entry.run or "", entry.run_name or "")
        st.caption(escape_markdown(run_name), width="content")
        show_ids({"Artifact": entry.id, "Run": entry.run or ""})
    show_sharing(entry.id)
    _show_reloads(entry.id, format_)
    show_opening_lines(entry.id)
    left, right = st.columns(2, gap="large")
    with left:
        edit_annotations(entry)
    with right:
        show_lineage(entry.id)
    if entry.run and entry.verdict != Verdict.NOT_RUN:
        show_adviser_of_run(entry.run)
    _show_contents(entry.id, format_)


def _show_badges(entry: Entry) -> None:
    show_verdict_and_losses(entry.id, str(entry.verdict))
    trust_badge(entry.trust or "ours")
    if entry.pinned:
        st.badge("pinned", icon=":material/keep:", color="blue", help="It cannot be removed until it is unpinned.")
    for alias in entry.aliases:
        help_ = describe_alias(entry.id, current_jobs().library.alias_history(alias))
        st.badge(escape_markdown(alias), icon=":material/arrow_forward:", color="violet", help=help_)


def describe_alias(artifact_id: str, changes: list[AliasChange]) -> str:
    """Since when an alias points to the artifact, who set it, and where it pointed before, as far as one may see."""
    if not changes or changes[0].artifact != artifact_id:
        return "An alias that points to it."
    latest = changes[0]
    since = f" since {format_timestamp(latest.created)}" if latest.created else ""
    set_by = f" {escape_markdown(latest.set_by)} set it." if latest.set_by else ""
    earlier = [f"`{change.artifact or 'nothing'}`" for change in changes[1:6]]
    before = f" Before that it pointed to {', then '.join(reversed(earlier))}." if earlier else ""
    return f"An alias that points to it{since}.{set_by}{before}"
