"""What the Train page shows before and after a training: demos, settings, curves, and what a run learned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from core.demos import get_demo
from core.demos.base import Demo, TrainSettings
from core.figures.images import row_image
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from core.library.job_store import Job
from core.runtimes.reference import Reference
from core.text.labels import format_duration, format_score, format_values
from ui.charts import metric_names, training_curves
from ui.session import load_reference
from ui.sign_in import show_sharing

MAX_EXAMPLES = 12
TRAIN_BUTTON = "train-this"  # the key of the button
# Setting: its label, its step, and what it means.
SETTING_FIELDS = {
    "epochs": ("Epochs", 1, "How many times the model sees all of the training data."),
    "batch_size": ("Batch size", 1, "How many rows it sees before it corrects itself."),
    "learning_rate": ("Learning rate", 0.001, "How large a correction is."),
    "hidden_units": ("Hidden units", 1, "How wide the model is."),
    "seed": ("Seed", 1, "The same seed gives the same first weights and the same order of rows."),
}
SETTING_BOUNDS = {
    "epochs": (1, 500),
    "batch_size": (1, 65_536),
    "learning_rate": (1e-6, 10.0),
    "hidden_units": (1, 8192),
    "seed": (0, 2**32 - 1),
}


def show_settings_form(demo: Demo) -> dict[str, Any] | None:
    """The form of the settings; their values when Train is pressed."""
    st.subheader(demo.label)
    with st.form("settings", enter_to_submit=False):
        chosen: dict[str, Any] = {"dataset": _choose_dataset(demo)}
        with st.grid(5, min_column_width=150):
            for name, (label, step, meaning) in SETTING_FIELDS.items():
                default = getattr(demo.defaults, name)
                shown_as = "%g" if isinstance(step, float) else None
                chosen[name] = st.number_input(
                    label, *SETTING_BOUNDS[name], default, step, shown_as, help=meaning, key=f"{demo.key}-{name}"
                )
        pressed = st.form_submit_button("Train", type="primary", icon=":material/play_arrow:", key=TRAIN_BUTTON)
    return chosen if pressed else None


def _choose_dataset(demo: Demo) -> str:
    names = list(demo.datasets)
    if len(names) == 1:
        return names[0]
    return st.segmented_control("Data", names, default=names[0], required=True, format_func=demo.datasets.get)


def show_train_settings(job: Job) -> None:
    """Which demo a job trains, and how."""
    settings = TrainSettings(**job.request["settings"])
    st.subheader(get_demo(job.request["demo"]).label)
    st.caption(
        f"{settings.epochs} epochs · batches of {settings.batch_size} · learning rate {settings.learning_rate:g} · "
        f"{settings.hidden_units} hidden units · seed {settings.seed} · data: {settings.dataset}"
    )


def draw_training_curves(job: Job) -> None:
    """The curves of a training, as far as it has come."""
    history = job.detail.get("history") or []
    for column, metric in zip(st.columns(2), metric_names(history)[:2], strict=False):
        figure = training_curves(history, metric)
        column.plotly_chart(figure, config=PLOTLY_CONFIG, key=f"{job.id}-{metric}", alt=f"{metric} over the epochs")


def choose_demo(demos: Sequence[Demo]) -> Demo:
    """Cards to choose a demo from; the choice stands in the address."""
    chosen = st.query_params.get("demo", demos[0].key)
    current = next((demo for demo in demos if demo.key == chosen), demos[0])
    with st.grid(3, min_column_width=260):
        for demo in demos:
            with st.container(border=True, height="stretch"):
                _show_demo_card(demo, demo is current)
    return current


def _show_demo_card(demo: Demo, is_chosen: bool) -> None:
    st.markdown(f"**{demo.label}**")
    facts = {"help": demo.predicts, "database": demo.data_description, "account_tree": demo.model_description}
    st.markdown("  \n".join(f":material/{icon}: {words}" for icon, words in facts.items()))
    st.caption(demo.demonstrates)
    st.button(
        "Chosen" if is_chosen else "Choose",
        key=f"choose-{demo.key}",
        icon=":material/check:" if is_chosen else None,
        type="primary" if is_chosen else "secondary",
        on_click=_select_demo,
        args=(demo.key,),
        help=f"Data: {demo.source}",
    )


def _select_demo(key: str) -> None:
    st.query_params["demo"] = key
    st.query_params.pop("job", None)


def show_trained_run(run: Run) -> None:
    """What a run learned: its score on rows that it never saw, some of its answers, and what it is made of."""
    show_sharing(run.id)
    with st.container(horizontal=True):
        label = "Accuracy on held-out data" if run.score_name == "accuracy" else run.score_name.capitalize()
        st.metric(
            label,
            format_score(run.score_name, run.score),
            border=True,
            help=f"Measured on {run.rows.get('held_out', 0):,} rows that were kept out of the training.",
        )
        st.metric("Parameters", f"{run.parameters:,}", border=True, help="Numbers that were learned.")
        st.metric("Took", format_duration(run.seconds), border=True)
    kept = load_reference(run.id)
    st.subheader("Rows that it has never seen, and its answers")
    if run.image_shape and run.labels:
        show_image_examples(run, kept)
    elif answer_shape := _output_shape(run):
        show_image_pairs(run, kept, answer_shape)
    else:
        show_row_examples(run, kept)
    with st.expander("model.summary()"):
        st.code(run.summary, language=None)


def show_image_examples(run: Run, reference: Reference) -> None:
    """Some held-out pictures with the live model's answer, right or wrong in words."""
    pixels, answers = next(iter(reference.inputs.values())), next(iter(reference.predictions.values()))
    truth = next(iter(reference.targets.values())).argmax(axis=1)
    with st.grid("auto", min_column_width=84):
        for row in _choose_example_rows(answers.argmax(axis=1) != truth):
            answer, sure = run.labels[answers[row].argmax()], answers[row].max()
            with st.container(horizontal_alignment="center", gap="xsmall"):
                st.image(row_image(pixels[row], run.image_shape), width=64, alt=f"A held-out {run.labels[truth[row]]}")
                wrong = answer != run.labels[truth[row]]
                said = f"says {answer}, is {run.labels[truth[row]]}" if wrong else f"says {answer}"
                st.caption(f"{':red[✗]' if wrong else ':green[✓]'} {said}  \n{sure:.0%} sure", text_alignment="center")


def _output_shape(run: Run) -> tuple[int, int] | None:
    return get_demo(run.demo).output_image_shapes.get(run.settings["dataset"]) if run.demo else None


def show_image_pairs(run: Run, reference: Reference, output_shape: tuple[int, int]) -> None:
    """Some held-out pictures, each above the picture that the live model made of it."""
    asked, answers = next(iter(reference.inputs.values())), next(iter(reference.predictions.values()))
    with st.grid("auto", min_column_width=84):
        for row in range(min(MAX_EXAMPLES, reference.rows)):
            with st.container(horizontal_alignment="center", gap="xsmall"):
                st.image(row_image(asked[row], run.image_shape), "asked", 64, alt=f"Held-out picture {row}")
                st.image(row_image(answers[row], output_shape), "answered", 64, alt=f"The answer to picture {row}")


def _choose_example_rows(is_wrong: np.ndarray) -> list[int]:
    """The first rows, with up to two wrong answers among them: a model without a fault teaches less."""
    mistakes = list(np.flatnonzero(is_wrong)[:2])
    right = [row for row in np.flatnonzero(~is_wrong) if row not in mistakes][: MAX_EXAMPLES - len(mistakes)]
    return sorted(int(row) for row in [*mistakes, *right])


def show_row_examples(run: Run, reference: Reference) -> None:
    """Some held-out rows as a table: what went in, what came out, and the truth."""
    columns = {}
    for kind, arrays in (("", reference.inputs), ("answer: ", reference.predictions), ("truth: ", reference.targets)):
        for name, array in arrays.items():
            columns[f"{kind}{name}"] = [_cell(value, run.labels) for value in array[:MAX_EXAMPLES]]
    st.dataframe(columns, alt="Held-out rows with the model's answers")


def _cell(value: np.ndarray, labels: list[str]) -> str:
    if labels and value.size == len(labels):
        return labels[int(value.argmax())]
    return format_values(value)
