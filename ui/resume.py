"""Resume page and its curves.

Curves of a training that was carried on, while it runs and afterwards.

What the Resume page shows: the choice, how each copy carries on, the curves, and what each began with.
"""

from collections.abc import Container, Iterable, Sequence
from itertools import groupby

import numpy as np
import pandas as pd
import streamlit as st

from core.figures.theme import PLOTLY_CONFIG
from core.jobs.participants import list_code_sources
from core.jobs.resume import LIVE_MODEL, build_batches
from core.jobs.resume_result import MODEL_PARTS, ResumeResult, ResumeVerdict
from core.library import Run
from core.library.job_store import Job
from core.text.labels import format_duration, format_score
from ui.artifact_picker import ArtifactChoices, choose_artifacts, warn_missing
from ui.charts import LossCurve, loss_difference_chart, resume_curves
from ui.components import describe_run, escape_markdown, show_error
from ui.formats import STATE_COLOURS
from ui.query_params import bind_select
from ui.session import current_jobs

MAX_POINTS = 1500  # points of one curve
Losses = Sequence[float | None] | np.ndarray


def draw_running_curves(job: Job, run: Run, names: dict[str, str]) -> None:
    """The curves of a job that is under way, as far as they have come."""
    told = job.detail.get("curves") or {}
    if job.is_active and LIVE_MODEL in told:
        draw_loss_curves(
            run, told, names, build_batches(run, 1).batches_per_epoch, f"growing-{job.id}", job.detail["every"]
        )


def draw_loss_curves(
    run: Run, losses: dict[str, Losses], names: dict[str, str], batches_per_epoch: int, key: str, stride: int = 1
) -> None:
    """The run's own epochs, then the losses of the live model and of the copies: of every `every`th batch, `each` to an
    epoch."""
    history = [row for row in current_jobs().library.history(run.id) if row.get("loss") is not None]
    past = LossCurve("the run's own epochs", [row["epoch"] for row in history], [row["loss"] for row in history])
    begun = len(current_jobs().library.history(run.id))

    def course(name: str, who: str) -> LossCurve:
        return LossCurve(name, *_curve_points(losses[who], begun, batches_per_epoch, stride))

    copies = [course(_join_names([names[id_] for id_ in ids]), ids[0]) for ids in _group_identical_losses(losses)]
    figure = resume_curves(past, course("the live model, trained on", LIVE_MODEL), copies)
    st.plotly_chart(
        figure, config=PLOTLY_CONFIG, key=key, alt="Loss of every batch, of the live model and of each copy"
    )


def draw_loss_difference(differences: np.ndarray, batches_per_epoch: int, colour: str, key: str, name: str) -> None:
    """How far the losses of a copy are from the live model's."""
    most = float(np.abs(differences[np.isfinite(differences)]).max(initial=0.0))
    figure = loss_difference_chart(*_curve_points(differences, 0, batches_per_epoch, 1), most or 1.0, colour)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=key, alt=f"Loss of {name} minus the live model's, batch by batch")


def _curve_points(
    values: Losses, first_epoch: int, batches_per_epoch: int, stride: int
) -> tuple[list[float], list[float | None]]:
    """Epochs and values, thinned to what a screen shows; None where a value is no number."""
    step = max(1, len(values) // MAX_POINTS)
    at = range(0, len(values), step)
    shown = [values[index] for index in at]
    epochs = [first_epoch + (index * stride + 1) / batches_per_epoch for index in at]
    return epochs, [None if one is None or not np.isfinite(one) else float(one) for one in shown]


def _group_identical_losses(losses: dict[str, Losses]) -> list[list[str]]:
    """Who trained on, together where all losses are the same so far: one line cannot be told from another on it."""
    text = {who: str(list(own)) for who, own in losses.items() if who != LIVE_MODEL}
    order = list(text)
    groups = [list(group) for _, group in groupby(sorted(order, key=text.get), text.get)]
    return sorted(groups, key=lambda group: order.index(group[0]))


def _join_names(names: list[str]) -> str:
    """Several names as one, over as many lines as a narrow screen needs."""
    return ",<br>".join(", ".join(names[at : at + 2]) for at in range(0, len(names), 2))


# Ending: icon, colour of its badge, and what it means to somebody who has never seen it.
ENDING_BADGES = {
    ResumeVerdict.EXACT: (
        ":material/verified:",
        "green",
        "Training this copy on gives the very model that training the live one on gives.",
    ),
    ResumeVerdict.CLOSE: (
        ":material/check_circle:",
        "blue",
        "Everything that training needs came back, and the numbers still drift apart a little.",
    ),
    ResumeVerdict.JUMPS: (
        ":material/moving:",
        "orange",
        "The weights came back, and part of what training needs did not: the optimizer begins anew, with other steps.",
    ),
    ResumeVerdict.STARTS_OVER: (
        ":material/restart_alt:",
        "red",
        "The weights are not those that were learned, so there is little to carry on with.",
    ),
    ResumeVerdict.CANNOT_TRAIN: (
        ":material/block:",
        "gray",
        ("It answers, and that is all: formats for serving leave training out."),
    ),
    ResumeVerdict.FAILED: (":material/error:", "red", "It did not come back, or its process ended."),
}
TRAINING_PART_MEANINGS = {
    "weights": "The numbers that were learned.",
    "step count": "How many steps the optimizer has taken. Adam takes bolder first steps than later ones.",
    "moments": "The optimizer's running averages of past gradients: its sense of direction.",
    "learning rate": "The size of a step. Code or compile settings may name it too, without the copy.",
    "loss scale": "In half precision: by how much the loss is enlarged, so that small gradients do not vanish.",
}
# The colours of badges, as lines on white and on near-black.
LINE_COLOURS = {"green": "#16A34A", "blue": "#0284C7", "orange": "#D97706", "red": "#DC2626"}
PART_STATES = {True: "✓ kept", False: "✗ lost", None: "– not seen"}


def choose_run(runs: dict[str, Run]) -> Run:
    """The run whose copies are trained on; the choice stands in the address."""
    return runs[st.selectbox("Run", **bind_select("run", list(runs)), format_func=lambda id_: describe_run(runs[id_]))]


def choose_copies(choices: ArtifactChoices) -> list[str]:
    """Any copies of a run; the choice stands in the address."""
    warn_missing(choices.missing, "Not a copy of this run")
    return choose_artifacts(choices, "Copies", "artifact", placeholder="Choose copies of this run")


def choose_code_sources(ids: list[str], names: dict[str, str]) -> dict[str, str]:
    """For each copy that is half a model, what brings the other half; the choice stands in the address."""
    asked, halves = {}, {}
    for id_ in ids:
        offered = {choice.key: choice.label for choice in list_code_sources(current_jobs().library, id_)}
        halves |= {id_: offered} if next(iter(offered)) != "none" else {}
    with st.grid(3, min_column_width=270):
        for id_, offered in halves.items():
            asked[id_] = st.selectbox(
                f"{names[id_]}: what brings its other half?",
                **bind_select(f"code-{id_}", list(offered)),
                format_func=offered.get,
                help="This copy is half a model, or has layers of its own: something must bring the other half.",
            )
    return asked


def show_resume_result(job: Job, run: Run, names: dict[str, str]) -> None:
    """The endings first, then the curves, then what each copy began with."""
    copies = {id_: ResumeResult.model_validate(found) for id_, found in job.result["copies"].items()}
    epochs, each = job.request["epochs"], job.result["batches"]
    st.caption(
        f"The live model and {'each copy' if len(copies) > 1 else 'the copy'} trained on for "
        f"{'1 epoch' if epochs == 1 else f'{epochs} epochs'} of {each:,} batches: the same rows in the same order, "
        f"each in a process of its own. The live model ends with {_score_text(job.result['live']['epochs'][-1])} on "
        "validation rows."
    )
    arrays = current_jobs().job_store.load_arrays(job.id)
    _show_endings(copies, names, arrays, each)
    if len(arrays) > 1:
        st.caption("The small charts show how much higher or lower a copy's loss is, each on a scale of its own.")
    st.subheader("Loss, batch by batch")
    draw_loss_curves(run, arrays, names, each, "courses")
    if exact := sum(one.ending is ResumeVerdict.EXACT for one in copies.values()):
        on_it = "The copy that carries on exactly lies" if exact == 1 else f"{exact} copies carry on exactly, and lie"
        st.caption(f"The wide grey line is the live model. {on_it} on it.")
    _show_parts(copies, names)


def _score_text(epoch: dict) -> str:
    name = epoch["score_name"]
    return (
        f"{format_score(name, epoch['score'])} accuracy" if name == "accuracy" else f"a {name} of {epoch['score']:.3g}"
    )


def _show_endings(
    copies: dict[str, ResumeResult], names: dict[str, str], arrays: dict[str, np.ndarray], batches_per_epoch: int
) -> None:
    order = list(ResumeVerdict)
    with st.grid(3, min_column_width=270):
        for id_, one in sorted(copies.items(), key=lambda pair: order.index(pair[1].ending)):
            with st.container(border=True, height="stretch", key=f"ending-{id_}"):
                st.markdown(f"**{escape_markdown(names[id_])}**")
                icon, colour, meaning = ENDING_BADGES[one.ending]
                st.badge(one.ending.label, icon=icon, color=colour, help=meaning)
                if one.ending is ResumeVerdict.FAILED:
                    show_error(one.error)
                    continue
                st.markdown(escape_markdown(one.sentence))
                if one.remark:
                    st.caption(escape_markdown(one.remark))
                if id_ in arrays:
                    draw_loss_difference(
                        arrays[id_] - arrays[LIVE_MODEL],
                        batches_per_epoch,
                        LINE_COLOURS[colour],
                        f"departure-{id_}",
                        names[id_],
                    )
                    _show_final_score(one)


def _show_final_score(continuation: ResumeResult) -> None:
    last = continuation.epochs[-1].model_dump()
    st.caption(
        escape_markdown(
            f"Ends with {_score_text(last)} on validation rows. Took {format_duration(continuation.seconds)}."
        )
    )


def _show_parts(copies: dict[str, ResumeResult], names: dict[str, str]) -> None:
    """What each began its training with, part by part, and what its evidence found in the copy."""
    st.subheader("What each copy began with")
    shown = [part for part in MODEL_PARTS if any(part in one.parts for one in copies.values())]
    table = {"Copy": [names[id_] for id_ in copies]}
    for part in shown:
        table[part.capitalize()] = [_part_state(one, part) for one in copies.values()]
    table["Optimizer, when saved"] = [_saved_optimizer_text(one) for one in copies.values()]
    config = {part.capitalize(): st.column_config.TextColumn(help=TRAINING_PART_MEANINGS[part]) for part in shown}
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


def _part_state(continuation: ResumeResult, part: str) -> str:
    if part not in continuation.parts:
        return PART_STATES[None]
    number = continuation.numbers.get(part)
    return PART_STATES[continuation.parts[part]] + ("" if number is None else f" ({number:g})")


def _saved_optimizer_text(continuation: ResumeResult) -> str:
    return "–" if continuation.saved is None else f"{continuation.saved.found} of {continuation.saved.of} tensors"


def runs_with_copies(run_ids: Container[str], runs: Iterable[Run]) -> dict[str, Run]:
    """The runs that have copies, and data to train them on, newest first; `saved` are the ids of the first."""
    return {run.id: run for run in runs if run.id in run_ids and run.demo}
