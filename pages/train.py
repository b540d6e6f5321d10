"""Choose a demo, set a few numbers, train, and watch."""

import streamlit as st

from core.demos import DEMOS, get_demo
from core.demos.contract import TrainSettings
from core.library.journal import Job
from ui.charts import CONFIG, curves, metrics_of
from ui.frame import go
from ui.live import follow
from ui.state import office
from ui.training import choose_demo, show_run


def draw(job: Job) -> None:
    """The curves of a training, as far as it has come."""
    history = job.detail.get("history") or []
    if not history:
        return
    for column, metric in zip(st.columns(2), metrics_of(history)[:2], strict=False):
        with column:
            st.plotly_chart(
                curves(history, metric), config=CONFIG, key=f"{job.id}-{metric}", alt=f"{metric} over the epochs"
            )


st.title("Train a demo")
jobs = office()
active = next((job for job in jobs.journal.all("train") if job.active), None)
shown = active.id if active else st.query_params.get("job")

if not active:
    demo = choose_demo(DEMOS)
    defaults = demo.defaults
    with st.form("settings"):
        names = list(demo.datasets)
        dataset = (
            st.segmented_control("Data", names, default=names[0], required=True, format_func=demo.datasets.get)
            if len(names) > 1
            else names[0]
        )
        with st.grid(5, min_column_width=150):
            epochs = st.number_input(
                "Epochs", 1, 500, defaults.epochs, help="How many times the model sees all of the training data."
            )
            batch_size = st.number_input(
                "Batch size", 1, 65_536, defaults.batch_size, help="How many rows it sees before it corrects itself."
            )
            rate = st.number_input(
                "Learning rate",
                1e-6,
                10.0,
                defaults.learning_rate,
                step=0.001,
                format="%g",
                help="How large a correction is.",
            )
            units = st.number_input("Hidden units", 1, 8192, defaults.hidden_units, help="How wide the model is.")
            seed = st.number_input(
                "Seed",
                0,
                2**32 - 1,
                defaults.seed,
                help="The same seed gives the same first weights and order of rows.",
            )
        pressed = st.form_submit_button("Train", type="primary", icon=":material/play_arrow:")
    if pressed:
        job = jobs.train(
            demo.key,
            dataset=dataset,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=rate,
            hidden_units=units,
            seed=seed,
        )
        st.query_params["job"] = job.id
        st.rerun()

if shown:
    job = jobs.journal.read(shown)
    request = job.request
    settings = TrainSettings(**request["settings"])
    st.subheader(get_demo(request["demo"]).label)
    st.caption(
        f"{settings.epochs} epochs · batches of {settings.batch_size} · learning rate {settings.learning_rate:g} · "
        f"{settings.hidden_units} hidden units · seed {settings.seed} · data: {settings.dataset}"
    )
    follow(job, draw)
    if job.state == "done":
        run = jobs.library.run(job.result["run"])
        if st.button("Save it", type="primary", icon=":material/save:"):
            go("save", run=run.id)
        show_run(run)
