"""Work of a child that a page waits for: how far it is, and Cancel. A click anywhere ends it, as does leaving."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from core.text.labels import duration
from ui.components import plain
from ui.session import current_jobs

Found = TypeVar("Found")
Hear = Callable[[dict[str, Any]], None]
QUIET = 0.4  # seconds before anything is shown
EVERY = 0.25  # seconds between two looks at how far it is


def watched(key: str, what: str, action: Callable[[Hear, Callable[[], bool]], Found]) -> Found | None:
    """What `action(hear, cancelled)` gives; None where a person cancelled it, with a button to begin again.

    Raises what `action` raises.
    """
    stopped = f"stopped-{key}"
    if st.session_state.get(stopped):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{what}: cancelled.", width="content")
            st.button("Begin again", icon=":material/replay:", key=f"again-{key}", on_click=_forget, args=(stopped,))
        return None
    place = st.empty()
    watch = _Watch(place, key, what)
    try:
        return action(watch.hear, watch.look)
    finally:
        place.empty()


def _forget(stopped: str) -> None:
    st.session_state.pop(stopped, None)


class _Watch:
    """A progress bar that appears after a moment. Each time it is drawn, Streamlit ends this run if a click came in."""

    def __init__(self, place: Any, key: str, what: str):
        self._place, self._key, self._what = place, key, what
        self._began = self._drawn = time.monotonic()
        self._done, self._note = 0.0, ""
        self._bar: Any = None

    def hear(self, progress: dict[str, Any]) -> None:
        self._done, self._note = float(progress.get("done", 0.0)), str(progress.get("note", ""))

    def look(self) -> bool:
        """Whether to stop: never by itself, see above."""
        now = time.monotonic()
        if now - self._began > QUIET and now - self._drawn > EVERY:
            self._drawn = now
            self._draw(now - self._began)
        return False

    def _draw(self, seconds: float) -> None:
        if self._bar is None:
            with self._place.container(horizontal=True, vertical_alignment="center"):
                self._bar = st.progress(0.0)
                stop = st.session_state.__setitem__
                words = (f"stopped-{self._key}", True)
                st.button("Cancel", icon=":material/stop_circle:", key=f"stop-{self._key}", on_click=stop, args=words)
        self._bar.progress(min(max(self._done, 0.0), 1.0), text=self._saying(seconds))

    def _saying(self, seconds: float) -> str:
        state = current_jobs().worker.state()
        if state.phase == "warming" and not self._done:
            return f"TensorFlow is warming up, {duration(state.seconds)}"
        return f"{self._what}, {duration(seconds)}" + (f" · {plain(self._note[:60])}" if self._note else "")
