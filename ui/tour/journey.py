"""Step 3: guess which copy answers differently, then see each opened in a process that has never seen the model."""

from pathlib import Path

import streamlit as st

from core.compare import Verdict
from core.evidence.records import ReloadOutcome
from core.formats import get_format
from core.text.labels import verdict_label
from core.text.numbers import format_size
from ui.browser_component import PICTURE, load_component
from ui.session import current_jobs
from ui.tour.copies import find_different, load_outcomes
from ui.tour.story import SUITCASES, Tour

_JOURNEY = load_component(Path(__file__).parent, "journey", PICTURE)


def show_journey(tour: Tour) -> None:
    """Show the suitcases, take the guess, and then show the verdicts; the guess stands in the address."""
    guess, outcomes = requested_guess(), load_outcomes(tour)
    library = current_jobs().library
    copies = [
        {
            "key": key,
            "name": get_format(key).label,
            "size": format_size(library.artifact(tour.copies[key]).bytes),
            "verdict": _verdict_text(outcomes[key]) if guess else "",
            "tone": choose_tone(outcomes[key].verdict) if guess else "",
        }
        for key in SUITCASES
        if key in outcomes
    ]
    message = judge_guess(guess, find_different(outcomes)) if guess else ""
    data = {"question": ask(len(copies)), "copies": copies, "guess": guess, "message": message}
    _JOURNEY(key="journey", data=data, on_guess_change=_keep_guess)


def ask(count: int) -> str:
    """The question over so many copies; empty where there is none to ask about."""
    if count < 2:
        return "Guess first: press it if it answers differently than the model that was trained." if count else ""
    return f"Guess first: which of these {count} answers differently than the model that was trained?"


def requested_guess() -> str:
    """The format that the address names as the guess; empty where there is none."""
    guess = st.query_params.get("guess", "")
    return guess if guess in SUITCASES else ""


def _keep_guess() -> None:
    if (guess := st.session_state["journey"].get("guess")) in SUITCASES:
        st.query_params["guess"] = guess


def judge_guess(guess: str, different: list[str]) -> str:
    """Say whether a guess was right, and which copies answer differently."""
    names = " and ".join(get_format(key).label for key in different)
    if not different:
        return "None of them was found to answer differently than the model that was trained."
    verb = "answer" if len(different) > 1 else "answers"
    return f"{'Right' if guess in different else 'Not that one'}: {names} {verb} differently."


def _verdict_text(outcome: ReloadOutcome) -> str:
    return verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows)


def choose_tone(verdict: Verdict) -> str:
    """The colour of a verdict; neutral where the copy's answers were not compared."""
    if verdict.rank <= Verdict.SAME_ANSWERS.rank:
        return "good"
    return {Verdict.SOME_CHANGED: "fair", Verdict.DIFFERENT: "bad"}.get(verdict, "neutral")
