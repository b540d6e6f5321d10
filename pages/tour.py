"""Tour page: one story in seven steps, from a training to the format to take; its address restores it."""

import streamlit as st

from ui.tour.choose import show_choice
from ui.tour.copies import load_tour, require_copies
from ui.tour.fewer_bits import show_fewer_bits
from ui.tour.journey import show_journey
from ui.tour.learn import show_learning
from ui.tour.mirror_bars import show_all_answers
from ui.tour.resume import show_resumed
from ui.tour.story import STEPS, begin_tour, choose_step, show_turns, turn_to
from ui.tour.suitcase import show_suitcase

SHOW_STEP = {
    "learn": show_learning,
    "pack": show_suitcase,
    "open": show_journey,
    "draw": show_all_answers,
    "bits": show_fewer_bits,
    "resume": show_resumed,
    "choose": show_choice,
}
NEEDS_COPIES = STEPS.keys() - {"learn"}

st.title("Tour", anchor=False)
tour = load_tour()
if not tour:
    st.markdown(
        "A model learns to read digits, is saved in seven formats, and each copy is opened in a process that has never "
        "seen it. On a quiet machine the first verdict stands here within 60 seconds."
    )
    st.button("Show me, 60 seconds", type="primary", icon=":material/play_arrow:", on_click=begin_tour)
    st.stop()

step = choose_step()
st.header(STEPS[step].title, anchor=False)
st.markdown(STEPS[step].sentence)
if not tour.run and step != "learn":
    st.info("There is no trained model yet.", icon=":material/model_training:")
    st.button("Watch it learn", type="primary", icon=":material/arrow_back:", on_click=turn_to, args=("learn",))
    st.stop()
if step not in NEEDS_COPIES or require_copies(tour):
    SHOW_STEP[step](tour)
show_turns(step)
