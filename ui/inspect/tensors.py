"""The numbers of an artifact: every tensor with its statistics, and one of them as histogram, picture and NPY file."""

from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.figures.tensors import tensor_preview, value_histogram
from core.figures.theme import PLOTLY_CONFIG
from core.introspection.describe import TensorDescription, TensorSummary, describe_tensor
from core.introspection.diff import format_shape
from core.text.labels import format_size, pluralize
from core.text.metrics import format_number
from ui.components import escape_markdown, show_error
from ui.inspect.overview import load_part
from ui.inspect.progress import run_with_progress
from ui.query_params import bind_select
from ui.routes.urls import tensor_url
from ui.session import current_jobs

WEIGHTS, OPTIMIZER, OTHER = "weights", "optimizer state", "other"
MAX_ROWS = 2_000
GROUP_CAPTIONS = {
    WEIGHTS: "The numbers that were learned, tensor by tensor. A tensor is a block of numbers with a shape.",
    OPTIMIZER: "What training needs to carry on where it stopped: step counts and running averages of each weight.",
}
EMPTY_TEXTS = {
    WEIGHTS: "There are no weights in these files.",
    OPTIMIZER: "There is no optimizer state in these files: training on would begin with a fresh optimizer.",
}


def show_tensors(artifact_id: str, group: str) -> None:
    """The tensors of a group, and the one that is chosen; it stands in the address."""
    st.caption(GROUP_CAPTIONS[group])
    found = load_part(artifact_id, "tensors")
    if found is None:
        return
    groups = (group, OTHER) if group == WEIGHTS else (group,)
    rows = sorted((one for one in found.tensors if one.group in groups), key=lambda one: one.group == OTHER)
    if not rows:
        st.info(EMPTY_TEXTS[group], icon=":material/info:")
        return
    if found.remarks:
        st.caption(escape_markdown(" ".join(found.remarks)))
    st.markdown(_tensor_summary(rows, current_jobs().library.artifact(artifact_id).trust))
    _show_tensor_table(rows)
    st.divider()
    _choose_tensor(artifact_id, rows[:MAX_ROWS], group)


def _tensor_summary(rows: list[TensorSummary], trust: str) -> str:
    """How much there is, what is the run's own, and what is not finite."""
    total = sum(one.statistics.count for one in rows if one.group != OTHER)
    own = sum(bool(one.alias) for one in rows)
    lost = sum((one.statistics.nan or 0) + (one.statistics.inf or 0) for one in rows)
    words = [
        f"{pluralize(len(rows), 'tensor')}, {pluralize(total, 'number')}, "
        f"{format_size(sum(one.bytes for one in rows))}."
    ]
    if own:
        whole = "what was brought in" if trust == "brought in" else "what the run ended its training with"
        them = "It is" if len(rows) == 1 else "All are" if own == len(rows) else f"{own:,} of them are"
        words.append(f"{them}, bit for bit, {whole}.")
    words.append(f"**{pluralize(lost, 'number')} NaN or infinite.**" if lost else "None is NaN or infinite.")
    return " ".join(words)


def _show_tensor_table(rows: list[TensorSummary]) -> None:
    facts = [one.statistics for one in rows[:MAX_ROWS]]
    columns: dict[str, list[Any]] = {
        "Tensor": [one.name for one in rows[:MAX_ROWS]],
        "In the run": [one.alias or "–" for one in rows[:MAX_ROWS]],
        "Shape": [format_shape(one.shape) for one in rows[:MAX_ROWS]],
        "Type": [one.dtype for one in rows[:MAX_ROWS]],
        "Min": [one.min for one in facts],
        "Max": [one.max for one in facts],
        "Mean": [one.mean for one in facts],
        "Std": [one.std for one in facts],
        "Zeros": [one.zeros for one in facts],
        "NaN or ∞": [None if one.nan is None else one.nan + (one.inf or 0) for one in facts],
        "Note": [one.problem or one.note for one in rows[:MAX_ROWS]],
    }
    if not any(columns["Note"]):
        del columns["Note"]
    number = st.column_config.NumberColumn
    st.dataframe(
        columns,
        hide_index=True,
        alt="Tensors with shapes, types and statistics",
        column_config={
            "In the run": st.column_config.TextColumn(
                help="What the run calls the tensor with exactly these bits; a dash where it has none."
            ),
            **{name: number(format="%.4g") for name in ("Min", "Max", "Mean")},
            "Std": number(format="%.4g", help="Standard deviation: how far the values lie from their mean."),
            "Zeros": number(help="How many values are exactly zero."),
            "NaN or ∞": number(help="Values that are no number any more. One of them spoils every answer."),
        },
    )
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,}; all of them: `roundtrip inspect ID --part tensors`.")


def _choose_tensor(artifact_id: str, rows: list[TensorSummary], group: str) -> None:
    by_key = {one.key: one for one in sorted(rows, key=lambda one: len(one.shape) < 2) if not one.problem}
    if not by_key:
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    key = left.selectbox(
        "One tensor, closer",
        **bind_select("tensor" if group == WEIGHTS else "state", list(by_key)),
        format_func=lambda one: f"{by_key[one].alias or by_key[one].name}  {format_shape(by_key[one].shape)}",
    )
    with right:
        scaled = by_key[key].scaled and st.toggle(
            "As the numbers that its integers stand for",
            value=True,
            key=f"scaled-{artifact_id}-{key}",
            help="Stored are small integers; each stands for a number, by a scale and a zero point.",
        )
    try:
        found = run_with_progress(
            f"{artifact_id}-tensor",
            "Reading the tensor",
            lambda *_: describe_tensor(current_jobs(), artifact_id, key, scaled),
        )
    except RoundtripError as error:
        show_error(error)
        return
    if found:
        _show_tensor(artifact_id, *found, scaled)


def _show_tensor(artifact_id: str, tensor: TensorDescription, values, scaled: bool) -> None:
    facts = tensor.statistics
    numbers = (("smallest", facts.min), ("largest", facts.max), ("mean", facts.mean), ("spread", facts.std))
    words = [f"{name} {format_number(value)}" for name, value in numbers if value is not None]
    words += [f"{pluralize(facts.zeros or 0, 'zero')}"] if facts.zeros is not None else []
    st.markdown(escape_markdown(f"{pluralize(facts.count, 'value')}: {', '.join(words)}. {tensor.note}"))
    left, right = st.columns([2, 3], gap="large")
    with left:
        if tensor.histogram:
            figure = value_histogram(tensor.histogram["edges"], tensor.histogram["counts"], "value")
            st.plotly_chart(
                figure, config=PLOTLY_CONFIG, key="tensor-histogram", alt="Histogram of the tensor's values"
            )
    with right:
        if tensor.look and values is not None:
            figure = tensor_preview(tensor.look, values)
            st.plotly_chart(
                figure, config=PLOTLY_CONFIG, key="tensor-picture", alt=f"The tensor as a picture. {tensor.shown}"
            )
        st.caption(escape_markdown(tensor.shown))
    st.link_button(
        "Download as NPY",
        tensor_url(artifact_id, tensor.key, scaled),
        icon=":material/download:",
        help="One array in NumPy's own format: numpy.load reads it.",
    )
