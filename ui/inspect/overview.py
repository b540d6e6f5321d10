"""Overview, files, graph.

The Inspect page: which artifact, what is known of it in a line, and a tab for each thing that can be seen in it.

The graph of an artifact, drawn by netron inside the page, from our own server.
"""

from collections.abc import Callable, Iterator

import streamlit as st

from core.compare import Verdict
from core.errors import FormatError, RoundtripError
from core.formats import get_format
from core.formats.base import Format
from core.introspection.describe import PartDescription, describe_part
from core.library.records import Artifact, Run
from core.text.labels import format_size, format_timestamp, pluralize
from ui.artifact_detail import show_lineage, show_not_run
from ui.artifact_picker import ArtifactChoices, choose_artifact, warn_missing
from ui.components import escape_markdown, show_error, verdict_badge
from ui.inspect.progress import run_with_progress
from ui.routes.graph_viewer import NOT_DRAWABLE_REASONS, choose_graph_file, graph_token
from ui.routes.urls import graph_viewer_url
from ui.session import current_jobs

NO_ARTIFACT = ""
PART_PROGRESS_TITLES = {
    "signatures": "Reading signatures",
    "layers": "Reading layers",
    "config": "Reading the configuration",
    "operators": "Reading operations",
    "tensors": "Reading every tensor",
}


def choose_one_or_two(choices: ArtifactChoices) -> tuple[str, str]:
    """The artifact to look into, and the one beside it; both stand in the address, empty where none is chosen."""
    warn_missing(choices.missing)
    left, right = st.columns(2)
    with left:
        first = choose_artifact(choices, "Artifact", "artifact", {NO_ARTIFACT: "Choose one to look into"})
    with right:
        second = choose_artifact(
            choices,
            "Beside it",
            "beside",
            {NO_ARTIFACT: "Nothing: look into one alone"},
            excluded=[first],
            help="Choose another artifact to see where the two differ: in layers, weights, signatures, text, files.",
            disabled=not first,
        )
    return first, second if first else NO_ARTIFACT


def load_part(artifact_id: str, part: str) -> PartDescription | None:
    """A part of what the files tell; None, after it was said why, where it was cancelled or cannot be read."""
    try:
        return run_with_progress(
            f"{artifact_id}-{part}",
            PART_PROGRESS_TITLES[part],
            lambda hear, cancelled: describe_part(current_jobs(), artifact_id, part, hear, cancelled),
        )
    except FormatError as error:
        show_error(error, "This cannot be looked into")
        return None


def show_overview(artifact: Artifact, run: Run) -> None:
    """The verdict, the facts in a line each, where it comes from, and what wrote it."""
    st.caption("What this copy is, where it came from, and what a reload of it showed.")
    left, right = st.columns(2, gap="large")
    with left:
        _show_verdict(artifact.id)
        for name, words in _artifact_facts(artifact, run):
            st.markdown(f"**{name}**  \n{escape_markdown(words)}")
        if artifact.version_changes:
            st.warning(escape_markdown(artifact.version_changes), icon=":material/history:")
    with right:
        show_lineage(artifact.id)


def _artifact_facts(artifact: Artifact, run: Run) -> Iterator[tuple[str, str]]:
    one, brought = get_format(artifact.format), artifact.id == run.brought.get("artifact")
    yield "Format", f"{one.label}: {one.layout}. {one.good_for}"
    yield "Size", f"{format_size(artifact.bytes)} in {pluralize(len(artifact.files), 'file')}"
    if brought:
        yield "Brought in", f"{format_timestamp(artifact.created)}, as {run.brought.get('file') or 'a file'}"
    else:
        yield "Saved", f"{format_timestamp(artifact.created)}, with {_writer_versions(artifact, one)}"
    if artifact.options:
        yield "Options", ", ".join(f"{name} = {value}" for name, value in artifact.options.items())
    if run.brought:
        yield "How it is asked", run.brought.get("remark") or "as any copy of its format"
    if brought and run.brought.get("sha256"):
        yield "SHA-256 of what was brought in", run.brought["sha256"]


def _show_verdict(artifact_id: str) -> None:
    try:
        best = current_jobs().library.evidence(artifact_id).best
    except RoundtripError as error:
        show_error(error)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        verdict_badge(best.verdict, best.changed_rows, best.rows, best.error)
        if best.weights:
            st.markdown(f"{best.weights.found} of {best.weights.of} weights of the run, bit for bit", width="content")
    if best.verdict is Verdict.NOT_RUN:
        show_not_run(artifact_id, best.error)


def _writer_versions(artifact: Artifact, format_: Format) -> str:
    """The versions of what had a part in writing this format."""
    shown = ("tensorflow", "keras", *format_.packages.values(), "python")
    return ", ".join(f"{name} {artifact.versions[name]}" for name in dict.fromkeys(shown) if name in artifact.versions)


def show_files(artifact: Artifact) -> None:
    """Every file of the record, with size and hash."""
    st.caption("The files as they lie on the disk. The hash tells any other tool whether it has the very same bytes.")
    rows = sorted(artifact.files, key=lambda one: one.path)
    st.dataframe(
        {
            "File": [one.path for one in rows],
            "Size": [one.bytes for one in rows],
            "SHA-256": [one.sha256 for one in rows],
        },
        hide_index=True,
        alt="Files with sizes and hashes",
        column_config={
            "File": st.column_config.TextColumn(width="medium"),
            "Size": st.column_config.NumberColumn(format="bytes", width="small"),
            "SHA-256": st.column_config.TextColumn(
                help="A fingerprint of the bytes: change one bit, and it is another.", width="large"
            ),
        },
    )


def show_tabs(views: dict[str, Callable[[], None]]) -> None:
    """Tabs of which only the open one is computed; which one stands in the address. An error is shown in its tab."""
    for tab, show in zip(
        st.tabs(list(views), key="part", bind="query-params", on_change="rerun"), views.values(), strict=True
    ):
        if tab.open:
            with tab:
                try:
                    show()
                except RoundtripError as error:  # what stands around it must still be drawn
                    show_error(error)


GRAPH_HEIGHT = 640


def show_graph(artifact: Artifact) -> None:
    st.caption(
        "How values flow from the inputs, at the top, to the answers. Drag to move, scroll to zoom, click a box for "
        "its details."
    )
    shown = choose_graph_file(artifact.format, [one.path for one in artifact.files])
    if shown is None:
        words = NOT_DRAWABLE_REASONS.get(
            artifact.format, "The viewer knows no file of this kind, so there is nothing to draw."
        )
        st.info(escape_markdown(words), icon=":material/info:")
        return
    st.iframe(
        graph_viewer_url(artifact.id, graph_token(artifact.id)), height=GRAPH_HEIGHT, alt="The graph of the model"
    )
    st.caption(
        f"Drawn from {escape_markdown(shown)} by netron, which runs in a closed-off frame and asks for nothing "
        f"outside of this "
        "machine."
    )
