"""Choice of what completes each copy that is half a model: its code, or the weights of another."""

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from core.jobs.code_sources import list_code_sources
from core.text.labels import pluralize
from ui.query_params import bind_select
from ui.session import current_jobs


def choose_code_sources(ids: Iterable[str], question_of: Callable[[str], str]) -> dict[str, str]:
    """Choose what completes each copy that is half a model, under a question; the choice stands in the address."""
    library = current_jobs().library
    labels = {id_: {source.key: source.label for source in list_code_sources(library, id_)} for id_ in ids}
    halves = [id_ for id_ in labels if next(iter(labels[id_])) != "none"]
    if not halves:
        return {}
    with st.expander(f"What completes {pluralize(len(halves), 'copy', 'copies')}", icon=":material/join:"):
        return {id_: _choose_code_source(id_, question_of(id_), labels[id_]) for id_ in halves}


def _choose_code_source(id_: str, question: str, labels: dict[str, str]) -> str:
    choice: Any = st.selectbox(
        question,
        **bind_select(f"code-{id_}", list(labels)),
        format_func=labels.__getitem__,
        help="This copy is half a model, or has layers of its own: something must bring the other half.",
    )
    return choice
