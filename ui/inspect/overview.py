"""Inspect page: the choice of artifacts, the tabs, and the views Overview, Files and Graph.

The graph is drawn by netron inside the page, from our own server.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError
from core.formats import get_format
from core.formats.base import Format
from core.library.records import Artifact, Run
from core.text.labels import format_timestamp, pluralize
from core.text.numbers import format_size
from ui.artifact_detail import show_lineage
from ui.components import escape_markdown, show_error
from ui.content_hash import content_facts
from ui.findings import show_verdict_and_losses
from ui.import_model import show_not_run
from ui.session import current_jobs


def show_overview(artifact: Artifact, run: Run) -> None:
    """Show the verdict of an artifact, its facts, a line for each, its lineage, and the versions that wrote it."""
    st.caption("What this copy is, where it came from, and what a reload of it showed.")
    left, right = st.columns(2, gap="large")
    with left:
        _show_verdict(artifact.id)
        for name, value in _artifact_facts(artifact, run):
            st.markdown(f"**{name}**  \n{escape_markdown(value)}")
        if artifact.version_changes:
            st.warning(escape_markdown(artifact.version_changes), icon=":material/history:")
    with right:
        show_lineage(artifact.id)


def _artifact_facts(artifact: Artifact, run: Run) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each fact that an artifact has."""
    format_, is_imported = get_format(artifact.format), artifact.id == run.brought.get("artifact")
    yield "Format", f"{format_.label}: {format_.layout}. {format_.good_for}"
    yield "Size", f"{format_size(artifact.bytes)} in {pluralize(len(artifact.files), 'file')}"
    if is_imported:
        yield "Imported", f"{format_timestamp(artifact.created)}, as {run.brought.get('file') or 'a file'}"
    else:
        yield "Saved", f"{format_timestamp(artifact.created)}, with {_writer_versions(artifact, format_)}"
    if artifact.options:
        yield "Options", "; ".join(f"{name}: {value}" for name, value in label_options(format_, artifact.options))
    if run.brought:
        yield "How it is asked", run.brought.get("remark") or "as any copy of its format"
    if is_imported and run.brought.get("sha256"):
        yield "SHA-256 of what was imported", run.brought["sha256"]
    yield from content_facts(artifact)


def label_options(format_: Format, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the label and the value of each option with which a copy was saved; of a former one its key."""
    labels = {option.key: option.label for option in format_.options}
    for key, value in options.items():
        yield labels.get(key, key), {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _show_verdict(artifact_id: str) -> None:
    try:
        best = current_jobs().library.evidence(artifact_id).best
    except RoundtripError as error:
        show_error(error)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        show_verdict_and_losses(artifact_id, best.verdict, best.changed_rows, best.rows, best.error, best.grade)
        if best.weights:
            st.markdown(f"{best.weights.found} of {best.weights.of} weights of the run, bit for bit", width="content")
    if best.verdict is Verdict.NOT_RUN:
        show_not_run(artifact_id, best.error)
    elif best.error:
        show_error(best.error)


def _writer_versions(artifact: Artifact, format_: Format) -> str:
    """Return the names and versions of the packages that write this format, as the artifact records them."""
    names = ("tensorflow", "keras", *format_.packages.values(), "python")
    return ", ".join(f"{name} {artifact.versions[name]}" for name in dict.fromkeys(names) if name in artifact.versions)
