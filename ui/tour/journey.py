"""Step 3: guess which copy answers differently, then see each opened in a process that has never seen the model."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.compare import Verdict
from core.compatibility.losses import SEPARATOR, find_losses
from core.evidence.records import ReloadOutcome
from core.formats import get_format
from core.text.labels import capitalize_first, pluralize
from core.text.numbers import format_size
from core.text.verdicts import verdict_label
from ui.browser_component import BUTTON, PICTURE, load_component
from ui.findings import show_losses
from ui.session import current_jobs
from ui.tour.copies import find_different, load_outcomes
from ui.tour.story import SUITCASES, Tour

_JOURNEY = load_component(Path(__file__).parent, "journey", BUTTON, PICTURE)


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
            "losses": _losses_text(tour.copies[key]) if guess else "",
            "tone": choose_tone(outcomes[key].verdict) if guess else "",
        }
        for key in SUITCASES
        if key in outcomes
    ]
    message = judge_guess(guess, find_different(outcomes)) if guess else ""
    data = {
        "question": "" if guess else ask(len(copies)),
        "copies": copies,
        "guess": guess,
        "message": message,
        "stays": describe_comparison(outcomes) if guess else "",
    }
    _JOURNEY(key="journey", data=data, on_guess_change=_keep_guess)
    if guess:
        _show_lost({copy["name"]: tour.copies[copy["key"]] for copy in copies})


def ask(count: int) -> str:
    """The question over so many copies; empty where there is none to ask about."""
    if count < 2:
        return "Guess first: press it if it answers differently than the model that was trained." if count else ""
    return f"Guess first: which of these {count} answers differently than the model that was trained? Press it."


def describe_comparison(outcomes: Mapping[str, ReloadOutcome]) -> str:
    """Say with what the answers of the copies were compared."""
    rows = max((outcome.rows or 0 for outcome in outcomes.values()), default=0)
    asked = f"the same {pluralize(rows, 'test example')}" if rows else "the same test examples"
    compared = "and what it answered was compared with the model"
    return f"The live model stays here. Each copy that loads was asked {asked}, {compared}."


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


def _losses_text(artifact_id: str) -> str:
    labels = [loss.label for loss in find_losses(current_jobs().library, artifact_id)]
    return capitalize_first(SEPARATOR.join(labels))


def _show_lost(copies: dict[str, str]) -> None:
    """Lead from each copy that lost something (ids by name) to the findings."""
    lost = {name: id_ for name, id_ in copies.items() if find_losses(current_jobs().library, id_)}
    if lost:
        st.markdown("What each lost, and how that was found:")
    for name, id_ in lost.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{name}**", width="content")
            show_losses(id_)


def choose_tone(verdict: Verdict) -> str:
    """The colour of a verdict; neutral where the copy's answers were not compared."""
    if verdict.rank <= Verdict.SAME_ANSWERS.rank:
        return "good"
    return {Verdict.SOME_CHANGED: "fair", Verdict.DIFFERENT: "bad"}.get(verdict, "neutral")
