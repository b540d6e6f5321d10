"""Components that all pages share: badges, errors, empty states, texts that are safe in Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError, error_from_json, is_transient
from core.library import Library, Run
from core.text.labels import format_timestamp, mark_imported
from core.text.numbers import format_score
from core.text.verdicts import verdict_label, verdict_meaning
from ui.navigation import PAGES, get_page, go

# Icon and colour of each verdict's badge.
Badge = tuple[str, Literal["green", "blue", "orange", "red", "gray"]]
VERDICT_BADGES: dict[Verdict, Badge] = {
    Verdict.BIT_IDENTICAL: (":material/verified:", "green"),
    Verdict.ROUNDING: (":material/check_circle:", "green"),
    Verdict.SAME_ANSWERS: (":material/check:", "blue"),
    Verdict.SOME_CHANGED: (":material/warning:", "orange"),
    Verdict.DIFFERENT: (":material/close:", "red"),
    Verdict.NOT_COMPARABLE: (":material/help:", "gray"),
    Verdict.DOES_NOT_LOAD: (":material/block:", "red"),
    Verdict.NOT_RUN: (":material/pause_circle:", "gray"),
    Verdict.NOT_VERIFIED: (":material/sync_problem:", "orange"),
}

PART_MEANINGS = {
    "architecture": "The layers and how they are connected, as text. Without it, weights are just numbers.",
    "weights": "The numbers that were learned. Without them, the architecture gives random answers.",
    "weights, converted": "The numbers that were learned, in another form: in fewer bits, in another order, or as "
    "constants of a graph. They answer, and cannot be read back as they were.",
    "optimizer state": "What training needs to resume where it stopped: the step count and running averages.",
    "compile settings": "The loss, the metrics and the optimizer's settings.",
    "graph": "The computation itself, frozen as operations. It runs without the original Python code.",
    "signatures": "Named entry points with the names, types and shapes of inputs and outputs.",
}

IMPORTED_HELP = (
    "It came from outside, or was made from something that did. It was checked, and is only ever run in a sandboxed "
    "process."
)


# A space between a number and its unit, at which no line may end.
UNIT_SPACE = re.compile(r"(?<=\d) (?=(?:%|B|kB|MB|GB|µs|ms|s|min|h)(?!\w))")


def escape_markdown(text: str) -> str:
    """Escape a user's or a file's text for Markdown: shown as it is, and never a link, picture or formula.

    A number stays on one line with its unit.
    """
    text = UNIT_SPACE.sub("\N{NO-BREAK SPACE}", text)
    # Addresses become links after Markdown is parsed, even escaped ones: an invisible joiner breaks them up.
    without_links = re.sub(r"(?i)(https?:|www|@)", "\\1\u2060", text)
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])", r"\\\1", without_links)


def escape_sentence(text: str) -> str:
    """Escape a sentence for Markdown, in which what stands between two grave accents is code and shown as that."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if index % 2 else escape_markdown(part) for index, part in enumerate(parts))


def button_label(verb: str, subject: str) -> str:
    """Return the label of a button that stands on a page several times: the verb, and upon what."""
    return f"{verb}: {escape_markdown(subject)}"


def shown_verdict(verdict: str | Verdict, error: dict[str, str] | None = None) -> Verdict:
    """Return the verdict to show: "not verified" where a transient `error` stopped it."""
    return Verdict.NOT_VERIFIED if is_transient(error) else Verdict(verdict)


def verdict_badge(
    verdict: str | Verdict,
    changed: int | None = None,
    rows: int | None = None,
    error: dict[str, str] | None = None,
) -> None:
    """Show the verdict as a badge, its meaning as a tooltip; that of "not verified" where a transient `error` stopped
    it."""
    icon, colour = VERDICT_BADGES[shown_verdict(verdict, error)]
    label = verdict_label(verdict, changed, rows, error)
    st.badge(label, icon=icon, color=colour, help=verdict_meaning(verdict, error))


def trust_badge(trust: str) -> None:
    """Show a badge where a model is imported; nothing where it was made here."""
    if trust == "brought in":
        st.badge("Imported", icon=":material/input:", color="orange", help=IMPORTED_HELP)


def show_error(error: RoundtripError | dict[str, str], title: str | None = None) -> None:
    """Show an error: its sentence, what was received, the cure, and the foreign library's message on demand."""
    if isinstance(error, dict):
        error = error_from_json(error)
    st.error(escape_sentence(str(error)), title=title)
    if error.detail:
        with st.expander("What the library said, in full"):
            st.code(error.detail, language=None, wrap_lines=True)


def show_empty_state(message: str, button: str, page: str, icon: str = ":material/arrow_forward:") -> None:
    """Show an empty state: what is missing, and the next click."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(message, text_alignment="center")
        if st.button(button, type="primary", icon=icon):
            go(page)


def show_nothing_saved(message: str, library: Library) -> None:
    """Show that no copy is there yet; the next click leads to Save, or to Train where there is no run either."""
    show_empty_state(message, *(("Save a run", "save") if library.runs() else ("Train a model", "train")))


def show_page_cards(keys: Sequence[str], min_width: int, are_steps: bool = False) -> None:
    """Show a card for each page, which is a link to it as a whole; numbered where the pages are steps."""
    with st.grid(3, min_column_width=min_width):
        for number, key in enumerate(keys, start=1):
            title, icon, purpose = PAGES[key]
            with st.container(border=True, height="stretch", gap="xsmall", key=f"link-card-{key}"):
                label = f"**{number} · {title}**" if are_steps else f"**{title}**"
                st.page_link(get_page(key), label=label, icon=f":material/{icon}:")
                st.caption(purpose)


def describe_runs(library: Library, runs: Iterable[Run]) -> dict[str, str]:
    """Return each run in one line by its id: its name, numbered where others have the same, its score, its time."""
    names = library.run_names()
    return {run.id: _describe_run(run, names.get(run.id, run.name)) for run in runs}


def _describe_run(run: Run, name: str) -> str:
    score = [format_score(run.score_name, run.score)] if run.score is not None else []
    return " · ".join([mark_imported(name, run), *score, format_timestamp(run.created)])


def show_ids(ids: dict[str, str]) -> None:
    """Show ids on demand, by what they are of, to be copied."""
    with st.popover("Ids", icon=":material/fingerprint:", type="tertiary", help="For the command line and the API."):
        for name, id_ in ids.items():
            st.caption(name)
            st.code(id_, language=None)


def size_column(sizes: Sequence[int | None], **options: Any) -> tuple[list[float | None], Any]:
    """Return sizes in bytes as numbers of one unit for a table, which sorts them, and the column's configuration."""
    largest = max((size for size in sizes if size is not None), default=0)
    scale, unit = next(pair for pair in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if largest >= pair[0] or pair[0] == 1e3)
    numbers = [None if size is None else size / scale for size in sizes]
    places = 1 if unit == "kB" else 3
    return numbers, st.column_config.NumberColumn(format=f"%.{places}f {unit}", **options)
