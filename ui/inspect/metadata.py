"""What an artifact tells as text: signatures, layers, config, operations."""

import json
from typing import Any

import streamlit as st

from core.introspection.describe import PartDescription
from core.introspection.diff import format_shape
from core.text.labels import pluralize
from ui.components import escape_markdown
from ui.inspect.overview import load_part

MAX_ROWS = 1_000  # rows of one table
SHAPE_HELP = (
    "How long each axis is. A question mark stands for any length, such as the number of rows; [] is one number."
)
PARAMETERS_HELP = "How many numbers the file holds for this layer."
TRAINABLE_HELP = "Whether training would move these weights. What is frozen stays as it is."


def show_signatures(artifact_id: str) -> None:
    st.caption("Named entry points: what to give to the copy, and what it gives back. A program outside asks by these.")
    found = _load_part_or_notice(
        artifact_id, "signatures", "These files name no inputs and outputs: the program that loads them knows."
    )
    if found is None:
        return
    for one in found.found["signatures"]:
        with st.container(border=True):
            said = [one["method"], f"tags {one['tags']}" if one.get("tags") else ""]
            st.markdown(f"**{escape_markdown(one['name'] or 'the whole graph')}**")
            st.caption(escape_markdown(" · ".join(filter(None, said))))
            _show_signature_table(one)
    if found.found["functions"]:
        with st.expander(f"{pluralize(len(found.found['functions']), 'function')} in the file"):
            st.caption("What each trace of a function takes and gives; a program that loads the file can call them.")
            _show_table(found.found["functions"], {"Function": "name", "Takes": "takes", "Gives": "gives"}, "Functions")
    _show_facts(found.found["facts"])


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
    words = "There are no layers in these files: a graph of operations, or numbers alone. See Operators or Weights."
    found = _load_part_or_notice(artifact_id, "layers", words)
    if found is None:
        return
    rows = [_layer_row(one) for one in found.found]
    total = sum(one["parameters"] for one in found.found if "/" not in one["name"])
    st.markdown(f"{pluralize(len(rows), 'layer')}, {pluralize(total, 'stored number')} in them.")
    columns = {"Layer": "name", "Class": "class", "Output shape": "shape", "Parameters": "parameters"}
    columns |= {"Trainable": "trainable", "Type": "dtype", "After": "after"}
    chosen = _show_table(rows, columns, "Layers", widget_key="layers")
    if any(one["custom"] for one in found.found):
        st.caption("Classes with a ✎ are the author's own: Keras needs their code to build them.")
    if chosen is not None:
        one = found.found[chosen]
        st.markdown(f"**Settings of {escape_markdown(one['name'])}**")
        st.json(one["config"], expanded=1)
    else:
        st.caption("Select a layer to see all of its settings.")


def _layer_row(layer: dict[str, Any]) -> dict[str, Any]:
    shape = layer["output_shape"]
    flat = shape is not None and not any(isinstance(size, list | dict) for size in shape)
    return layer | {
        "class": layer["class"] + (" ✎" if layer["custom"] else ""),
        "shape": "–" if shape is None else format_shape(shape) if flat else json.dumps(shape),
        "after": ", ".join(layer["after"]) or "–",
        "trainable": {True: "yes", False: "no"}.get(layer["trainable"], "–"),
    }


def show_config(artifact_id: str) -> None:
    st.caption("The text in the files: settings of every layer, how it was to be trained, and which version wrote it.")
    found = _load_part_or_notice(artifact_id, "config", "There is no such text in these files.")
    if found is None:
        return
    documents = {name: one for name, one in found.found.items() if one}
    if not documents:
        st.info("The file has room for such text, and none stands there.", icon=":material/info:")
        return
    for name, one in documents.items():
        st.markdown(f"**{escape_markdown(name)}**")
        st.json(one, expanded=2 if len(json.dumps(one)) < 2_000 else 1)


def show_operators(artifact_id: str) -> None:
    st.caption("The single steps that are computed, and how often each occurs. A runtime must know every one of them.")
    words = "There are no operations in these files: layers bring their own when they are built."
    found = _load_part_or_notice(artifact_id, "operators", words)
    if found is None:
        return
    counts = found.found["counts"]
    st.markdown(f"{pluralize(sum(counts.values()), 'operation')} of {pluralize(len(counts), 'kind')}.")
    left, right = st.columns([1, 2], gap="large")
    with left:
        rows = [{"op": name, "times": times} for name, times in counts.items()]
        _show_table(rows, {"Operation": "op", "Times": "times"}, "Operations by kind")
    with right:
        listed = [one | {"from": ", ".join(one["inputs"])} for one in found.found["operators"]]
        _show_table(listed, {"Operation": "op", "Name": "name", "In": "graph", "Reads": "from"}, "Operations in order")
    _show_graph_tensors(found.found["tensors"])
    _show_facts(found.found["facts"])


def _show_graph_tensors(rows: list[dict[str, Any]]) -> None:
    if rows:
        with st.expander(f"{pluralize(len(rows), 'tensor')} of the graph"):
            rows = [one | {"shape": format_shape(one["shape"])} for one in rows]
            columns = {"Tensor": "name", "Role": "role", "Type": "dtype", "Shape": "shape"}
            if any(one.get("note") for one in rows):
                st.caption("Scale and zero point: a stored integer q stands for (q − zero point) × scale.")
                columns["Quantised"] = "note"
            _show_table(rows, columns, "Tensors of the graph")


def _load_part_or_notice(artifact_id: str, part: str, empty_text: str) -> PartDescription | None:
    """The part with its remarks; None, after `nothing` was said, where the files hold no such thing."""
    found = load_part(artifact_id, part)
    if found is None:
        return None
    if found.found is None:
        st.info(escape_markdown(empty_text), icon=":material/info:")
        return None
    if found.remarks:
        st.caption(escape_markdown(" ".join(found.remarks)))
    return found


def _show_facts(facts: dict[str, Any]) -> None:
    """Facts by name; a list as words with commas."""
    for name, value in facts.items():
        said = ", ".join(_fact_text(one) for one in value) if isinstance(value, list) else _fact_text(value)
        st.markdown(f"**{escape_markdown(name)}** · {escape_markdown(said)}")


def _fact_text(value: Any) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_table(rows: list[dict[str, Any]], columns: dict[str, str], alt: str, widget_key: str = "") -> int | None:
    """A table by column title and key; the row that is selected, where `select` names the table."""
    shown = {title: [one.get(key) for one in rows[:MAX_ROWS]] for title, key in columns.items()}
    config = {
        "Trainable": st.column_config.TextColumn(help=TRAINABLE_HELP),
        "Parameters": st.column_config.NumberColumn(help=PARAMETERS_HELP),
        "Shape": st.column_config.TextColumn(help=SHAPE_HELP),
        "Output shape": st.column_config.TextColumn(help=SHAPE_HELP),
        "Tensor": st.column_config.TextColumn(help="What the graph itself calls it."),
    }
    chosen: dict[str, Any] = (
        {"on_select": "rerun", "selection_mode": "single-row", "key": widget_key} if widget_key else {}
    )
    event = st.dataframe(shown, hide_index=True, alt=alt, column_config=config, **chosen)
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,}; all of them: `roundtrip inspect ID --json`.")
    picked = event.selection.rows if widget_key else []
    return picked[0] if picked and picked[0] < len(rows) else None
