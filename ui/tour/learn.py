"""Step 1: the model learns before one's eyes; then a digit is drawn, and it answers."""

import streamlit as st

from ui.job_progress import follow_job
from ui.tour.copies import show_first_verdict
from ui.tour.mirror_bars import draw_and_answer
from ui.tour.story import Tour, offer_restart
from ui.train import draw_training_curves, show_done, show_train_settings


def show_learning(tour: Tour) -> None:
    """Show the training as it runs, then the canvas beside the live model's answer."""
    with st.expander("Settings", icon=":material/tune:"):
        show_train_settings(tour.training)
    follow_job(tour.training, draw_training_curves if tour.training.is_active else None)
    if tour.run:
        show_done(tour.run)
        show_first_verdict(tour)
        draw_and_answer(tour.run, {})
    elif not tour.training.is_active:
        offer_restart(is_primary=True)
