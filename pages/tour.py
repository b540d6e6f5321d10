"""Tour page: one story in seven steps, from a training to the format to take; its address restores it."""

import streamlit as st

from core.errors import RoundtripError
from ui.components import show_error
from ui.tour.choose import show_choice
from ui.tour.copies import load_tour, require_copies
from ui.tour.fewer_bits import show_fewer_bits
from ui.tour.journey import show_journey
from ui.tour.learn import show_learning
from ui.tour.mirror_bars import show_all_answers
from ui.tour.resume import show_resumed
from ui.tour.story import (
    STEPS,
    begin_tour,
    choose_step,
    forget_tour,
    offer_restart,
    remember_tour,
    restore_tour,
    show_outline,
    show_turns,
    turn_to,
)
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
restore_tour()
try:
    tour = load_tour()
except RoundtripError as error:
    forget_tour()
    show_error(error)
    offer_restart(is_primary=True)
    st.stop()
if not tour:
    st.markdown(
        "A model learns to read digits, is saved in seven formats, and each copy is opened in a process that has never "
        "seen it. On a quiet machine the first verdict stands here within 60 seconds."
    )
    st.button("Show me, 60 seconds", type="primary", icon=":material/play_arrow:", on_click=begin_tour)
    show_outline()
    st.stop()

step = choose_step()
remember_tour()
st.header(STEPS[step].title, anchor=False)
st.markdown(STEPS[step].sentence)
if not tour.run and step != "learn":
    st.info("There is no trained model yet.", icon=":material/model_training:")
    st.button("Watch it learn", type="primary", icon=":material/arrow_back:", on_click=turn_to, args=("learn",))
    st.stop()
if step not in NEEDS_COPIES or require_copies(tour):
    try:
        SHOW_STEP[step](tour)
    except RoundtripError as error:  # the way on must still be drawn
        show_error(error)
show_turns(step, can_restart=tour.run is not None)
