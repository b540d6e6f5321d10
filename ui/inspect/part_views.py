"""Views of what an artifact holds as text: signatures, layers, config, operators."""

import json
from typing import Any

import streamlit as st

from core.introspection.describe import PartDescription
from core.library.records import Artifact
from core.readers.base import Layer
from core.text.labels import format_shape, pluralize
from ui.components import escape_markdown, size_column
from ui.inspect.reading_progress import load_part
from ui.routes.graph_viewer import NOT_DRAWABLE_REASONS, choose_graph_file
from ui.routes.urls import graph_token, graph_viewer_url
from ui.terms import explain_headings

MAX_ROWS = 1_000  # rows of one table
SHAPE_HELP = (
    "How long each axis is. A question mark stands for any length, such as the number of rows; [] is one number."
)
PARAMETERS_HELP = "How many numbers the file holds for this layer."
TRAINABLE_HELP = "Whether training would move these weights. What is frozen stays as it is."
GRAPH_HEIGHT = 640  # pixels


def show_signatures(artifact_id: str) -> None:
    st.caption("Named entry points: what to give to the copy, and what it gives back. A program outside asks by these.")
    empty_text = "These files name no inputs and outputs: the program that loads them knows."
    description = _load_part_or_notice(artifact_id, "signatures", empty_text)
    if description is None:
        return
    for signature in description.content["signatures"]:
        with st.container(border=True):
            facts = [signature["method"], f"tags {signature['tags']}" if signature.get("tags") else ""]
            st.markdown(f"**{escape_markdown(signature['name'] or 'the whole graph')}**")
            st.caption(escape_markdown(" · ".join(filter(None, facts))))
            _show_signature_table(signature)
    if functions := description.content["functions"]:
        with st.expander(f"{pluralize(len(functions), 'function')} in the file"):
            st.caption("What each trace of a function takes and gives; a program that loads the file can call them.")
            _show_table(functions, {"Function": "name", "Takes": "takes", "Gives": "gives"}, "Functions")
    _show_facts(description.content["facts"])


def _show_signature_table(signature: dict[str, Any]) -> None:
    rows = [{"side": side[:-1], **port} for side in ("inputs", "outputs") for port in signature[side]]
    for row in rows:
        row["shape"] = format_shape(row["shape"])
    columns = {"": "side", "Name": "name", "Type": "dtype", "Shape": "shape", "Tensor": "tensor"}
    if any(row.get("note") for row in rows):
        columns["Quantised"] = "note"
    _show_table(rows, columns, "Inputs and outputs")


def show_layers(artifact_id: str) -> None:
    st.caption("The building blocks in order. Each takes what the one before it gives; its parameters were learned.")
    empty_text = (
        "There are no layers in these files: a graph of operations, or numbers alone. See Operators or Weights."
    )
    description = _load_part_or_notice(artifact_id, "layers", empty_text)
    if description is None:
        return
    layers = description.content
    rows = [_layer_row(layer) for layer in layers]
    total = sum(layer["parameters"] for layer in layers if "/" not in layer["name"])
    st.markdown(f"{pluralize(len(rows), 'layer')}, {pluralize(total, 'stored number')} in them.")
    columns = {"Layer": "name", "Class": "class", "Output shape": "shape", "Parameters": "parameters"}
    columns |= {"Trainable": "trainable", "Type": "dtype", "After": "after"}
    selected = _show_table(rows, columns, "Layers", widget_key="layers")
    if any(layer["custom"] for layer in layers):
        st.caption("Classes with a ✎ are the author's own: Keras needs their code to build them.")
    if selected is None:
        st.caption("Select a layer to see all of its settings.")
        return
    st.markdown(f"**Settings of {escape_markdown(layers[selected]['name'])}**")
    st.json(layers[selected]["config"], expanded=1)


TRAINABLE_LABELS: dict[bool | None, str] = {True: "yes", False: "no"}


def _layer_row(layer: Layer) -> dict[str, object]:
    shape = layer["output_shape"]
    is_flat = shape is not None and not any(isinstance(size, list | dict) for size in shape)
    return {
        **layer,
        "class": layer["class"] + (" ✎" if layer["custom"] else ""),
        "shape": "–" if shape is None else format_shape(shape) if is_flat else json.dumps(shape),
        "after": ", ".join(layer["after"]) or "–",
        "trainable": TRAINABLE_LABELS.get(layer["trainable"], "–"),
    }


def show_config(artifact_id: str) -> None:
    st.caption("The text in the files: settings of every layer, how it was to be trained, and which version wrote it.")
    description = _load_part_or_notice(artifact_id, "config", "There is no such text in these files.")
    if description is None:
        return
    documents = {name: document for name, document in description.content.items() if document}
    if not documents:
        st.info("The file has room for such text, and none stands there.", icon=":material/info:")
        return
    for name, document in documents.items():
        st.markdown(f"**{escape_markdown(name)}**")
        st.json(document, expanded=2 if len(json.dumps(document)) < 2_000 else 1)


def show_operators(artifact_id: str) -> None:
    st.caption("The single steps that are computed, and how often each occurs. A runtime must know every one of them.")
    empty_text = "There are no operations in these files: layers bring their own when they are built."
    description = _load_part_or_notice(artifact_id, "operators", empty_text)
    if description is None:
        return
    graph, counts = description.content, description.content["counts"]
    st.markdown(f"{pluralize(sum(counts.values()), 'operation')} of {pluralize(len(counts), 'kind')}.")
    left, right = st.columns([1, 2], gap="large")
    with left:
        rows = [{"op": name, "times": times} for name, times in counts.items()]
        _show_table(rows, {"Operation": "op", "Times": "times"}, "Operations by kind")
    with right:
        rows = [operator | {"from": ", ".join(operator["inputs"])} for operator in graph["operators"]]
        _show_table(rows, {"Operation": "op", "Name": "name", "In": "graph", "Reads": "from"}, "Operations in order")
    _show_graph_tensors(graph["tensors"])
    _show_facts(graph["facts"])


def _show_graph_tensors(tensors: list[dict[str, Any]]) -> None:
    if tensors:
        with st.expander(f"{pluralize(len(tensors), 'tensor')} of the graph"):
            rows = [tensor | {"shape": format_shape(tensor["shape"])} for tensor in tensors]
            columns = {"Tensor": "name", "Role": "role", "Type": "dtype", "Shape": "shape"}
            if any(row.get("note") for row in rows):
                st.caption("Scale and zero point: a stored integer q stands for (q − zero point) × scale.")
                columns["Quantised"] = "note"
            _show_table(rows, columns, "Tensors of the graph")


def _load_part_or_notice(artifact_id: str, part: str, empty_text: str) -> PartDescription | None:
    """Load a part and show its remarks; show `empty_text` and return None where the files hold no such part."""
    description = load_part(artifact_id, part)
    if description is None:
        return None
    if description.content is None:
        st.info(escape_markdown(empty_text), icon=":material/info:")
        return None
    if description.remarks:
        st.caption(escape_markdown(" ".join(description.remarks)))
    return description


def _show_facts(facts: dict[str, Any]) -> None:
    """Show a line for each fact; the values of a list are separated by commas."""
    for name, value in facts.items():
        text = ", ".join(map(_fact_text, value)) if isinstance(value, list) else _fact_text(value)
        st.markdown(f"**{escape_markdown(name)}** · {escape_markdown(text)}")


def _fact_text(value: Any) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_table(rows: list[dict[str, Any]], columns: dict[str, str], alt: str, widget_key: str = "") -> int | None:
    """Show a table whose `columns` map titles to keys of the rows.

    Returns the index of the selected row; None without a selection, or without a `widget_key`, which allows one.
    """
    values = {title: [row.get(key) for row in rows[:MAX_ROWS]] for title, key in columns.items()}
    config = {
        "Trainable": st.column_config.TextColumn(help=TRAINABLE_HELP),
        "Parameters": st.column_config.NumberColumn(help=PARAMETERS_HELP),
        "Shape": st.column_config.TextColumn(help=SHAPE_HELP),
        "Output shape": st.column_config.TextColumn(help=SHAPE_HELP),
        "Tensor": st.column_config.TextColumn(help="What the graph itself calls it."),
    }
    selection: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row", "key": widget_key}
    options = selection if widget_key else {}
    event = st.dataframe(values, hide_index=True, alt=alt, column_config=explain_headings(values, config), **options)
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,}; all of them: `roundtrip inspect ID --json`.")
    selected = event.selection.rows if widget_key else []
    return selected[0] if selected and selected[0] < len(rows) else None


def show_graph(artifact: Artifact) -> None:
    st.caption(
        "How values flow from the inputs, at the top, to the answers. Drag to move, scroll to zoom, click a box for "
        "its details."
    )
    graph_file = choose_graph_file(artifact.format, [file.path for file in artifact.files])
    if graph_file is None:
        default_reason = "The viewer knows no file of this kind, so there is nothing to draw."
        reason = NOT_DRAWABLE_REASONS.get(artifact.format, default_reason)
        st.info(escape_markdown(reason), icon=":material/info:")
        return
    url = graph_viewer_url(artifact.id, graph_token(artifact.id))
    st.iframe(url, height=GRAPH_HEIGHT, alt="The graph of the model")
    st.caption(
        f"Drawn from {escape_markdown(graph_file)} by netron, which runs in a closed-off frame and asks for nothing "
        "outside of this machine."
    )


def show_files(artifact: Artifact) -> None:
    """Show every file of an artifact's record, with its size and hash."""
    st.caption("The files as they lie on the disk. The hash tells any other tool whether it has the very same bytes.")
    files = sorted(artifact.files, key=lambda file: file.path)
    sizes, size_config = size_column([file.bytes for file in files], width="small")
    st.dataframe(
        {
            "File": [file.path for file in files],
            "Size": sizes,
            "SHA-256": [file.sha256 for file in files],
        },
        hide_index=True,
        alt="Files with sizes and hashes",
        column_config={
            "File": st.column_config.TextColumn(width="medium"),
            "Size": size_config,
            "SHA-256": st.column_config.TextColumn(
                help="A fingerprint of the bytes: change one bit, and it is another.", width="large"
            ),
        },
    )
