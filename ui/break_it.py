"""Parts of the Break it page: the cards, what came of each lever, and its cure."""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import streamlit as st

from core.arrays import as_text, is_text
from core.break_it import Card, get_card
from core.figures.images import row_image
from core.jobs.break_it import TrialResult
from core.library.job_store import Job
from ui.components import button_label, escape_markdown, verdict_badge
from ui.job_progress import follow_job
from ui.session import current_jobs

MAX_SUMMARY = 90  # characters of an error on a closed card
COLUMNS = 3  # of cards, where the page is wide
OPENED_HERE = "card-opened-here"  # under this key, the card that was opened on the page and not by a link
Trials = tuple[Job | None, Job | None]  # of a card's lever and of its cure


def pull_linked_card() -> str | None:
    """Return the key of the card that the address names, with its lever pulled. Raises UnknownName."""
    key = st.query_params.get("card")
    if key and current_jobs().find_trials(key)[0] is None:
        current_jobs().pull_lever(key)
    return key


def arrange_cards(cards: Sequence[Card], opened: str | None) -> tuple[list[Card], Card | None, list[Card]]:
    """Return the cards above the open one, that one, and those below.

    It stands in place of its row where it was opened on the page, and above all others where a link opened it.
    """
    index = next((number for number, card in enumerate(cards) if card.key == opened), None)
    if index is None:
        return list(cards), None, []
    above = index - index % COLUMNS if st.session_state.get(OPENED_HERE) == opened else 0
    return list(cards[:above]), cards[index], [card for card in cards[above:] if card.key != opened]


def show_tally(trials: Mapping[str, Trials]) -> None:
    """Show how many levers this user has pulled, and how many of them were silent."""
    pulled = [key for key, (lever, _) in trials.items() if lever and lever.state == "done"]
    if pulled:
        silent = sum(get_card(key).is_silent for key in pulled)
        cured = sum(bool(cure and cure.state == "done") for _, cure in trials.values())
        text = f"{len(pulled)} of {len(trials)} pulled · {silent} silent · {cured} cured"
        st.progress(len(pulled) / len(trials), text=text)


def show_cards(cards: Sequence[Card], trials: Mapping[str, Trials]) -> None:
    """Show closed cards side by side: the lever of each, or in short what came of it; nothing where there are none."""
    if not cards:
        return
    with st.grid(COLUMNS, min_column_width=260):
        for card in cards:
            with st.container(border=True, height="stretch", key=f"card-{card.key}"):
                _show_closed_card(card, *trials[card.key])


def _show_closed_card(card: Card, lever: Job | None, cure: Job | None) -> None:
    st.markdown(f"**:material/{card.icon}: {escape_markdown(card.title)}**")
    st.markdown(escape_markdown(card.lever))
    if lever and lever.is_active:
        st.caption(":material/progress_activity: Under way")
        _show_card_button(card, "Open", ":material/expand_more:", _open)
    elif lever and lever.state == "done":
        st.caption(_summarize(cast(TrialResult, lever.result)))
        _show_badges(card, cure)
        st.space("stretch")
        _show_card_button(card, "Open", ":material/expand_more:", _open)
    else:
        st.caption(f"Shown on: {card.demo.label}.")
        st.space("stretch")  # the buttons of a row stand side by side
        _show_card_button(card, "Pull", ":material/toggle_on:", _pull)


def show_open_card(card: Card, lever: Job | None, cure: Job | None) -> None:
    """Show a card whose lever is pulled: its progress, then what it did in three lines, and the cure beside them."""
    with st.container(border=True, key=f"card-{card.key}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.header(f":material/{card.icon}: {escape_markdown(card.title)}", width="content", anchor=False)
            with st.container(horizontal=True, width="content"):
                if not any(job and job.is_active for job in (lever, cure)):
                    _show_button(card, "Pull again", ":material/replay:", _pull)
                _show_button(card, "Close", ":material/expand_less:", _close)
        st.caption(f"{escape_markdown(card.lever)} Shown on: {escape_markdown(card.demo.label)}.")
        if lever:
            follow_job(lever)
            if lever.state == "done":
                _show_trials(card, lever, cure)


def _show_card_button(card: Card, verb: str, icon: str, action: Callable[[str], None]) -> None:
    """Show the button of a closed card, whose name says of which: others have the same verb."""
    label, key = button_label(verb, card.title), f"{verb.lower()}-{card.key}"
    st.button(label, icon=icon, key=key, on_click=action, args=(card.key,), wrap=True)


def _show_button(card: Card, label: str, icon: str, action: Callable[[str], None], is_primary: bool = False) -> None:
    key, type_ = f"{label.lower().replace(' ', '-')}-{card.key}", "primary" if is_primary else "secondary"
    st.button(label, icon=icon, key=key, type=cast(Any, type_), on_click=action, args=(card.key,))


def _pull(key: str) -> None:
    current_jobs().pull_lever(key, again=True)
    _open(key)


def _open(key: str) -> None:
    if st.query_params.get("card") != key:  # one that is open stays where it stands
        st.session_state[OPENED_HERE] = key
        st.query_params["card"] = key


def _close(key: str) -> None:
    st.query_params.pop("card", None)


def _cure(key: str) -> None:
    current_jobs().cure(key)


def _summarize(result: TrialResult) -> str:
    """What came of a lever, in a line."""
    if error := result["error"]:
        return escape_markdown(textwrap.shorten(f"{error['kind']}: {error['cause']}", MAX_SUMMARY, placeholder=" …"))
    example = result["example"]
    return f"It reads {example['right']} as {example['answer']}, and says nothing."


def _show_badges(card: Card, cure: Job | None) -> None:
    with st.container(horizontal=True):
        if card.is_silent:
            st.badge("Silent", icon=":material/volume_off:", color="orange", help="Wrong answers, and no error.")
        else:
            st.badge("Error", icon=":material/error:", color="red", help="The library raised an error.")
        if cure and cure.state == "done":
            st.badge("Cured", icon=":material/healing:", color="green", help="The cure was done and shown to work.")


def _show_trials(card: Card, lever: Job, cure: Job | None) -> None:
    """Show what a lever did, in three lines, and the cure beside it."""
    left, right = st.columns(2, gap="large")
    with left:
        _show_lines({"What you did": card.did})
        _show_trial(card, lever, "After the lever")
        _show_lines({"What it means": card.meaning})
        _show_code(card.pull)
        st.markdown(f":material/link: [Link to this card, pulled](break_it?card={card.key})")
        if card.report:
            st.markdown(f":material/forum: [Reported by others: {card.report}]({_report_url(card.report)})")
    with right:
        _show_lines({"Cure": card.remedy})
        if cure is None or not (cure.is_active or cure.state == "done"):
            _show_button(card, "Cure it", ":material/healing:", _cure, is_primary=True)
        if cure:
            follow_job(cure)
        if cure and cure.state == "done":
            _show_trial(card, cure, "After the cure")
            _show_code(card.cure)


def _report_url(report: str) -> str:
    """Return the address of a public report, named as "owner/name#number"."""
    repository, _, number = report.partition("#")
    return f"https://github.com/{repository}/issues/{number}"


def _show_lines(lines: Mapping[str, str]) -> None:
    for title, text in lines.items():
        st.markdown(f"**{title}**  \n{escape_markdown(text)}")


def _show_code(function: Callable[..., Any]) -> None:
    with st.expander("The code that did this"):
        st.code(inspect.getsource(function))


def _show_trial(card: Card, job: Job, name: str) -> None:
    """Show what the libraries said, and how what was loaded reads an example that the saved model had right."""
    result = cast(TrialResult, job.result)
    _show_words(result)
    if result["verdict"]:
        verdict_badge(result["verdict"], result["changed"], result["rows"])
        _show_example(card, job, result, name)
        if result["repeats"] is False:
            st.caption("The same rows, asked a second time, get other answers.")


def _show_words(result: TrialResult) -> None:
    error, messages = result["error"], result["messages"]
    with st.container(gap="xsmall"):  # below their heading, as the lines above and below them are
        st.markdown("**What TensorFlow said**")
        if error:
            st.code(f"{error['kind']}: {error['cause']}", language=None, wrap_lines=True)
        elif not messages:
            st.markdown(":material/volume_off: Nothing: no error, no warning.")
        if messages:
            st.code("\n".join(messages), language=None, wrap_lines=True)
    if error and error["text"] != error["cause"]:
        with st.expander("All of its message"):
            st.code(error["text"], language=None, wrap_lines=True)


def _show_example(card: Card, job: Job, result: TrialResult, name: str) -> None:
    example = result["example"]
    rows = current_jobs().job_store.load_arrays(job.id)
    with st.container(horizontal=True, vertical_alignment="center", key=f"example-{job.id}"):
        with st.container(horizontal=True, width="content"):
            _show_inputs(card, rows.values(), f"A test example that the saved model reads as {example['right']}")
        with st.container(horizontal=True, width="content"):
            st.metric("The saved model", example["right"], width="content")
            st.metric(name, example["answer"], width="content")


def _show_inputs(card: Card, arrays: Iterable[np.ndarray], alt: str) -> None:
    for array in arrays:
        if is_text(array):
            st.markdown(f"“{escape_markdown(str(as_text(array).item()))}”", width="content")
        else:
            shape = card.demo.image_shapes[card.settings.dataset]
            st.image(row_image(array[0], shape), width=64, alt=alt)
