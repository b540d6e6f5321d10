"""Layers tab: the copy to compare against the baseline, the first layer that differs, and each layer's difference."""

import math
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core.errors import InputError, RoundtripError
from core.figures.layer_scrubber import LayerPicture, layer_scrubber
from core.figures.theme import NEUTRAL, PLOTLY_CONFIG, apply_theme, escape_label
from core.inputs import InputSet
from core.jobs.layer_steps import PAIRED, UNPAIRED, LayerStep
from core.jobs.layers import DEFAULT_ROWS, DEFAULT_TOLERANCE, MAX_ROWS, read_layer_pictures, require_comparable_layers
from core.library.job_store import Job
from core.text.labels import pluralize
from core.text.numbers import format_number, format_share
from ui.compare.painted_graph import ChosenLayer, show_painted_graph
from ui.compare.participants import Participants
from ui.components import escape_markdown, show_error
from ui.job_progress import follow_job
from ui.query_params import bind_select
from ui.session import current_jobs
from ui.terms import explain_headings

TOLERANCE_OPTIONS = {
    0.0: "every bit",
    1e-6: "0.0001 %",
    1e-5: "0.001 %",
    DEFAULT_TOLERANCE: "0.01 %, rounding",
    1e-3: "0.1 %",
    1e-2: "1 %",
    1e-1: "10 %",
}
STATE_SIGNS = {"same bits": "✓", "same": "✓", "differs": "✗", "fused or missing": "–", "no numbers": "–"}
PAIRED_BY = {"structure": "by class and shape, in order", "value": "by value and shape, because formats rename them"}
LAYER_COLOURS = {"differs": "#DC2626", "same": "#0D9488", "same bits": "#0D9488"}
PAINTED_HELP = "Draws both copies as graphs beside each other, each box in the colour of its difference."
LOG_ZERO = 1e-9  # where a difference of 0 is drawn on a logarithmic scale


def show_layers(participants: Participants, inputs: InputSet | None = None) -> None:
    """Choose a copy, compare its layers with the baseline's, show the result; the job stands in the address.

    Both get `inputs`, or test examples where it is None.
    """
    st.header("First layer that differs")
    st.caption(
        f"Both copies get the same {'inputs' if inputs else 'test examples'}. What each layer makes of them is "
        "compared with the matching layer of the other copy, one by one, so that you see where a difference begins and "
        "not only how it ends."
    )
    ids = _comparable_ids(participants)
    if not ids:
        return
    copy_id, rows, tolerance = _choose_settings(ids, participants.names, inputs)
    request = (participants.baseline, copy_id, rows, tolerance)
    job = _job_from_query(*request, inputs.id if inputs else None)
    if st.button("Compare layers", type="primary", icon=":material/footprint:", disabled=bool(job and job.is_active)):
        sources = {id_: key for id_, key in participants.sources.items() if id_ in (participants.baseline, copy_id)}
        job = current_jobs().compare_layers(*request, sources, inputs=inputs.id if inputs else None)
        st.query_params["layers"] = job.id
    if job:
        follow_job(job)
        current = current_jobs().job_store.read(job.id)
        if current.state == "done":
            _show_result(current, participants.names, inputs)


def _comparable_ids(participants: Participants) -> list[str]:
    """Return the ids of copies whose layers can be compared with the baseline's; show why the rest cannot."""
    ids: list[str] = []
    refused: dict[str, list[str]] = {}
    others = [id_ for id_ in participants.others if id_ != participants.baseline]
    for id_ in others:
        try:
            require_comparable_layers(current_jobs().library, participants.baseline, id_)
            ids.append(id_)
        except InputError as error:
            refused.setdefault(f"{error.sentence} {error.cure}", []).append(participants.names[id_])
    for reason, copies in refused.items():
        text = f"**{escape_markdown(', '.join(copies))}**: {escape_markdown(reason)}"
        st.info(text, icon=":material/visibility_off:")
    if not others:
        st.info("Choose another copy above, whose layers are compared with the first.", icon=":material/arrow_upward:")
    return ids


def _choose_settings(ids: list[str], names: dict[str, str], inputs: InputSet | None) -> tuple[str, int, float]:
    """Return the id of the copy to compare, the number of rows, and the tolerance (share of a layer's range)."""
    max_rows = min(MAX_ROWS, inputs.rows) if inputs else MAX_ROWS
    rows_help = (
        f"The first {'of those asked above' if inputs else 'test examples'}. More rows find rarer differences, and "
        "take longer."
    )
    tolerance_help = "As a share of the layer's range: from its smallest to its largest value on these rows."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = bind_select("walk", ids)
        copy_id = st.selectbox("Copy to compare", **bound, format_func=names.__getitem__, width=320)
        rows = st.number_input("Rows", 1, max_rows, min(DEFAULT_ROWS, max_rows), width=120, help=rows_help)
        tolerance = st.selectbox(
            "A layer may differ by",
            TOLERANCE_OPTIONS,
            index=list(TOLERANCE_OPTIONS).index(DEFAULT_TOLERANCE),
            format_func=TOLERANCE_OPTIONS.__getitem__,
            width=200,
            help=tolerance_help,
        )
    return copy_id, int(rows), float(tolerance)


def _job_from_query(baseline: str, copy_id: str, rows: int, tolerance: float, inputs: str | None) -> Job | None:
    """Return the job that the address names, if it has the settings that are chosen here."""
    try:
        job = current_jobs().job_store.read(st.query_params.get("layers", ""))
    except RoundtripError:  # no job, or a deleted one: it can be walked again
        return None
    request = {"baseline": baseline, "other": copy_id, "rows": rows, "tolerance": tolerance}
    return job if request.items() <= job.request.items() and job.request.get("inputs") == inputs else None


def _show_result(job: Job, names: dict[str, str], inputs: InputSet | None) -> None:
    result = job.result
    _show_verdict(result)
    steps, name = result["steps"], escape_markdown(names[result["held"]])
    st.caption(
        f"{_layer_count_text(steps)}, on {_rows_text(result['rows'], inputs)}. "
        f"Matching layers in {name} were found {PAIRED_BY[result['paired_by']]}. "
        + " ".join(escape_markdown(remark) for remark in result["remarks"])
    )
    _show_graph_and_scrubber(job, names)
    figure = layer_difference_chart(steps, result["tolerance"], [_step_state(step) for step in steps])
    alt = "The difference of each layer, as a share of its range"
    st.plotly_chart(figure, config=PLOTLY_CONFIG, alt=alt, key="layers")
    _show_layer_table(steps)


@st.fragment
def _show_graph_and_scrubber(job: Job, names: dict[str, str]) -> None:
    """Show the scrubber, and on demand the painted graph, in which a click chooses a layer of it.

    An error is shown in its place: the fragment is also drawn alone, and the rest of the page must still be drawn.
    """
    try:
        is_painted = st.toggle("Painted graph", key="painted", bind="query-params", help=PAINTED_HELP)
        chosen = show_painted_graph(job, names) if is_painted else None
        _show_scrubber(job, names, chosen)
    except RoundtripError as error:
        show_error(error)


def _show_scrubber(job: Job, names: dict[str, str], chosen: ChosenLayer | None) -> None:
    """Show the first row on its way through both copies, at the layer that was `chosen` if any.

    Shows nothing for a job of an earlier version.
    """
    result = job.result
    read = read_layer_pictures(current_jobs(), job.id, range(len(result["steps"])))
    steps = {place: result["steps"][place] for place in read}
    pictures = [LayerPicture(step["layer"], step["above"], *read[place]) for place, step in steps.items()]
    if pictures:
        st.markdown("**The first row on its way through both**")
        start = list(steps).index(chosen.place) if chosen and chosen.place in steps else 0
        figure = layer_scrubber(pictures, (names[result["walked"]], names[result["held"]]), start)
        key = f"scrubber-{job.id}-{chosen.at if chosen else 0}"  # drawn anew, at that layer, by each choice
        alt = f"Values of {len(pictures)} layers in both copies, and their difference"
        st.plotly_chart(figure, config=PLOTLY_CONFIG, alt=alt, key=key)
        st.caption("One scale for both copies of a layer; hover a cell for its number. Play stops at the first ≠.")


def _rows_text(count: int, inputs: InputSet | None) -> str:
    if inputs is None:
        return f"the first {pluralize(count, 'test example')}"
    if count < inputs.rows:
        return f"the first {pluralize(count, 'row')} of what is asked above"
    return "the row that is asked above" if count == 1 else f"the {count:,} rows that are asked above"


def _show_verdict(result: dict[str, Any]) -> None:
    """Show the first layer that differs, or that none does, in one sentence."""
    if result["first"] is None:
        largest = max((step["relative"] or 0.0 for step in result["steps"] if step["state"] == PAIRED), default=0.0)
        text = f"at most {format_share(largest)} of a layer's range" if largest else "every bit is the same"
        limit = "rounding" if result["tolerance"] == DEFAULT_TOLERANCE else "the tolerance"
        st.success(f"No layer differs by more than {limit}: {text}.", icon=":material/check_circle:")
        return
    step = result["steps"][result["first"]]
    difference = f"by up to {format_number(step['max_abs'])}, {format_share(step['relative'])} of its range"
    if step["not_finite"]:
        difference = f"{step['not_finite']:,} of its values are NaN or infinite in only one of the two"
    together = ""
    if result["together"]:
        layers = " and ".join(f"**{escape_markdown(name)}**" for name in result["together"])
        together = f" The other copy computes it together with {layers}: the cause may lie in any of them."
    st.warning(
        f"The first layer that differs is **{escape_markdown(step['layer'])}** ({escape_markdown(step['class'])}): "
        f"{difference}.{together}",
        icon=":material/search:",
    )


def _layer_count_text(steps: list[LayerStep]) -> str:
    unpaired = sum(step["state"] == UNPAIRED for step in steps)
    if not unpaired:
        return pluralize(len(steps), "layer")
    own = "1 has no tensor of its own" if unpaired == 1 else f"{unpaired} have no tensor of their own"
    return f"{pluralize(len(steps), 'layer')}, of which {own} in the other copy (fused or missing)"


def _step_state(step: LayerStep) -> str:
    if step["state"] != PAIRED:
        return step["state"]
    return "differs" if step["above"] else "same" if step["max_abs"] else "same bits"


def _show_layer_table(steps: list[LayerStep]) -> None:
    states = [_step_state(step) for step in steps]
    columns = {
        "Layer": [step["layer"] for step in steps],
        "Verdict": [f"{STATE_SIGNS[state]} {state}" for state in states],
        "Share of range": [step["relative"] for step in steps],
        "Largest difference": [step["max_abs"] for step in steps],
        "Mean difference": [step["mean_abs"] for step in steps],
        "Class": [step["class"] for step in steps],
        "Matching layer": [f"{step['op']} · {step['partner']}" if step["partner"] else "–" for step in steps],
        "Shape of a row": [" × ".join(map(str, (step["shape"] or [])[1:])) or "–" for step in steps],
        "Axes there": [_axes_text(step) for step in steps],
        "In words": [step["words"] for step in steps],
    }
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    axes_help = "The order in which the matching layer's axes lie like the layer's; 0 is the batch."
    config = {
        "Layer": text(pinned=True),
        "Share of range": number(format="%.3g", help="Largest difference by the layer's range."),
        "Largest difference": number(format="%.3g"),
        "Mean difference": number(format="%.3g"),
        "Matching layer": text(help="The operation in the other copy, and its name there."),
        "Axes there": text(help=axes_help, width="small"),
    }
    config = explain_headings(columns, config)
    height, alt = min(38 + 35 * len(steps), 800), "Each layer and the matching one"
    st.dataframe(columns, hide_index=True, column_config=config, height=height, key="layer-table", alt=alt)


def _axes_text(step: LayerStep) -> str:
    if step["state"] != PAIRED:
        return "–"
    return "flattened otherwise" if step["permutation"] is None else ", ".join(map(str, step["permutation"]))


def layer_difference_chart(steps: list[dict[str, Any]], tolerance: float, states: list[str]) -> go.Figure:
    """Draw one line for each layer, from the top: its difference as a share of its range, on a logarithmic scale.

    Layers that were not compared have a hollow mark at the left; the tolerance is a dashed line.
    """
    shares = [max(step["relative"] or 0.0, LOG_ZERO) for step in steps]
    figure = go.Figure()
    _add_stems(figure, shares)
    marker = {
        "color": [LAYER_COLOURS.get(state, NEUTRAL) for state in states],
        "symbol": ["circle" if state in LAYER_COLOURS else "circle-open" for state in states],
        "size": 10,
    }
    pairs = zip(steps, states, strict=True)
    hover = [escape_label(f"{step['layer']}: {state}, {step['words']}") for step, state in pairs]
    rows = list(range(len(steps)))
    figure.add_scatter(x=shares, y=rows, mode="markers", marker=marker, hovertext=hover, hoverinfo="text")
    if tolerance:
        figure.add_vline(x=tolerance, line={"dash": "dash", "color": "#D97706"})
        position = {"x": math.log10(tolerance), "y": 1, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text="tolerance", showarrow=False, **position)
    bounds = [math.log10(LOG_ZERO) - 0.3, math.log10(max(*shares, tolerance, 1e-3)) + 0.4]
    figure.update_xaxes(type="log", range=bounds, dtick=2, exponentformat="power")
    names = [escape_label(step["layer"]) for step in steps]
    figure.update_yaxes(tickvals=rows, ticktext=names, autorange="reversed", automargin=True, zeroline=False)
    figure = apply_theme(figure, "difference, as a share of the layer's range", "", 110 + 24 * len(steps))
    return figure.update_layout(showlegend=False)


def _add_stems(figure: go.Figure, shares: list[float]) -> None:
    """Add a horizontal line from the left edge to each share."""
    x = [value for share in shares for value in (LOG_ZERO, share, None)]  # None separates the lines
    y = [value for index in range(len(shares)) for value in (index, index, None)]
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 1}, hoverinfo="skip")
