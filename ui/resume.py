"""Resume page and its curves.

Curves of a training that was carried on, while it runs and afterwards.

What the Resume page shows: the choice, how each copy carries on, the curves, and what each began with.
"""

from collections.abc import Container, Iterable, Sequence
from itertools import groupby

import numpy as np
import pandas as pd
import streamlit as st

from core.figures.theme import CONFIG
from core.jobs.participants import choices
from core.jobs.resume import LIVE, batches_of
from core.jobs.resume_result import PARTS, Continuation, Ending
from core.library import Run
from core.library.job_store import Job
from core.text.labels import duration, score
from ui.artifact_picker import Offer, choose_many, say_missing
from ui.charts import Course, courses, departure
from ui.components import plain, show_error
from ui.formats import COLOURS as STATE_COLOURS
from ui.query_params import in_address
from ui.save import describe_run
from ui.session import current_jobs

DRAWN = 1500  # points of one curve
Losses = Sequence[float | None] | np.ndarray


def draw_growing(job: Job, run: Run, names: dict[str, str]) -> None:
    """The curves of a job that is under way, as far as they have come."""
    told = job.detail.get("curves") or {}
    if job.active and LIVE in told:
        draw_courses(run, told, names, batches_of(run, 1).each, f"growing-{job.id}", job.detail["every"])


def draw_courses(
    run: Run, losses: dict[str, Losses], names: dict[str, str], each: int, key: str, every: int = 1
) -> None:
    """The run's own epochs, then the losses of the live model and of the copies: of every `every`th batch, `each` to an
    epoch."""
    history = [row for row in current_jobs().library.history(run.id) if row.get("loss") is not None]
    past = Course("the run's own epochs", [row["epoch"] for row in history], [row["loss"] for row in history])
    begun = len(current_jobs().library.history(run.id))

    def course(name: str, who: str) -> Course:
        return Course(name, *_points(losses[who], begun, each, every))

    copies = [course(_joined([names[id_] for id_ in ids]), ids[0]) for ids in _alike(losses)]
    figure = courses(past, course("the live model, trained on", LIVE), copies)
    st.plotly_chart(figure, config=CONFIG, key=key, alt="Loss of every batch, of the live model and of each copy")


def draw_departure(apart: np.ndarray, each: int, colour: str, key: str, name: str) -> None:
    """How far the losses of a copy are from the live model's."""
    most = float(np.abs(apart[np.isfinite(apart)]).max(initial=0.0))
    figure = departure(*_points(apart, 0, each, 1), most or 1.0, colour)
    st.plotly_chart(figure, config=CONFIG, key=key, alt=f"Loss of {name} minus the live model's, batch by batch")


def _points(values: Losses, begun: int, each: int, every: int) -> tuple[list[float], list[float | None]]:
    """Epochs and values, thinned to what a screen shows; None where a value is no number."""
    step = max(1, len(values) // DRAWN)
    at = range(0, len(values), step)
    shown = [values[index] for index in at]
    epochs = [begun + (index * every + 1) / each for index in at]
    return epochs, [None if one is None or not np.isfinite(one) else float(one) for one in shown]


def _alike(losses: dict[str, Losses]) -> list[list[str]]:
    """Who trained on, together where all losses are the same so far: one line cannot be told from another on it."""
    text = {who: str(list(own)) for who, own in losses.items() if who != LIVE}
    order = list(text)
    groups = [list(group) for _, group in groupby(sorted(order, key=text.get), text.get)]
    return sorted(groups, key=lambda group: order.index(group[0]))


def _joined(names: list[str]) -> str:
    """Several names as one, over as many lines as a narrow screen needs."""
    return ",<br>".join(", ".join(names[at : at + 2]) for at in range(0, len(names), 2))


# Ending: icon, colour of its badge, and what it means to somebody who has never seen it.
ENDINGS = {
    Ending.EXACT: (":material/verified:", "green", "Training this copy on gives the very model that training the live "
                   "one on gives."),
    Ending.CLOSE: (":material/check_circle:", "blue", "Everything that training needs came back, and the numbers "
                   "still drift apart a little."),
    Ending.JUMPS: (":material/moving:", "orange", "The weights came back, and part of what training needs did not: the "
                   "optimizer begins anew, with other steps."),
    Ending.OVER: (":material/restart_alt:", "red", "The weights are not those that were learned, so there is little to "
                  "carry on with."),
    Ending.CANNOT: (":material/block:", "gray", "It answers, and that is all: formats for serving leave training out."),
    Ending.FAILED: (":material/error:", "red", "It did not come back, or its process ended."),
}  # fmt: skip
PARTS_MEAN = {
    "weights": "The numbers that were learned.",
    "step count": "How many steps the optimizer has taken. Adam takes bolder first steps than later ones.",
    "moments": "The optimizer's running averages of past gradients: its sense of direction.",
    "learning rate": "The size of a step. Code or compile settings may name it too, without the copy.",
    "loss scale": "In half precision: by how much the loss is enlarged, so that small gradients do not vanish.",
}
# The colours of badges, as lines on white and on near-black.
ON_SCREEN = {"green": "#16A34A", "blue": "#0284C7", "orange": "#D97706", "red": "#DC2626"}
STATES = {True: "✓ kept", False: "✗ lost", None: "– not seen"}


def choose_run(runs: dict[str, Run]) -> Run:
    """The run whose copies are trained on; the choice stands in the address."""
    return runs[st.selectbox("Run", **in_address("run", list(runs)), format_func=lambda id_: describe_run(runs[id_]))]


def choose_copies(offered: Offer) -> list[str]:
    """Any copies of a run; the choice stands in the address."""
    say_missing(offered.missing, "Not a copy of this run")
    return choose_many(offered, "Copies", "artifact", placeholder="Choose copies of this run")


def ask_sources(ids: list[str], names: dict[str, str]) -> dict[str, str]:
    """For each copy that is half a model, what brings the other half; the choice stands in the address."""
    asked, halves = {}, {}
    for id_ in ids:
        offered = {choice.key: choice.words for choice in choices(current_jobs().library, id_)}
        halves |= {id_: offered} if next(iter(offered)) != "none" else {}
    with st.grid(3, min_column_width=270):
        for id_, offered in halves.items():
            asked[id_] = st.selectbox(
                f"{names[id_]}: what brings its other half?",
                **in_address(f"code-{id_}", list(offered)),
                format_func=offered.get,
                help="This copy is half a model, or has layers of its own: something must bring the other half.",
            )
    return asked


def show_resumed(job: Job, run: Run, names: dict[str, str]) -> None:
    """The endings first, then the curves, then what each copy began with."""
    copies = {id_: Continuation.model_validate(found) for id_, found in job.result["copies"].items()}
    epochs, each = job.request["epochs"], job.result["batches"]
    st.caption(
        f"The live model and {'each copy' if len(copies) > 1 else 'the copy'} trained on for "
        f"{'1 epoch' if epochs == 1 else f'{epochs} epochs'} of {each:,} batches: the same rows in the same order, "
        f"each in a process of its own. The live model ends with {_score_words(job.result['live']['epochs'][-1])} on "
        "validation rows."
    )
    arrays = current_jobs().journal.arrays(job.id)
    _endings(copies, names, arrays, each)
    if len(arrays) > 1:
        st.caption("The small charts show how much higher or lower a copy's loss is, each on a scale of its own.")
    st.subheader("Loss, batch by batch")
    draw_courses(run, arrays, names, each, "courses")
    if exact := sum(one.ending is Ending.EXACT for one in copies.values()):
        on_it = "The copy that carries on exactly lies" if exact == 1 else f"{exact} copies carry on exactly, and lie"
        st.caption(f"The wide grey line is the live model. {on_it} on it.")
    _parts(copies, names)


def _score_words(epoch: dict) -> str:
    name = epoch["score_name"]
    return f"{score(name, epoch['score'])} accuracy" if name == "accuracy" else f"a {name} of {epoch['score']:.3g}"


def _endings(copies: dict[str, Continuation], names: dict[str, str], arrays: dict[str, np.ndarray], each: int) -> None:
    order = list(Ending)
    with st.grid(3, min_column_width=270):
        for id_, one in sorted(copies.items(), key=lambda pair: order.index(pair[1].ending)):
            with st.container(border=True, height="stretch", key=f"ending-{id_}"):
                st.markdown(f"**{plain(names[id_])}**")
                icon, colour, meaning = ENDINGS[one.ending]
                st.badge(one.ending.words, icon=icon, color=colour, help=meaning)
                if one.ending is Ending.FAILED:
                    show_error(one.error)
                    continue
                st.markdown(plain(one.sentence))
                if one.remark:
                    st.caption(plain(one.remark))
                if id_ in arrays:
                    draw_departure(arrays[id_] - arrays[LIVE], each, ON_SCREEN[colour], f"departure-{id_}", names[id_])
                    _at_the_end(one)


def _at_the_end(one: Continuation) -> None:
    last = one.epochs[-1].model_dump()
    st.caption(plain(f"Ends with {_score_words(last)} on validation rows. Took {duration(one.seconds)}."))


def _parts(copies: dict[str, Continuation], names: dict[str, str]) -> None:
    """What each began its training with, part by part, and what its evidence found in the copy."""
    st.subheader("What each copy began with")
    shown = [part for part in PARTS if any(part in one.parts for one in copies.values())]
    table = {"Copy": [names[id_] for id_ in copies]}
    for part in shown:
        table[part.capitalize()] = [_part(one, part) for one in copies.values()]
    table["Optimizer, when saved"] = [_saved(one) for one in copies.values()]
    config = {part.capitalize(): st.column_config.TextColumn(help=PARTS_MEAN[part]) for part in shown}
    config["Copy"] = st.column_config.TextColumn(pinned=True)
    config["Optimizer, when saved"] = st.column_config.TextColumn(
        help="Tensors of the optimizer that were found in the copy with equal bits when it was saved. Found is not yet "
        "usable: a SavedModel holds all of them, and nothing in it takes a step."
    )
    st.dataframe(
        pd.DataFrame(table).style.map(lambda said: STATE_COLOURS.get(said[2:6], "") if said[:1] in "✓✗–" else ""),
        hide_index=True,
        column_config=config,
        key="parts",
        alt="For each copy and each part of a training, whether it was kept or lost",
    )
    st.caption(
        "✓ kept: equal, bit for bit, to what the live model had at the end of its training · ✗ lost: begins anew or is "
        "something else · – not seen: this runtime does not show it. Of copies that cannot train, this was found when "
        "they were saved."
    )


def _part(one: Continuation, part: str) -> str:
    if part not in one.parts:
        return STATES[None]
    number = one.numbers.get(part)
    return STATES[one.parts[part]] + ("" if number is None else f" ({number:g})")


def _saved(one: Continuation) -> str:
    return "–" if one.saved is None else f"{one.saved.found} of {one.saved.of} tensors"


def with_copies(saved: Container[str], runs: Iterable[Run]) -> dict[str, Run]:
    """The runs that have copies, and data to train them on, newest first; `saved` are the ids of the first."""
    return {run.id: run for run in runs if run.id in saved and run.demo}
