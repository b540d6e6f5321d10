"""Parts of the Train page: the choice of a demo, the settings, the curves, and the trained run."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.demos import demo_label, output_image_shape
from core.demos.base import Demo, TrainSettings
from core.figures.images import row_image
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from core.library.job_store import Job
from core.runtimes.reference import Reference
from core.text.labels import score_label, score_sentence
from core.text.numbers import format_duration, format_score
from core.text.predictions import format_values
from ui.charts import metric_names, training_curves
from ui.components import button_label
from ui.demo_picture import draw_demo_picture
from ui.session import load_reference
from ui.sharing import show_sharing

MAX_EXAMPLES, EXAMPLE_WIDTH = 12, 76  # pixels, of which as many fit into the widest line
TRAIN_BUTTON, SETTINGS_BUTTON = "train", "train-with"  # the keys of a card's buttons begin with these
# Label, lower and upper bound, step and meaning of each setting.
SETTING_FIELDS: dict[str, tuple[str, float, float, float, str]] = {
    "epochs": ("Epochs", 1, 500, 1, "How many times the model sees all of the training data."),
    "batch_size": ("Batch size", 1, 65_536, 1, "How many rows it sees before it corrects itself."),
    "learning_rate": ("Learning rate", 1e-6, 10.0, 0.001, "How large a correction is."),
    "hidden_units": ("Hidden units", 1, 8192, 1, "How wide the model is."),
    "seed": ("Seed", 0, 2**32 - 1, 1, "The same seed gives the same first weights and the same order of rows."),
}


def choose_training(demos: Sequence[Demo]) -> tuple[Demo, dict[str, str | float]] | None:
    """Show a card for each demo, which trains it; the settings of the demo that the address names are unfolded.

    Returns the demo and its settings (none: its defaults) when one is to be trained.
    """
    requested = st.query_params.get("demo")
    chosen = None
    with st.grid(3, min_column_width=300):
        for demo in demos:
            with st.container(border=True, height="stretch"):
                settings = _show_demo_card(demo, is_unfolded=demo.key == requested)
            chosen = chosen if settings is None else (demo, settings)
    return chosen


def train_buttons(demos: Sequence[Demo]) -> list[str]:
    """Return the keys of all buttons that start a training."""
    return [f"{kind}-{demo.key}" for demo in demos for kind in (TRAIN_BUTTON, SETTINGS_BUTTON)]


def _show_demo_card(demo: Demo, is_unfolded: bool) -> dict[str, str | float] | None:
    """Show one card. Returns the settings to train with when one of its buttons was pressed."""
    if picture := draw_demo_picture(demo.key):
        st.image(picture, width="stretch", alt=f"Rows of the data: {demo.data_description}")
    st.markdown(f"**{demo.label}**", help=f"Data: {demo.source}")
    facts = {"help": demo.predicts, "database": demo.data_description, "account_tree": demo.model_description}
    st.markdown("  \n".join(f":material/{icon}: {text}" for icon, text in facts.items()))
    st.caption(demo.demonstrates)
    st.space("stretch")
    label, icon = button_label("Train", demo.label), ":material/play_arrow:"
    is_pressed = st.button(
        label, type="primary", icon=icon, key=f"{TRAIN_BUTTON}-{demo.key}", width="stretch", wrap=True
    )
    key = f"settings-{demo.key}"
    label = button_label("Settings", demo.label)
    with st.expander(label, expanded=is_unfolded, icon=":material/tune:", on_change="rerun", key=key) as expander:
        settings = _show_settings_form(demo) if expander.open else None
    return {} if is_pressed else settings


def _show_settings_form(demo: Demo) -> dict[str, str | float] | None:
    """Show the form of the settings. Returns their values when its button is pressed."""
    with st.form(f"form-{demo.key}", enter_to_submit=False, border=False):
        settings: dict[str, str | float] = {"dataset": _choose_dataset(demo)}
        with st.grid(2, min_column_width=110):
            for name, (label, minimum, maximum, step, help_) in SETTING_FIELDS.items():
                value, format_ = getattr(demo.defaults, name), "%g" if isinstance(step, float) else None
                key = f"{demo.key}-{name}"
                settings[name] = st.number_input(label, minimum, maximum, value, step, format_, help=help_, key=key)
        key = f"{SETTINGS_BUTTON}-{demo.key}"
        is_submitted = st.form_submit_button("Train with these settings", icon=":material/play_arrow:", key=key)
    return settings if is_submitted else None


def _choose_dataset(demo: Demo) -> str:
    names = list(demo.datasets)
    if len(names) == 1:
        return names[0]
    return st.radio("Data", names, format_func=demo.datasets.__getitem__, key=f"{demo.key}-dataset")


def show_train_settings(job: Job) -> None:
    """Show which demo a job trains, and with which settings."""
    settings = TrainSettings(**job.request["settings"])
    st.header(demo_label(job.request["demo"]))
    st.caption(
        f"{settings.epochs} epochs · batches of {settings.batch_size} · learning rate {settings.learning_rate:g} · "
        f"{settings.hidden_units} hidden units · seed {settings.seed} · data: {settings.dataset}"
    )


def draw_training_curves(job: Job) -> None:
    """Draw the curves of the first two metrics of a training up to now."""
    history = job.detail.get("history") or []
    for column, metric in zip(st.columns(2), metric_names(history)[:2], strict=False):
        figure = training_curves(history, metric)
        column.plotly_chart(figure, config=PLOTLY_CONFIG, key=f"{job.id}-{metric}", alt=f"{metric} over the epochs")


def show_done(run: Run) -> None:
    """Show the headline of a finished training: its score on test examples."""
    st.success(f"**Done:** {score_sentence(run.score_name, run.score)}.", icon=":material/check_circle:")


def show_trained_run(run: Run) -> None:
    """Show a trained run: its score on test examples, some of its predictions, and a summary of its model."""
    show_sharing(run.id)
    with st.container(horizontal=True):
        label = score_label(run.score_name)
        help_ = f"Measured on {run.rows.get('held_out', 0):,} rows that were kept out of the training."
        st.metric(label, format_score(run.score_name, run.score), border=True, help=help_)
        st.metric("Parameters", f"{run.parameters:,}", border=True, help="Numbers that were learned.")
        st.metric("Took", format_duration(run.seconds), border=True)
    reference = load_reference(run.id)
    st.header("Rows that it has never seen, and its answers")
    if run.image_shape and run.labels:
        _show_image_examples(run, reference, run.image_shape)
    elif run.image_shape and (output_shape := _output_shape(run)):
        _show_image_pairs(reference, run.image_shape, output_shape)
    else:
        _show_row_examples(run, reference)
    with st.expander("model.summary()"):
        st.code(run.summary, language=None)


def _show_image_examples(run: Run, reference: Reference, image_shape: tuple[int, int]) -> None:
    """Show some test images with the live model's predictions, and in words whether they are right."""
    pixels, predictions = _first(reference.inputs), _first(reference.predictions)
    truth = _first(reference.targets).argmax(axis=1)
    with st.grid("auto", min_column_width=EXAMPLE_WIDTH):
        for row in _choose_example_rows(predictions.argmax(axis=1) != truth):
            label, true_label = run.labels[predictions[row].argmax()], run.labels[truth[row]]
            with st.container(horizontal_alignment="center", gap="xsmall"):
                st.image(row_image(pixels[row], image_shape), width=64, alt=f"Test example: {true_label}")
                text = f":green[✓] says {label}" if label == true_label else f":red[✗] says {label}, is {true_label}"
                st.caption(f"{text}  \n{predictions[row].max():.0%} sure", text_alignment="center")


def _output_shape(run: Run) -> tuple[int, int] | None:
    return output_image_shape(run.demo, run.settings)


def _show_image_pairs(reference: Reference, image_shape: tuple[int, int], output_shape: tuple[int, int]) -> None:
    """Show some test images, each above the live model's output image for it."""
    pixels, predictions = _first(reference.inputs), _first(reference.predictions)
    with st.grid("auto", min_column_width=EXAMPLE_WIDTH):
        for row in range(min(MAX_EXAMPLES, reference.rows)):
            with st.container(horizontal_alignment="center", gap="xsmall"):
                st.image(row_image(pixels[row], image_shape), "asked", 64, alt=f"Test picture {row}")
                st.image(row_image(predictions[row], output_shape), "answered", 64, alt=f"The answer to picture {row}")


def _first(arrays: Arrays) -> np.ndarray:
    return next(iter(arrays.values()))


def _choose_example_rows(is_wrong: np.ndarray) -> list[int]:
    """Return the numbers of the first rows, with up to two wrong predictions among them, because these teach more."""
    wrong = np.flatnonzero(is_wrong)[:2]
    right = np.flatnonzero(~is_wrong)[: MAX_EXAMPLES - len(wrong)]
    return sorted([*wrong.tolist(), *right.tolist()])


def _show_row_examples(run: Run, reference: Reference) -> None:
    """Show some test examples as a table: the inputs, the predictions, and the truth."""
    columns = {}
    for kind, arrays in (("", reference.inputs), ("answer: ", reference.predictions), ("truth: ", reference.targets)):
        for name, array in arrays.items():
            columns[f"{kind}{name}"] = [_cell(value, run.labels) for value in array[:MAX_EXAMPLES]]
    st.dataframe(columns, alt="Test examples with the model's answers")


def _cell(value: np.ndarray, labels: list[str]) -> str:
    if labels and value.size == len(labels):
        return labels[int(value.argmax())]
    return format_values(value)
