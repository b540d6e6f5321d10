"""Progress of a child's work that a page waits for, with Cancel; any click ends it, as does leaving the page."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from core.errors import FormatError
from core.introspection.describe import PartDescription, describe_part
from core.text.numbers import format_duration
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

ActionResult = TypeVar("ActionResult")
OnProgress = Callable[[dict[str, Any]], None]
SHOW_AFTER_SECONDS = 0.4  # seconds before anything is shown
REDRAW_SECONDS = 0.25  # seconds between two updates of the bar
PART_PROGRESS_TITLES = {
    "signatures": "Reading signatures",
    "layers": "Reading layers",
    "config": "Reading the configuration",
    "operators": "Reading operations",
    "tensors": "Reading every tensor",
}


def run_with_progress(
    key: str, title: str, action: Callable[[OnProgress, Callable[[], bool]], ActionResult]
) -> ActionResult | None:
    """Return what `action(on_progress, is_cancelled)` returns, and raise what it raises.

    Returns None where the user cancelled it, and shows a button to begin again.
    """
    state_key, icon = f"stopped-{key}", ":material/replay:"
    if st.session_state.get(state_key):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{title}: cancelled.", width="content")
            st.button("Begin again", icon=icon, key=f"again-{key}", on_click=_clear_cancelled, args=(state_key,))
        return None
    placeholder = st.empty()
    progress_bar = _ProgressBar(placeholder, key, title)
    try:
        return action(progress_bar.update, progress_bar.poll)
    finally:
        placeholder.empty()


def _clear_cancelled(state_key: str) -> None:
    st.session_state.pop(state_key, None)


class _ProgressBar:
    """A progress bar that appears after a moment; each time it is drawn, Streamlit ends this run if a click came in."""

    def __init__(self, placeholder: Any, key: str, title: str):
        self._placeholder, self._key, self._title = placeholder, key, title
        self._started = self._last_drawn = time.monotonic()
        self._done, self._note = 0.0, ""
        self._bar: Any = None

    def update(self, progress: dict[str, Any]) -> None:
        self._done, self._note = float(progress.get("done", 0.0)), str(progress.get("note", ""))

    def poll(self) -> bool:
        """Redraw the bar when it is due. Always False: a click ends the run while the bar is drawn."""
        now = time.monotonic()
        if now - self._started > SHOW_AFTER_SECONDS and now - self._last_drawn > REDRAW_SECONDS:
            self._last_drawn = now
            self._draw(now - self._started)
        return False

    def _draw(self, seconds: float) -> None:
        if self._bar is None:
            with self._placeholder.container(horizontal=True, vertical_alignment="center"):
                self._bar = st.progress(0.0)
                stop, args = st.session_state.__setitem__, (f"stopped-{self._key}", True)
                st.button("Cancel", icon=":material/stop_circle:", key=f"stop-{self._key}", on_click=stop, args=args)
        self._bar.progress(min(max(self._done, 0.0), 1.0), text=self._text(seconds))

    def _text(self, seconds: float) -> str:
        state = current_jobs().worker.state()
        if state.phase == "warming" and not self._done:
            return f"TensorFlow is warming up, {format_duration(state.seconds)}"
        note = f" · {escape_markdown(self._note[:60])}" if self._note else ""
        return f"{self._title}, {format_duration(seconds)}{note}"


def load_part(artifact_id: str, part: str) -> PartDescription | None:
    """Read a part of an artifact's files; show why and return None where it was cancelled or cannot be read."""
    try:
        return run_with_progress(
            f"{artifact_id}-{part}",
            PART_PROGRESS_TITLES[part],
            lambda on_progress, is_cancelled: describe_part(
                current_jobs(), artifact_id, part, on_progress, is_cancelled
            ),
        )
    except FormatError as error:
        show_error(error, "This cannot be looked into")
        return None
