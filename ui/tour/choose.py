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
        st.markdown(f":material/emoji_events: Your guess was {get_format(guess).label}.")
        st.markdown(judge_guess(guess, find_different(load_outcomes(tour))))
    if tour.run:
        show_adviser(tour.run.id)
