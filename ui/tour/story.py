"""The story of the tour: its steps, what it trains and saves, and where it stands; the address restores all of it."""

from typing import NamedTuple

import streamlit as st

from core.errors import InputError
from core.library import Run
from core.library.job_store import Job
from ui.query_params import bind_select
from ui.session import current_jobs

DEMO = "digits-mlp"
EPOCHS = 6  # few, for the first verdict to come soon
# The suitcases of the story: everything, a graph for serving, weights alone, a plan alone, a phone's file.
SUITCASES = ("keras", "saved_model", "safetensors", "architecture", "litert")
QUANTIZED = {8: "keras_int8", 4: "keras_int4"}  # by the bits of a weight
FORMATS = (*SUITCASES, *QUANTIZED.values())


class Step(NamedTuple):
    """One step: its label on the rail, its title, and the sentence that it tells."""

    label: str
    title: str
    sentence: str


STEPS: dict[str, Step] = {
    "learn": Step("1 Learn", "A model learns to read digits", "What it learns ends up as numbers in its layers."),
    "pack": Step(
        "2 Pack", "Pack the suitcase", "A trained model is four things, and what a file format cannot hold falls out."
    ),
    "open": Step(
        "3 Open", "Open it elsewhere", "Each copy is opened by a process that has never seen the model. Guess first."
    ),
    "draw": Step("4 Draw", "Draw, and all answer", "Two copies answer the same drawing; what differs glows."),
    "bits": Step("5 Bits", "Fewer bits", "Rounding the numbers makes the file smaller, until an answer flips."),
    "resume": Step("6 Resume", "Resume training", "Some copies resume exactly, some stumble, some cannot."),
    "choose": Step("7 Choose", "Which one should I take?", "Four questions, answered by what was measured here."),
}


class Tour(NamedTuple):
    """Where a tour stands: the training, its run once there is one, and the save of its copies once it has begun."""

    training: Job
    run: Run | None = None
    save: Job | None = None

    @property
    def copies(self) -> dict[str, str]:
        """The ids of the copies that are saved by now, by format, in the order of the story."""
        rows = self.save.format_rows if self.save else {}
        return {key: rows[key]["artifact"] for key in FORMATS if rows.get(key, {}).get("state") == "done"}


def start_tour() -> Job:
    """Start the training of a tour."""
    return current_jobs().train(DEMO, epochs=EPOCHS)


def begin_tour() -> None:
    """Start the training of a tour, and have the address name it."""
    st.query_params.from_dict({"job": start_tour().id})


def load_training() -> Job | None:
    """Return the training of the tour that the address names, None where it names none.

    Raises UnknownName where its job is gone, and InputError where it is no training of a tour.
    """
    if not (id_ := st.query_params.get("job")):
        return None
    training = current_jobs().job_store.read(id_)
    if training.kind != "train" or training.request["demo"] != DEMO:
        raise InputError("This is no tour.", received=id_, cure="Start the tour again.")
    return training


def choose_step() -> str:
    """Show the rail of steps, and return the chosen step; the address restores it."""
    chosen = st.segmented_control(
        "Steps of the tour",
        **bind_select("step", list(STEPS)),
        required=True,
        format_func=lambda key: STEPS[key].label,
        label_visibility="collapsed",
    )
    return str(chosen)


def show_turns(step: str) -> None:
    """Show the buttons to the next step and to the one before."""
    keys = list(STEPS)
    place = keys.index(step)
    with st.container(horizontal=True):
        if place:
            st.button("Back", icon=":material/arrow_back:", on_click=turn_to, args=(keys[place - 1],))
        if place + 1 < len(keys):
            next_step = keys[place + 1]
            label = f"Next: {STEPS[next_step].title}"
            st.button(label, type="primary", icon=":material/arrow_forward:", on_click=turn_to, args=(next_step,))


def turn_to(step: str) -> None:
    """Have the address name another step."""
    st.query_params["step"] = step
