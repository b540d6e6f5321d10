"""Tolerances that a person sets for the outputs of a comparison: in the address, and held to at once."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import InputError
from core.jobs.tolerances import EVERY, Tolerance, held_to, tolerances
from core.library.job_store import Job
from core.text.metrics import exact
from ui.components import show_error
from ui.session import current_jobs

NAME = "tolerance"  # in the address, written as the command line takes it
PASSES = "A number of the copy passes where |copy − baseline| ≤ absolute + relative · |baseline|. Leave both empty to "
PASSES += "hold nothing to a tolerance."


def ask_tolerance(at: int, outputs: Sequence[str]) -> None:
    """Ask for the tolerance of the output number `at`."""
    _read_address(outputs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for kind, word, example in (("atol", "Absolute", "1e-4"), ("rtol", "Relative", "1e-2")):
            st.text_input(
                f"{word} tolerance",
                key=f"{kind}-{at}",
                placeholder=f"for example {example}",
                help=PASSES,
                on_change=_write_address,
                args=(outputs,),
                width=220,
            )
    try:
        tolerances([_text(at)] if _text(at) else [])
    except InputError as error:
        show_error(error)


def wanted_tolerances() -> dict[str, Tolerance]:
    """Those of the address that can be read."""
    found = {}
    for text in st.query_params.get_all(NAME):
        try:
            found |= tolerances([text])
        except InputError:
            continue  # said below its box
    return found


def passed(job: Job, outputs: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Which copies pass, by artifact and output; empty where nothing is wanted of any output."""
    wanted = {name: one for name, one in wanted_tolerances().items() if name in (EVERY, *outputs)}
    current_jobs().journal.folder(job.id)
    return _held(job.id, job.finished, tuple((name, *one) for name, one in wanted.items())) if wanted else {}


@st.cache_data(show_spinner="Holding every row against the tolerance", max_entries=64)
def _held(job_id: str, finished: str, wanted: tuple[tuple[str, float, float], ...]) -> dict[str, Any]:
    """A finished job never changes: its id and its end are key enough."""
    limits = {name: Tolerance(*numbers) for name, *numbers in wanted}
    found = held_to(current_jobs(), current_jobs().journal.read(job_id), limits)
    return {id_: {name: one._asdict() for name, one in by_output.items()} for id_, by_output in found.items()}


def _read_address(outputs: Sequence[str]) -> None:
    """Fill the boxes with what the address says, when it is another than the one they wrote."""
    asked = st.query_params.get_all(NAME)
    if st.session_state.get(f"{NAME}-seen") == asked and "atol-0" in st.session_state:
        return
    st.session_state[f"{NAME}-seen"] = asked
    wanted = wanted_tolerances()
    for at, output in enumerate(outputs):
        one = wanted.get(output, wanted.get(EVERY))
        st.session_state[f"atol-{at}"] = exact(one.atol) if one else ""
        st.session_state[f"rtol-{at}"] = exact(one.rtol) if one and one.rtol else ""


def _write_address(outputs: Sequence[str]) -> None:
    texts = [f"{output}={_text(at)}" for at, output in enumerate(outputs) if _text(at)]
    st.query_params[NAME] = texts
    st.session_state[f"{NAME}-seen"] = texts


def _text(at: int) -> str:
    """One output's boxes as the command line writes them."""
    absolute, relative = (st.session_state.get(f"{kind}-{at}", "").strip() for kind in ("atol", "rtol"))
    if not absolute and not relative:
        return ""
    return f"{absolute or 0},{relative}" if relative else absolute
