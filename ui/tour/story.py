"""The story of the tour: its steps, what it trains and saves, and where it stands; the address restores all of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import streamlit as st

from core.errors import InputError
from core.library import Run
from core.library.job_store import Job
from ui.query_params import bind_segments
from ui.session import current_jobs

DEMO = "digits-mlp"
LAST_TOUR = "last-tour"  # in the session: the parameters of the tour that it saw last
TOUR_PARAMS = ("job", "step", "guess")
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
    "open": Step("3 Open", "Open it elsewhere", "Each copy is opened by a process that has never seen the model."),
    "draw": Step(
        "4 Draw", "Draw, and all answer", "The live model and each copy answer the same drawing; what differs glows."
    ),
    "bits": Step("5 Bits", "Fewer bits", "Rounding the numbers makes the file smaller, until an answer flips."),
    "resume": Step("6 Resume", "Resume training", "Some copies resume exactly, some stumble, some cannot."),
    "choose": Step("7 Choose", "Which one should I take?", "Four questions, answered by what was measured here."),
}


class Tour(NamedTuple):
    """Where a tour stands: the training, its run once there is one, and the save of its copies once it has begun.

    `copies` are the ids of the copies that are saved by now and can be read, by format, in the order of the story.
    """

    training: Job
    run: Run | None = None
    save: Job | None = None
    copies: Mapping[str, str] = MappingProxyType({})


def start_tour() -> Job:
    """Start the training of a tour."""
    return current_jobs().train(DEMO, epochs=EPOCHS)


def begin_tour() -> None:
    """Start the training of a tour, and have the address name it."""
    st.query_params.from_dict({"job": start_tour().id})


def last_tour() -> dict[str, str]:
    """The parameters of the tour that this session saw last; empty where it saw none."""
    return dict(st.session_state.get(LAST_TOUR, {}))


def restore_tour() -> None:
    """Put this session's last tour into the address, where the page is entered without one."""
    if "job" not in st.query_params:
        st.query_params.update(last_tour())


def remember_tour() -> None:
    """Keep what the address says of the tour, for the next visit of this session."""
    st.session_state[LAST_TOUR] = {name: st.query_params[name] for name in TOUR_PARAMS if name in st.query_params}


def forget_tour() -> None:
    """Have the next visit of this session restore no tour."""
    st.session_state.pop(LAST_TOUR, None)


def offer_restart(is_primary: bool = False) -> None:
    """Show the button that starts another tour."""
    st.button(
        "Start again", type="primary" if is_primary else "secondary", icon=":material/replay:", on_click=begin_tour
    )


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


def show_outline() -> None:
    """Show all steps of the story as cards, to whoever has not begun it."""
    with st.grid(3, min_column_width=260):
        for number, step in enumerate(STEPS.values(), start=1):
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(f"**{number} · {step.title}**")
                st.caption(step.sentence)


def choose_step() -> str:
    """Show the rail of steps, and return the chosen step; the address restores it."""
    chosen = st.segmented_control(
        "Steps of the tour",
        **bind_segments("step", list(STEPS)),
        required=True,
        format_func=lambda key: STEPS[key].label,
        label_visibility="collapsed",
    )
    return str(chosen)


def show_turns(step: str, can_restart: bool) -> None:
    """Show the buttons to the next step and to the one before, and beside them the one that starts another tour."""
    keys = list(STEPS)
    place = keys.index(step)
    with st.container(horizontal=True):
        if place:
            st.button("Back", icon=":material/arrow_back:", on_click=turn_to, args=(keys[place - 1],))
        if place + 1 < len(keys):
            next_step = keys[place + 1]
            label = f"Next: {STEPS[next_step].title}"
            st.button(label, type="primary", icon=":material/arrow_forward:", on_click=turn_to, args=(next_step,))
        if can_restart:
            offer_restart()


def turn_to(step: str) -> None:
    """Have the address name another step."""
    st.query_params["step"] = step
