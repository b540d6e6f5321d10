"""Tolerances for the outputs of a comparison: they stand in the address, and are checked at once."""

from collections.abc import Sequence

import streamlit as st

from core.compare.tolerance import ToleranceJson
from core.errors import InputError
from core.jobs.comparison.compare_result import ALL_OUTPUTS, Tolerance, check_tolerances, parse_tolerances
from core.library.job_store import Job
from core.text.numbers import format_exact
from ui.components import show_error
from ui.session import current_jobs

Limits = tuple[tuple[str, float, float], ...]  # the numbers of a tolerance by output
QUERY_PARAM = "tolerance"  # in the address, written as the command line takes it
TOLERANCE_HELP = (
    "A number of the copy passes where |copy − baseline| ≤ absolute + relative · |baseline|. Leave both empty to hold "
    "nothing to a tolerance."
)


def show_tolerance_fields(output_index: int, outputs: Sequence[str]) -> None:
    """Show the fields for the tolerance of one output."""
    _restore_from_query(outputs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for kind, label, example in (("atol", "Absolute", "1e-4"), ("rtol", "Relative", "1e-2")):
            st.text_input(
                f"{label} tolerance",
                key=f"{kind}-{output_index}",
                placeholder=f"for example {example}",
                help=TOLERANCE_HELP,
                on_change=_write_query,
                args=(outputs,),
                width=220,
            )
    try:
        parse_tolerances(filter(None, [_tolerance_text(output_index)]))
    except InputError as error:
        show_error(error)


def tolerances_from_query() -> dict[str, Tolerance]:
    """Return the tolerances in the address by output, without invalid ones."""
    tolerances: dict[str, Tolerance] = {}
    for text in st.query_params.get_all(QUERY_PARAM):
        try:
            tolerances |= parse_tolerances([text])
        except InputError:
            continue  # shown below its field
    return tolerances


def check_job_tolerances(job: Job, outputs: Sequence[str]) -> dict[str, dict[str, ToleranceJson]]:
    """Return the results of the tolerance checks, by artifact and output; empty where no output has a tolerance."""
    current_jobs().job_store.folder(job.id)  # which checks permissions
    names = (ALL_OUTPUTS, *outputs)
    limits = tuple((name, *tolerance) for name, tolerance in tolerances_from_query().items() if name in names)
    return _cached_check(job.id, job.finished or "", limits) if limits else {}


@st.cache_data(show_spinner="Holding every row against the tolerance", max_entries=64)
def _cached_check(job_id: str, finished: str, limits: Limits) -> dict[str, dict[str, ToleranceJson]]:
    """Check tolerances; cached by the id and the end of the job, because a finished job never changes."""
    tolerances = {name: Tolerance(*numbers) for name, *numbers in limits}
    results = check_tolerances(current_jobs(), current_jobs().job_store.read(job_id), tolerances)
    return {id_: {name: result.to_json() for name, result in by_output.items()} for id_, by_output in results.items()}


def _restore_from_query(outputs: Sequence[str]) -> None:
    """Fill the fields from the address, unless the fields wrote it themselves."""
    texts = st.query_params.get_all(QUERY_PARAM)
    if st.session_state.get(f"{QUERY_PARAM}-seen") == texts and "atol-0" in st.session_state:
        return
    st.session_state[f"{QUERY_PARAM}-seen"] = texts
    tolerances = tolerances_from_query()
    for index, output in enumerate(outputs):
        tolerance = tolerances.get(output, tolerances.get(ALL_OUTPUTS))
        st.session_state[f"atol-{index}"] = format_exact(tolerance.atol) if tolerance else ""
        st.session_state[f"rtol-{index}"] = format_exact(tolerance.rtol) if tolerance and tolerance.rtol else ""


def _write_query(outputs: Sequence[str]) -> None:
    texts = [f"{output}={text}" for index, output in enumerate(outputs) if (text := _tolerance_text(index))]
    st.query_params[QUERY_PARAM] = texts
    st.session_state[f"{QUERY_PARAM}-seen"] = texts


def _tolerance_text(output_index: int) -> str:
    """Return one output's fields as the command line takes them; "" where both are empty."""
    absolute, relative = (st.session_state.get(f"{kind}-{output_index}", "").strip() for kind in ("atol", "rtol"))
    return f"{absolute or 0},{relative}" if relative else absolute
