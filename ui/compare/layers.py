"""First layer that differs: which two copies, the walk, its verdict, and the difference layer by layer."""

from typing import Any

import streamlit as st

from core.errors import InputError, RoundtripError
from core.figures.theme import CONFIG
from core.inputs import InputSet
from core.jobs.layers import MOST_ROWS, PAIRED, ROWS, TOLERANCE, UNPAIRED, require_layers
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import counted
from ui.charts import layer_differences
from ui.components import plain
from ui.job_progress import follow
from ui.query_params import in_address
from ui.session import current_jobs

TOLERANCES = {0.0: "every bit", 1e-6: "0.0001 %", 1e-5: "0.001 %", TOLERANCE: "0.01 %, rounding", 1e-3: "0.1 %"}
TOLERANCES |= {1e-2: "1 %", 1e-1: "10 %"}
SIGNS = {"same bits": "✓", "same": "✓", "differs": "✗", "fused or missing": "–", "no numbers": "–"}


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
    fitting = _fitting(baseline, others, names)
    if not fitting:
        return
    other, rows, tolerance = _asked(fitting, names, inputs)
    asked = inputs.id if inputs else None
    job = _job(baseline, other, rows, tolerance, asked)
    if st.button("Walk the layers", type="primary", icon=":material/footprint:", disabled=bool(job and job.active)):
        used = _only(sources or {}, (baseline, other))
        job = current_jobs().layers(baseline, other, rows, tolerance, used, inputs=asked)
        st.query_params["layers"] = job.id
    if job:
        follow(job, lambda seen: None)
        seen = current_jobs().journal.read(job.id)
        if seen.state == "done":
            _result(seen, names, inputs)


def _fitting(baseline: str, others: list[str], names: dict[str, str]) -> list[str]:
    """The copies that can be walked against the baseline; why the rest cannot is said."""
    fitting, refused = [], {}
    for id_ in others:
        try:
            require_layers(current_jobs().library, baseline, id_)
            fitting.append(id_)
        except InputError as error:
            if id_ != baseline:
                refused.setdefault(f"{error.sentence} {error.cure}", []).append(names.get(id_, id_))
    for why, which in refused.items():
        st.info(f"**{plain(', '.join(which))}**: {plain(why)}", icon=":material/visibility_off:")
    if not others or others == [baseline]:
        st.info("Choose another copy above, to be walked against the first.", icon=":material/arrow_upward:")
    return fitting


def _asked(fitting: list[str], names: dict[str, str], inputs: InputSet | None) -> tuple[str, int, float]:
    most = min(MOST_ROWS, inputs.rows) if inputs else MOST_ROWS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = in_address("walk", fitting)
        other = st.selectbox("Copy to walk", **bound, format_func=lambda id_: names.get(id_, id_), width=320)
        rows = st.number_input(
            "Rows",
            1,
            most,
            min(ROWS, most),
            width=120,
            help=f"The first {'of those asked above' if inputs else 'held-out rows'}. More rows find rarer "
            "differences, and take longer.",
        )
        tolerance = st.selectbox(
            "A layer may differ by",
            list(TOLERANCES),
            index=list(TOLERANCES).index(TOLERANCE),
            format_func=TOLERANCES.get,
            width=200,
            help="As a share of the layer's range: from its smallest to its largest value on these rows.",
        )
    return other, int(rows), float(tolerance)


def _job(baseline: str, other: str, rows: int, tolerance: float, inputs: str | None) -> Job | None:
    """The job that the address names, if it is the one that is asked for here."""
    try:
        job = current_jobs().journal.read(st.query_params.get("layers", ""))
    except RoundtripError:  # none, or one that is forgotten: it can be walked again
        return None
    asked = {"baseline": baseline, "other": other, "rows": rows, "tolerance": tolerance}
    return job if asked.items() <= job.request.items() and job.request.get("inputs") == inputs else None


def _only(sources: dict[str, str], ids: tuple[str, ...]) -> dict[str, str]:
    return {id_: key for id_, key in sources.items() if id_ in ids}


def _result(job: Job, names: dict[str, str], inputs: InputSet | None) -> None:
    found = job.result
    _verdict(found)
    held = plain(names.get(found["held"], found["held"]))
    said = {"structure": "by class and shape, in order", "value": "by value and shape, because formats rename them"}
    st.caption(
        f"{_count(found)}, on {_rows(found['rows'], inputs)}. "
        f"Partners in {held} were found {said[found['paired_by']]}. "
        + " ".join(plain(remark) for remark in found["remarks"])
    )
    figure = layer_differences(found["steps"], found["tolerance"], [_says(step) for step in found["steps"]])
    st.plotly_chart(figure, config=CONFIG, alt="The difference of each layer, as a share of its range", key="layers")
    _table(found)


def _rows(count: int, inputs: InputSet | None) -> str:
    """Which rows were used."""
    if inputs is None:
        return f"the first {counted(count, 'held-out row')}"
    if count < inputs.rows:
        return f"the first {counted(count, 'row')} of what is asked above"
    return "the row that is asked above" if count == 1 else f"the {count:,} rows that are asked above"


def _verdict(found: dict[str, Any]) -> None:
    """First of all, in one sentence."""
    measured = [step["relative"] for step in found["steps"] if step["state"] == PAIRED]
    if found["first"] is None:
        most = "every bit is the same" if not any(measured) else f"at most {_share(max(measured))} of a layer's range"
        limit = "rounding" if found["tolerance"] == TOLERANCE else "the tolerance"
        st.success(f"No layer differs by more than {limit}: {most}.", icon=":material/check_circle:")
        return
    step = found["steps"][found["first"]]
    by = f"by up to {step['max_abs']:.2g}, {_share(step['relative'])} of its range"
    if step["not_finite"]:
        by = f"{step['not_finite']:,} of its values are NaN or infinite in only one of the two"
    together = ""
    if found["together"]:
        layers = " and ".join(f"**{plain(one)}**" for one in found["together"])
        together = f" The other copy computes it together with {layers}: the cause may lie in any of them."
    st.warning(
        f"The first layer that differs is **{plain(step['layer'])}** ({plain(step['class'])}): {by}.{together}",
        icon=":material/search:",
    )


def _count(found: dict[str, Any]) -> str:
    layers, without = len(found["steps"]), sum(step["state"] == UNPAIRED for step in found["steps"])
    own = "1 has no tensor of its own" if without == 1 else f"{without} have no tensor of their own"
    return f"{layers:,} layers" + (f", of which {own} in the other copy (fused or missing)" if without else "")


def _says(step: dict[str, Any]) -> str:
    if step["state"] != PAIRED:
        return step["state"]
    return "differs" if step["above"] else "same" if step["max_abs"] else "same bits"


def _share(value: float) -> str:
    """A share for people: 12 %, 0.4 %, 3e-07."""
    return f"{value:.2g}" if value < 1e-5 else f"{100 * value:.2g} %"


def _table(found: dict[str, Any]) -> None:
    steps = found["steps"]
    columns = {
        "Layer": [step["layer"] for step in steps],
        "Verdict": [f"{SIGNS[says]} {says}" for says in map(_says, steps)],
        "Share of range": [step["relative"] for step in steps],
        "Largest difference": [step["max_abs"] for step in steps],
        "Mean difference": [step["mean_abs"] for step in steps],
        "Class": [step["class"] for step in steps],
        "Partner": [f"{step['op']} · {step['partner']}" if step["partner"] else "–" for step in steps],
        "Shape of a row": [" × ".join(map(str, (step["shape"] or [])[1:])) or "–" for step in steps],
        "Partner's axes": [_axes(step) for step in steps],
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


def _axes(step: dict[str, Any]) -> str:
    if step["state"] != PAIRED:
        return "–"
    return "flattened otherwise" if step["permutation"] is None else ", ".join(map(str, step["permutation"]))
