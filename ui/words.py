"""Words on screen: sizes, times, verdicts and errors, said the same way everywhere."""

import re
from datetime import datetime

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError, from_json

# Verdict: icon, colour of its badge, and what it means to somebody who has never seen it.
VERDICTS = {
    Verdict.BIT_IDENTICAL: (
        ":material/verified:",
        "green",
        "Every number of every answer is the same, to the last bit.",
    ),
    Verdict.ROUNDING: (
        ":material/check_circle:",
        "green",
        "No answer changed; the numbers differ only as two correct computations round differently.",
    ),
    Verdict.SAME_ANSWERS: (
        ":material/check:",
        "blue",
        "No answer changed, but the numbers behind the answers differ by more than rounding.",
    ),
    Verdict.SOME_CHANGED: (":material/warning:", "orange", "On some rows this copy answers something else."),
    Verdict.DIFFERENT: (
        ":material/close:",
        "red",
        "On most rows this copy answers something else: it is another model.",
    ),
    Verdict.DOES_NOT_LOAD: (":material/block:", "red", "The copy did not come back in a fresh process."),
}

PARTS_MEAN = {
    "architecture": "The layers and how they are connected, as text. Without it, weights are just numbers.",
    "weights": "The numbers that were learned. Without them, the architecture gives random answers.",
    "optimizer state": "What training needs to carry on where it stopped: the step count and running averages.",
    "compile settings": "The loss, the metrics and the optimizer's settings.",
    "graph": "The computation itself, frozen as operations. It runs without the original Python code.",
    "signatures": "Named entry points with the names, types and shapes of inputs and outputs.",
}


def size(count: int | None) -> str:
    """Bytes for people: 950 B, 12.3 kB, 4.5 MB."""
    if count is None:
        return "–"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """Seconds for people: 3 ms, 0.24 s, 12 s, 3 min 20 s."""
    if seconds is None:
        return "–"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def score(name: str, value: float | None) -> str:
    """A score for people: shares as percent, errors as numbers."""
    if value is None:
        return "–"
    return f"{value:.1%}" if name == "accuracy" else f"{value:.3g}"


def moment(iso: str) -> str:
    """A UTC time stamp as a short local date and time."""
    return datetime.fromisoformat(iso).astimezone().strftime("%d %b %Y, %H:%M")


def plain(text: str) -> str:
    """Text of a person or a file, made harmless for Markdown: shown as it is, and never a link, picture or formula."""
    # Addresses are made links after Markdown is read, whatever was escaped in them: an invisible joiner breaks them up.
    apart = re.sub(r"(?i)(https?:|www|@)", "\\1\u2060", text)
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])", r"\\\1", apart)


def verdict_words(verdict: str | Verdict, changed: int | None = None, rows: int | None = None) -> str:
    """The verdict in words; where answers changed, how many."""
    kind = Verdict(verdict)
    if kind in (Verdict.SOME_CHANGED, Verdict.DIFFERENT) and changed is not None:
        return f"{kind.words}: {changed:,} of {rows:,} rows"
    return kind.words


def verdict_badge(verdict: str | Verdict, changed: int | None = None, rows: int | None = None) -> None:
    """The verdict as a badge, with its meaning as a tooltip."""
    icon, colour, meaning = VERDICTS[Verdict(verdict)]
    st.badge(verdict_words(verdict, changed, rows), icon=icon, color=colour, help=meaning)


def show_error(error: RoundtripError | dict[str, str], title: str | None = None) -> None:
    """An error as a person should see it: the sentence, the cure, and the foreign library's words on demand."""
    if isinstance(error, dict):
        error = from_json(error)
    said = f"Received: {error.received}." if error.received else ""
    st.error(plain(" ".join(part for part in (error.sentence, said, error.cure) if part)), title=title)
    if error.detail:
        with st.expander("What the library said, in full"):
            st.code(error.detail, language=None, wrap_lines=True)


def empty(sentence: str, button: str, page: str, icon: str = ":material/arrow_forward:") -> None:
    """An empty state: what is missing, and the next click."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(sentence, text_alignment="center")
        if st.button(button, type="primary", icon=icon):
            from ui.frame import go

            go(page)
