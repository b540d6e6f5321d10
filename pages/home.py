"""Home page: what Roundtrip is, what is in the library, and the next step."""

import streamlit as st

from core.formats import get_format
from core.library import Query
from core.text.numbers import format_size
from ui.components import button_label, escape_markdown, show_page_cards
from ui.home_picture import draw_home_picture
from ui.navigation import PAGES, go
from ui.session import current_jobs, show_worker_state
from ui.tour.story import last_tour, start_tour

HERE, MAIN_STEPS = "home", ("train", "save", "compare")
OVERVIEW_FORMATS = ("keras", "saved_model", "h5", "weights", "architecture")


st.title("Save a model. Reload it. See what came back.", anchor=False)
st.markdown(
    "**Your file opens, and yet the model may have forgotten something.** Roundtrip trains a small TensorFlow model, "
    "saves it in every way that there is, and loads each copy again in a process that has never seen the model. Then "
    "it asks the copy the same questions as the original, and tells you in plain words what survived."
)
show_page_cards(MAIN_STEPS, min_width=240, are_steps=True)

if tour := last_tour():
    if st.button("Continue the tour", type="primary", icon=":material/arrow_forward:"):
        go("tour", **tour)
elif st.button("Show me, 60 seconds", type="primary", icon=":material/play_arrow:"):
    go("tour", job=start_tour().id)

run_count = len(current_jobs().library.runs())
totals = current_jobs().library.page(Query(size=1))
left, right = st.columns([3, 2], gap="large", vertical_alignment="top")

with left, st.container(border=True):
    st.image(
        draw_home_picture([get_format(key) for key in OVERVIEW_FORMATS]),
        width="stretch",
        alt="A trained model is architecture, weights and optimizer state; each format keeps all of them or some.",
    )
    st.caption(
        "Architecture is the layers, weights are the numbers they learned, and the optimizer's state is what training "
        "needs to resume. Drawn from what each format claims to keep; every reload checks the claim."
    )

with right:
    st.header("In the library")
    with st.container(horizontal=True):
        # No st.metric: the first page would wait for the libraries of its charts.
        for name, number, meaning in (
            ("Runs", f"{run_count:,}", "Trainings, and models that you added from a notebook."),
            ("Artifacts", f"{totals.total:,}", "Saved copies, each with the result of its reload."),
            ("Space", format_size(totals.bytes), "On the disk, all copies together."),
        ):
            with st.container(border=True, gap=None):
                st.markdown(name, help=meaning)
                st.markdown(f"**{number}**")
    is_warming = current_jobs().worker.state().phase in ("cold", "warming")
    st.fragment(run_every=1.0 if is_warming else None)(show_worker_state)(is_warming)

    running = [job for job in current_jobs().job_store.list_jobs() if job.is_active and job.kind in ("train", "save")]
    for job in running[:3]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            title, note = escape_markdown(job.title), escape_markdown(job.note) or "waiting"
            st.markdown(f":material/progress_activity: {title}: {note}")
            if st.button(button_label("Open", job.title), key=f"open-{job.id}"):
                go(job.kind, job=job.id)

    st.header("Next step")
    if not run_count:
        st.markdown("Train your first model: a few seconds, no downloads.")
        page, label, icon = "train", "Train a model", ":material/model_training:"
    elif not totals.total:
        st.markdown("You have a trained model. Save it in a few formats and see which keep what.")
        page, label, icon = "save", "Save it", ":material/save:"
    else:
        st.markdown("Compare your saved copies side by side, row by row.")
        page, label, icon = "library", "Choose copies to compare", ":material/compare_arrows:"
    if st.button(label, type="primary", icon=icon):
        go(page)

st.header("Also here")
show_page_cards([key for key in PAGES if key not in (HERE, *MAIN_STEPS)], min_width=260)
