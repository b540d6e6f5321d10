"""Tolerances that a person sets for the outputs of a comparison: in the address, and held to at once."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import InputError
from core.jobs.tolerances import ALL_OUTPUTS, Tolerance, check_tolerances, parse_tolerances
from core.library.job_store import Job
from core.text.metrics import format_exact
from ui.components import show_error
from ui.session import current_jobs

QUERY_PARAM = "tolerance"  # in the address, written as the command line takes it
TOLERANCE_HELP = (
    "A number of the copy passes where |copy − baseline| ≤ absolute + relative · |baseline|. Leave both empty to "
)
TOLERANCE_HELP += "hold nothing to a tolerance."


def show_tolerance_fields(output_index: int, outputs: Sequence[str]) -> None:
    """Ask for the tolerance of the output number `at`."""
    _read_query(outputs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for kind, word, example in (("atol", "Absolute", "1e-4"), ("rtol", "Relative", "1e-2")):
            st.text_input(
                f"{word} tolerance",
                key=f"{kind}-{output_index}",
                placeholder=f"for example {example}",
                help=TOLERANCE_HELP,
                on_change=_write_query,
                args=(outputs,),
                width=220,
            )
    try:
        parse_tolerances([_tolerance_text(output_index)] if _tolerance_text(output_index) else [])
    except InputError as error:
        show_error(error)


def tolerances_from_query() -> dict[str, Tolerance]:
    """Those of the address that can be read."""
    found = {}
    for text in st.query_params.get_all(QUERY_PARAM):
        try:
            found |= parse_tolerances([text])
        except InputError:
            continue  # said below its box
    return found


def check_job_tolerances(job: Job, outputs: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Which copies pass, by artifact and output; empty where nothing is wanted of any output."""
    wanted = {name: one for name, one in tolerances_from_query().items() if name in (ALL_OUTPUTS, *outputs)}
    current_jobs().job_store.folder(job.id)
    return _cached_check(job.id, job.finished, tuple((name, *one) for name, one in wanted.items())) if wanted else {}


@st.cache_data(show_spinner="Holding every row against the tolerance", max_entries=64)
def _cached_check(job_id: str, finished: str, requested: tuple[tuple[str, float, float], ...]) -> dict[str, Any]:
    """A finished job never changes: its id and its end are key enough."""
    limits = {name: Tolerance(*numbers) for name, *numbers in requested}
    found = check_tolerances(current_jobs(), current_jobs().job_store.read(job_id), limits)
    return {id_: {name: one._asdict() for name, one in by_output.items()} for id_, by_output in found.items()}


def _read_query(outputs: Sequence[str]) -> None:
    """Fill the boxes with what the address says, when it is another than the one they wrote."""
    asked = st.query_params.get_all(QUERY_PARAM)
    if st.session_state.get(f"{QUERY_PARAM}-seen") == asked and "atol-0" in st.session_state:
        return
    st.session_state[f"{QUERY_PARAM}-seen"] = asked
    wanted = tolerances_from_query()
    for at, output in enumerate(outputs):
        one = wanted.get(output, wanted.get(ALL_OUTPUTS))
        st.session_state[f"atol-{at}"] = format_exact(one.atol) if one else ""
        st.session_state[f"rtol-{at}"] = format_exact(one.rtol) if one and one.rtol else ""


def _write_query(outputs: Sequence[str]) -> None:
    texts = [f"{output}={_tolerance_text(at)}" for at, output in enumerate(outputs) if _tolerance_text(at)]
    st.query_params[QUERY_PARAM] = texts
    st.session_state[f"{QUERY_PARAM}-seen"] = texts


def _tolerance_text(output_index: int) -> str:
    """One output's boxes as the command line writes them."""
    absolute, relative = (st.session_state.get(f"{kind}-{output_index}", "").strip() for kind in ("atol", "rtol"))
    if not absolute and not relative:
        return ""
    return f"{absolute or 0},{relative}" if relative else absolute
