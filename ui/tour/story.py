"""The story of the tour: its steps, what it trains and saves, and where it stands; the address restores all of it."""

from typing import NamedTuple

import streamlit as st

from core.compare import Verdict
from core.errors import InputError, RoundtripError
from core.evidence.records import ReloadOutcome
from core.library import Run
from core.library.job_store import Job
from ui.components import verdict_badge
from ui.job_progress import follow_job
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
        "2 Pack", "Pack the suitcase", "A trained model is four things, and not every file format can hold all four."
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


def load_tour() -> Tour | None:
    """Return the tour that the address names, None where it names none; its copies are saved once it is trained.

    Raises UnknownName where its job is gone, and InputError where it is no training of a tour.
    """
    if not (id_ := st.query_params.get("job")):
        return None
    jobs = current_jobs()
    training = jobs.job_store.read(id_)
    if training.kind != "train" or training.request["demo"] != DEMO:
        raise InputError("This is no tour.", received=id_, cure="Start the tour again.")
    if training.state != "done":
        return Tour(training)
    run = jobs.library.run(training.result["run"])
    return Tour(training, run, _find_save(run) or jobs.save(run.id, FORMATS))


def _find_save(run: Run) -> Job | None:
    """The newest save of the tour's formats, with its result where it has ended."""
    store = current_jobs().job_store
    for job in store.list_jobs("save"):
        is_stopped = not job.is_active and job.state != "done"
        if job.request["run"] == run.id and set(FORMATS) <= set(job.request["formats"]) and not is_stopped:
            return store.read(job.id)
    return None


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
            st.button("Back", icon=":material/arrow_back:", on_click=_turn_to, args=(keys[place - 1],))
        if place + 1 < len(keys):
            next_step = keys[place + 1]
            label = f"Next: {STEPS[next_step].title}"
            st.button(label, type="primary", icon=":material/arrow_forward:", on_click=_turn_to, args=(next_step,))


def _turn_to(step: str) -> None:
    st.query_params["step"] = step


def show_first_verdict(tour: Tour) -> None:
    """Show the verdict on the first copy as soon as there is one, beside how far the others are."""

    @st.fragment(run_every=0.5 if tour.save and tour.save.is_active else None)
    def show() -> None:
        save = current_jobs().job_store.read(tour.save.id) if tour.save else None
        rows = save.format_rows if save else {}
        row = rows.get(FORMATS[0], {})
        if row.get("state") != "done":
            st.caption(":material/progress_activity: Its first copy is being saved, and opened in a fresh process …")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("The first copy came back from a process that has never seen the model:", width="content")
            verdict_badge(row["verdict"], row["changed_rows"], row["rows"])
        if save and save.is_active:
            done = sum(each["state"] in ("done", "failed") for each in rows.values())
            st.caption(f"{done} of {len(rows)} copies are done.")
        elif tour.save and tour.save.is_active:
            st.rerun()

    show()


def require_copies(tour: Tour) -> bool:
    """Whether all copies of the story are there; shows the progress of their save where they are not yet."""
    save = tour.save
    if save and not save.is_active:
        return True
    if save:
        follow_job(save)
    return False


def load_outcomes(tour: Tour) -> dict[str, ReloadOutcome]:
    """Return what the reload of each copy showed, by format; without what cannot be read any more."""
    outcomes = {}
    for key, id_ in tour.copies.items():
        try:
            outcomes[key] = current_jobs().library.evidence(id_).best
        except RoundtripError:  # removed since
            continue
    return outcomes


def find_different(outcomes: dict[str, ReloadOutcome]) -> list[str]:
    """The suitcases whose copies give other answers than the live model."""
    return [key for key in SUITCASES if key in outcomes and outcomes[key].verdict.rank > Verdict.SAME_ANSWERS.rank]
