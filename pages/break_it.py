"""Break it page: ways in which saved models break, each done for real in a fresh process, and its cure."""

import streamlit as st

from core.break_it import CARDS
from ui.break_it import arrange_cards, pull_linked_card, show_cards, show_open_card, show_tally
from ui.session import current_jobs

st.title("Break it", anchor=False)
st.markdown(
    "A model can be saved without complaint and come back as something else. Pull a lever: a small model is trained, "
    "saved, and then broken in a fresh process on this machine. Some levers raise an error; the others are silent, "
    "which is worse. Each has a cure."
)
jobs = current_jobs()
opened = pull_linked_card()
trials = {card.key: jobs.find_trials(card.key) for card in CARDS}
show_tally(trials)
above, card, below = arrange_cards(CARDS, opened)
show_cards(above, trials)
if card:
    show_open_card(card, *trials[card.key])
show_cards(below, trials)
