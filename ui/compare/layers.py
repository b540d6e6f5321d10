"""First layer that differs: which two copies, the walk, its verdict, and the difference layer by layer."""

from typing import Any

import streamlit as st

from core.errors import InputError, RoundtripError
from core.figures.theme import PLOTLY_CONFIG
from core.inputs import InputSet
from core.jobs.layers import DEFAULT_ROWS, DEFAULT_TOLERANCE, MAX_ROWS, PAIRED, UNPAIRED, require_comparable_layers
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import pluralize
from ui.charts import layer_difference_chart
from ui.components import escape_markdown
from ui.job_progress import follow_job
from ui.query_params import bind_select
from ui.session import current_jobs

TOLERANCE_OPTIONS = {
    0.0: "every bit",
    1e-6: "0.0001 %",
    1e-5: "0.001 %",
    DEFAULT_TOLERANCE: "0.01 %, rounding",
    1e-3: "0.1 %",
}
TOLERANCE_OPTIONS |= {1e-2: "1 %", 1e-1: "10 %"}
STATE_SIGNS = {"same bits": "✓", "same": "✓", "differs": "✗", "fused or missing": "–", "no numbers": "–"}


def show_layers(
    baseline: str,
    others: list[str],
    names: dict[str, str],
    entries: dict[str, Entry],
    sources: dict[str, str] | None = None,
    inputs: InputSet | None = None,
) -> None:
    """Ask which copy to walk against the baseline (an artifact, or a run for its live model), walk it, show the result.

    `names` are what the copies are called on this page; `sources` as in `Jobs.layers`; `inputs` is what the page asks
    (by default held-out rows). The job stands in the address.
    """
    st.subheader("First layer that differs")
    st.caption(
        f"Both copies get the same {'inputs' if inputs else 'held-out rows'}. What each layer makes of them is held "
        "against its partner in the other copy, one layer after another, so that you see where a difference begins and "
        "not only how it ends."
    )
    fitting = _comparable_ids(baseline, others, names)
    if not fitting:
        return
    other, rows, tolerance = _choose_settings(fitting, names, inputs)
    asked = inputs.id if inputs else None
    job = _job_from_query(baseline, other, rows, tolerance, asked)
    if st.button("Walk the layers", type="primary", icon=":material/footprint:", disabled=bool(job and job.is_active)):
        used = _sources_of(sources or {}, (baseline, other))
        job = current_jobs().compare_layers(baseline, other, rows, tolerance, used, inputs=asked)
        st.query_params["layers"] = job.id
    if job:
        follow_job(job, lambda seen: None)
        seen = current_jobs().job_store.read(job.id)
        if seen.state == "done":
            _show_result(seen, names, inputs)


def _comparable_ids(baseline: str, others: list[str], names: dict[str, str]) -> list[str]:
    """The copies that can be walked against the baseline; why the rest cannot is said."""
    fitting, refused = [], {}
    for id_ in others:
        try:
            require_comparable_layers(current_jobs().library, baseline, id_)
            fitting.append(id_)
        except InputError as error:
            if id_ != baseline:
                refused.setdefault(f"{error.sentence} {error.cure}", []).append(names.get(id_, id_))
    for why, which in refused.items():
        st.info(f"**{escape_markdown(', '.join(which))}**: {escape_markdown(why)}", icon=":material/visibility_off:")
    if not others or others == [baseline]:
        st.info("Choose another copy above, to be walked against the first.", icon=":material/arrow_upward:")
    return fitting


def _choose_settings(ids: list[str], names: dict[str, str], inputs: InputSet | None) -> tuple[str, int, float]:
    most = min(MAX_ROWS, inputs.rows) if inputs else MAX_ROWS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = bind_select("walk", ids)
        other = st.selectbox("Copy to walk", **bound, format_func=lambda id_: names.get(id_, id_), width=320)
        rows = st.number_input(
            "Rows",
            1,
            most,
            min(DEFAULT_ROWS, most),
            width=120,
            help=f"The first {'of those asked above' if inputs else 'held-out rows'}. More rows find rarer "
            "differences, and take longer.",
        )
        tolerance = st.selectbox(
            "A layer may differ by",
            list(TOLERANCE_OPTIONS),
            index=list(TOLERANCE_OPTIONS).index(DEFAULT_TOLERANCE),
            format_func=TOLERANCE_OPTIONS.get,
            width=200,
            help="As a share of the layer's range: from its smallest to its largest value on these rows.",
        )
    return other, int(rows), float(tolerance)


def _job_from_query(baseline: str, other: str, rows: int, tolerance: float, inputs: str | None) -> Job | None:
    """The job that the address names, if it is the one that is asked for here."""
    try:
        job = current_jobs().job_store.read(st.query_params.get("layers", ""))
    except RoundtripError:  # none, or one that is forgotten: it can be walked again
        return None
    asked = {"baseline": baseline, "other": other, "rows": rows, "tolerance": tolerance}
    return job if asked.items() <= job.request.items() and job.request.get("inputs") == inputs else None


def _sources_of(sources: dict[str, str], ids: tuple[str, ...]) -> dict[str, str]:
    return {id_: key for id_, key in sources.items() if id_ in ids}


def _show_result(job: Job, names: dict[str, str], inputs: InputSet | None) -> None:
    found = job.result
    _show_verdict(found)
    held = escape_markdown(names.get(found["held"], found["held"]))
    said = {"structure": "by class and shape, in order", "value": "by value and shape, because formats rename them"}
    st.caption(
        f"{_layer_count_text(found)}, on {_rows_text(found['rows'], inputs)}. "
        f"Partners in {held} were found {said[found['paired_by']]}. "
        + " ".join(escape_markdown(remark) for remark in found["remarks"])
    )
    figure = layer_difference_chart(found["steps"], found["tolerance"], [_step_state(step) for step in found["steps"]])
    st.plotly_chart(
        figure, config=PLOTLY_CONFIG, alt="The difference of each layer, as a share of its range", key="layers"
    )
    _show_layer_table(found)


def _rows_text(count: int, inputs: InputSet | None) -> str:
    """Which rows were used."""
    if inputs is None:
        return f"the first {pluralize(count, 'held-out row')}"
    if count < inputs.rows:
        return f"the first {pluralize(count, 'row')} of what is asked above"
    return "the row that is asked above" if count == 1 else f"the {count:,} rows that are asked above"


def _show_verdict(result: dict[str, Any]) -> None:
    """First of all, in one sentence."""
    measured = [step["relative"] for step in result["steps"] if step["state"] == PAIRED]
    if result["first"] is None:
        most = (
            "every bit is the same" if not any(measured) else f"at most {_share_text(max(measured))} of a layer's range"
        )
        limit = "rounding" if result["tolerance"] == DEFAULT_TOLERANCE else "the tolerance"
        st.success(f"No layer differs by more than {limit}: {most}.", icon=":material/check_circle:")
        return
    step = result["steps"][result["first"]]
    by = f"by up to {step['max_abs']:.2g}, {_share_text(step['relative'])} of its range"
    if step["not_finite"]:
        by = f"{step['not_finite']:,} of its values are NaN or infinite in only one of the two"
    together = ""
    if result["together"]:
        layers = " and ".join(f"**{escape_markdown(one)}**" for one in result["together"])
        together = f" The other copy computes it together with {layers}: the cause may lie in any of them."
    st.warning(
        f"The first layer that differs is **{escape_markdown(step['layer'])}** ({escape_markdown(step['class'])}): "
        f"{by}.{together}",
        icon=":material/search:",
    )


def _layer_count_text(result: dict[str, Any]) -> str:
    layers, without = len(result["steps"]), sum(step["state"] == UNPAIRED for step in result["steps"])
    own = "1 has no tensor of its own" if without == 1 else f"{without} have no tensor of their own"
    return f"{layers:,} layers" + (f", of which {own} in the other copy (fused or missing)" if without else "")


def _step_state(step: dict[str, Any]) -> str:
    if step["state"] != PAIRED:
        return step["state"]
    return "differs" if step["above"] else "same" if step["max_abs"] else "same bits"


def _share_text(value: float) -> str:
    """A share for people: 12 %, 0.4 %, 3e-07."""
    return f"{value:.2g}" if value < 1e-5 else f"{100 * value:.2g} %"


def _show_layer_table(result: dict[str, Any]) -> None:
    steps = result["steps"]
    columns = {
        "Layer": [step["layer"] for step in steps],
        "Verdict": [f"{STATE_SIGNS[says]} {says}" for says in map(_step_state, steps)],
        "Share of range": [step["relative"] for step in steps],
        "Largest difference": [step["max_abs"] for step in steps],
        "Mean difference": [step["mean_abs"] for step in steps],
        "Class": [step["class"] for step in steps],
        "Partner": [f"{step['op']} · {step['partner']}" if step["partner"] else "–" for step in steps],
        "Shape of a row": [" × ".join(map(str, (step["shape"] or [])[1:])) or "–" for step in steps],
        "Partner's axes": [_axes_text(step) for step in steps],
        "In words": [step["words"] for step in steps],
    }
    number = {"format": "%.2e"}
    config = {
        "Layer": st.column_config.TextColumn(pinned=True),
        "Share of range": st.column_config.NumberColumn(**number, help="Largest difference by the layer's range."),
        "Largest difference": st.column_config.NumberColumn(**number),
        "Mean difference": st.column_config.NumberColumn(**number),
        "Partner": st.column_config.TextColumn(help="The operation in the other copy, and its name there."),
        "Partner's axes": st.column_config.TextColumn(
            help="The order in which the partner's axes lie like the layer's; 0 is the batch.", width="small"
        ),
    }
    height = min(38 + 35 * len(steps), 800)
    table = {"hide_index": True, "column_config": config, "height": height, "key": "layer-table"}
    st.dataframe(columns, **table, alt="Each layer and its partner")


def _axes_text(step: dict[str, Any]) -> str:
    if step["state"] != PAIRED:
        return "–"
    return "flattened otherwise" if step["permutation"] is None else ", ".join(map(str, step["permutation"]))
