"""Step 7: how the guess ended, and which copy to take."""

import streamlit as st

from core.formats import get_format
from ui.adviser import show_adviser
from ui.tour.copies import find_different, load_outcomes
from ui.tour.journey import judge_guess, requested_guess
from ui.tour.story import Tour


def show_choice(tour: Tour) -> None:
    """Show how the guess ended, and the adviser over the copies of the tour."""
    if guess := requested_guess():
        st.markdown(describe_guess(guess, find_different(load_outcomes(tour))))
    if tour.run:
        show_adviser(tour.run.id)


def describe_guess(guess: str, different: list[str]) -> str:
    """Say how the guess ended; only a right one has a cup."""
    icon = "emoji_events" if guess in different else "cancel"
    return f":material/{icon}: Your guess was **{get_format(guess).label}**. {judge_guess(guess, different)}"
