"""Views of an artifact's tensors: a table with statistics, and one tensor as histogram, picture and NPY file."""

from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.figures.tensors import tensor_preview, value_histogram
from core.figures.theme import PLOTLY_CONFIG
from core.introspection.describe import TensorDescription, TensorSummary, describe_tensor
from core.text.labels import format_shape, pluralize
from core.text.numbers import format_number, format_size
from ui.components import escape_markdown, show_error
from ui.inspect.part_views import SHAPE_HELP
from ui.inspect.reading_progress import load_part, run_with_progress
from ui.query_params import bind_select
from ui.routes.urls import tensor_url
from ui.session import current_jobs

WEIGHTS, OPTIMIZER, OTHER = "weights", "optimizer state", "other"
MAX_ROWS = 2_000  # rows of one table
GROUP_CAPTIONS = {
    WEIGHTS: "The numbers that were learned, tensor by tensor. A tensor is a block of numbers with a shape.",
    OPTIMIZER: "What training needs to resume where it stopped: step counts and running averages of each weight.",
}
EMPTY_TEXTS = {
    WEIGHTS: "There are no weights in these files.",
    OPTIMIZER: "There is no optimizer state in these files: training on would begin with a fresh optimizer.",
}


def show_tensors(artifact_id: str, group: str) -> None:
    """Show the tensors of a group, and the chosen one, which stands in the address."""
    st.caption(GROUP_CAPTIONS[group])
    description = load_part(artifact_id, "tensors")
    if description is None:
        return
    groups = (group, OTHER) if group == WEIGHTS else (group,)
    tensors = [tensor for tensor in description.tensors if tensor.group in groups]
    tensors.sort(key=lambda tensor: tensor.group == OTHER)
    if not tensors:
        st.info(EMPTY_TEXTS[group], icon=":material/info:")
        return
    if description.remarks:
        st.caption(escape_markdown(" ".join(description.remarks)))
    st.markdown(_tensor_summary(tensors, current_jobs().library.artifact(artifact_id).trust))
    _show_tensor_table(tensors)
    st.divider()
    _choose_tensor(artifact_id, tensors[:MAX_ROWS], group)


def _tensor_summary(tensors: list[TensorSummary], trust: str) -> str:
    """Return how many tensors, numbers and bytes there are, how many equal the run's, and how many are not finite."""
    count = sum(tensor.statistics.count for tensor in tensors if tensor.group != OTHER)
    equal = sum(bool(tensor.alias) for tensor in tensors)
    lost = sum((tensor.statistics.nan or 0) + (tensor.statistics.inf or 0) for tensor in tensors)
    size = format_size(sum(tensor.bytes for tensor in tensors))
    sentences = [f"{pluralize(len(tensors), 'tensor')}, {pluralize(count, 'number')}, {size}."]
    if equal:
        origin = "what was imported" if trust == "brought in" else "what the run ended its training with"
        subject = "It is" if len(tensors) == 1 else "All are" if equal == len(tensors) else f"{equal:,} of them are"
        sentences.append(f"{subject}, bit for bit, {origin}.")
    sentences.append(f"**{pluralize(lost, 'number')} NaN or infinite.**" if lost else "None is NaN or infinite.")
    return " ".join(sentences)


def _show_tensor_table(tensors: list[TensorSummary]) -> None:
    shown = tensors[:MAX_ROWS]
    statistics = [tensor.statistics for tensor in shown]
    columns: dict[str, list[Any]] = {
        "Tensor": [tensor.name for tensor in shown],
        "In the run": [tensor.alias or "–" for tensor in shown],
        "Shape": [format_shape(tensor.shape) for tensor in shown],
        "Type": [tensor.dtype for tensor in shown],
        "Min": [row.min for row in statistics],
        "Max": [row.max for row in statistics],
        "Mean": [row.mean for row in statistics],
        "Std": [row.std for row in statistics],
        "Zeros": [row.zeros for row in statistics],
        "NaN or ∞": [None if row.nan is None else row.nan + (row.inf or 0) for row in statistics],
        "Note": [tensor.problem or tensor.note for tensor in shown],
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
            "Shape": st.column_config.TextColumn(help=SHAPE_HELP),
            **{name: number(format="%.4g") for name in ("Min", "Max", "Mean")},
            "Std": number(format="%.4g", help="Standard deviation: how far the values lie from their mean."),
            "Zeros": number(help="How many values are exactly zero."),
            "NaN or ∞": number(help="Values that are no number any more. One of them spoils every answer."),
        },
    )
    if len(tensors) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(tensors):,}; all of them: `roundtrip inspect ID --part tensors`.")


def _choose_tensor(artifact_id: str, tensors: list[TensorSummary], group: str) -> None:
    """Show a choice of the tensors that can be read, matrices first, and the chosen one."""
    readable = [tensor for tensor in tensors if not tensor.problem]
    by_key = {tensor.key: tensor for tensor in sorted(readable, key=lambda tensor: len(tensor.shape) < 2)}
    if not by_key:
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    key = left.selectbox(
        "One tensor, closer",
        **bind_select("tensor" if group == WEIGHTS else "state", list(by_key)),
        format_func=lambda key: f"{by_key[key].alias or by_key[key].name}  {format_shape(by_key[key].shape)}",
    )
    with right:
        scaled = by_key[key].scaled and st.toggle(
            "As the numbers that its integers stand for",
            value=True,
            key=f"scaled-{artifact_id}-{key}",
            help="Stored are small integers; each stands for a number, by a scale and a zero point.",
        )
    try:
        result = run_with_progress(
            f"{artifact_id}-tensor",
            "Reading the tensor",
            lambda *_: describe_tensor(current_jobs(), artifact_id, key, scaled),
        )
    except RoundtripError as error:
        show_error(error)
        return
    if result:
        _show_tensor(artifact_id, *result, scaled)


def _show_tensor(artifact_id: str, tensor: TensorDescription, values, scaled: bool) -> None:
    """Show the statistics of a tensor, its histogram, its picture and a link to the NPY file."""
    _show_statistics(tensor)
    left, right = st.columns([2, 3], gap="large")
    with left:
        if tensor.histogram:
            figure = value_histogram(tensor.histogram["edges"], tensor.histogram["counts"], "value")
            alt = "Histogram of the tensor's values"
            st.plotly_chart(figure, config=PLOTLY_CONFIG, key="tensor-histogram", alt=alt)
    with right:
        if tensor.look and values is not None:
            figure = tensor_preview(tensor.look, values)
            alt = f"The tensor as a picture. {tensor.shown}"
            st.plotly_chart(figure, config=PLOTLY_CONFIG, key="tensor-picture", alt=alt)
        st.caption(escape_markdown(tensor.shown))
    st.link_button(
        "Download as NPY",
        tensor_url(artifact_id, tensor.key, scaled),
        icon=":material/download:",
        help="One array in NumPy's own format: numpy.load reads it.",
    )


def _show_statistics(tensor: TensorDescription) -> None:
    facts = tensor.statistics
    numbers = (("smallest", facts.min), ("largest", facts.max), ("mean", facts.mean), ("spread", facts.std))
    texts = [f"{name} {format_number(value)}" for name, value in numbers if value is not None]
    texts += [] if facts.zeros is None else [pluralize(facts.zeros, "zero")]
    st.markdown(escape_markdown(f"{pluralize(facts.count, 'value')}: {', '.join(texts)}. {tensor.note}"))
