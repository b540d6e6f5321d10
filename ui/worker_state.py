"""The state of the worker in one line: cold, warming up, ready, or failed."""

import streamlit as st

from core.text.numbers import format_duration
from ui.session import current_jobs


def show_worker_state(is_polling: bool) -> None:
    """Show the state of the worker; `is_polling` is whether this is drawn every second."""
    state = current_jobs().worker.state()
    texts = {
        "cold": ":material/hourglass_empty: TensorFlow is about to warm up.",
        "warming": f":material/hourglass_top: TensorFlow is warming up, {format_duration(state.seconds)}",
        "ready": ":green[:material/check_circle:] TensorFlow is ready.",
        "failed": ":red[:material/error:] TensorFlow did not start; your next job tries again.",
    }
    st.markdown(texts[state.phase])
    if state.phase == "ready" and is_polling:
        st.rerun()  # which draws it without polling
