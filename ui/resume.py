"""Parts of the Resume page: the choice of copies, how each resumes, the curves, and what each began with."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.figures.theme import PLOTLY_CONFIG
from core.jobs.resume import LIVE_MODEL, build_batches
from core.jobs.resume_result import MODEL_PARTS, ResumeResult, ResumeVerdict
from core.library import Run
from core.library.job_store import Job
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_score
from ui.artifact_picker import ArtifactChoices, choose_artifacts, choose_code_sources, warn_missing
from ui.charts import LossCurve, loss_difference_chart, resume_curves
from ui.components import describe_runs, escape_markdown, show_error
from ui.query_params import bind_select
from ui.session import current_jobs
from ui.wrapped_table import show_wrapped_table

MAX_POINTS = 1500  # points of one curve
Losses = Sequence[float | None] | np.ndarray


def draw_running_curves(job: Job, run: Run, names: dict[str, str]) -> None:
    """Draw the loss curves of a running job up to now."""
    losses = job.detail.get("curves") or {}
    if job.is_active and LIVE_MODEL in losses:
        batches = build_batches(run, 1).batches_per_epoch
        _draw_loss_curves(run, losses, names, batches, f"growing-{job.id}", job.detail["every"])


def _draw_loss_curves(
    run: Run, losses: Mapping[str, Losses], names: dict[str, str], batches_per_epoch: int, key: str, stride: int = 1
) -> None:
    """Draw the run's own epochs, then the losses of the live model and of the copies, of every `stride`-th batch."""
    history = current_jobs().library.history(run.id)
    rows = [row for row in history if row.get("loss") is not None]
    past = LossCurve("the run's own epochs", [row["epoch"] or 0 for row in rows], [row["loss"] for row in rows])

    def curve(name: str, id_: str) -> LossCurve:
        return LossCurve(name, *_curve_points(losses[id_], len(history), batches_per_epoch, stride))

    copies = [curve(_join_names([names[id_] for id_ in ids]), ids[0]) for ids in _group_identical_losses(losses)]
    figure = resume_curves(past, curve("the live model, trained on", LIVE_MODEL), copies)
    alt = "Loss of every batch, of the live model and of each copy"
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=key, alt=alt)


def _draw_loss_difference(differences: np.ndarray, batches_per_epoch: int, colour: str, key: str, name: str) -> None:
    """Draw how far the losses of a copy are from the live model's."""
    limit = float(np.abs(differences[np.isfinite(differences)]).max(initial=0.0))
    figure = loss_difference_chart(*_curve_points(differences, 0, batches_per_epoch, 1), limit or 1.0, colour)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=key, alt=f"Loss of {name} minus the live model's, batch by batch")


def _curve_points(
    values: Losses, first_epoch: int, batches_per_epoch: int, stride: int
) -> tuple[list[float], list[float | None]]:
    """Return epochs and values, at most about `MAX_POINTS` of them; None where a value is not finite."""
    indices = range(0, len(values), max(1, len(values) // MAX_POINTS))
    epochs = [first_epoch + (index * stride + 1) / batches_per_epoch for index in indices]
    points = [values[index] for index in indices]
    return epochs, [None if value is None or not np.isfinite(value) else float(value) for value in points]


def _group_identical_losses(losses: Mapping[str, Losses]) -> list[list[str]]:
    """Return the ids of copies, grouped where all losses are equal so far: such copies share a line."""
    groups: dict[str, list[str]] = {}
    for id_, values in losses.items():
        if id_ != LIVE_MODEL:
            groups.setdefault(str(list(values)), []).append(id_)
    return list(groups.values())


def _join_names(names: list[str]) -> str:
    """Return names joined by commas, two on a line, because of narrow screens."""
    return ",<br>".join(", ".join(names[index : index + 2]) for index in range(0, len(names), 2))


# Icon and colour of each ending's badge, and what it means.
ENDING_BADGES: dict[ResumeVerdict, tuple[str, Literal["green", "blue", "orange", "red", "gray"], str]] = {
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
        "The weights are not those that were learned, so there is little to resume from.",
    ),
    ResumeVerdict.CANNOT_TRAIN: (
        ":material/block:",
        "gray",
        "It answers, and that is all: formats for serving leave training out.",
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
SAVED_OPTIMIZER = "Optimizer, when saved"
SAVED_MEANING = (
    "Tensors of the optimizer that were found in the copy with equal bits when it was saved. Found is not yet usable: "
    "a SavedModel holds all of them, and nothing in it takes a step."
)
# The colours of badges for lines, which are readable on white and on near-black.
LINE_COLOURS = {"green": "#16A34A", "blue": "#0284C7", "orange": "#D97706", "red": "#DC2626"}
PART_STATES = {True: "✓ kept", False: "✗ lost", None: "– not seen"}


def choose_run(runs: dict[str, Run]) -> Run:
    """Choose the run whose copies are trained on; the choice stands in the address."""
    id_: Any = st.selectbox(
        "Run",
        **bind_select("run", list(runs)),
        format_func=describe_runs(current_jobs().library, runs.values()).__getitem__,
    )
    return runs[id_]


def choose_copies(choices: ArtifactChoices) -> list[str]:
    """Choose any copies of a run; the choice stands in the address."""
    warn_missing(choices.missing, "Not a copy of this run")
    return choose_artifacts(choices, "Copies", "artifact", placeholder="Choose copies of this run")


def choose_sources_of(ids: list[str], names: dict[str, str]) -> dict[str, str]:
    """Choose what completes each copy that is half a model."""
    with st.grid(3, min_column_width=270):
        return choose_code_sources(ids, lambda id_: f"{names[id_]}: what brings its other half?")


def show_resume_result(job: Job, run: Run, names: dict[str, str]) -> None:
    """Show how each copy resumes, then the curves, then what each copy began with."""
    copies = {id_: ResumeResult.model_validate(copy) for id_, copy in job.result["copies"].items()}
    batches = job.result["batches"]
    st.caption(
        f"The live model and {'each copy' if len(copies) > 1 else 'the copy'} trained on for "
        f"{pluralize(job.request['epochs'], 'epoch')} of {batches:,} batches: the same rows in the same order, "
        f"each in a process of its own. The live model ends with {_score_text(job.result['live']['epochs'][-1])} on "
        "validation rows."
    )
    losses = current_jobs().job_store.load_arrays(job.id)
    _show_endings(copies, names, losses, batches)
    if len(losses) > 1:
        st.caption("The small charts show how much higher or lower a copy's loss is, each on a scale of its own.")
    st.header("Loss, batch by batch")
    _draw_loss_curves(run, losses, names, batches, "courses")
    if exact := sum(copy.ending is ResumeVerdict.EXACT for copy in copies.values()):
        subject = "The copy that resumes exactly lies" if exact == 1 else f"{exact} copies resume exactly, and lie"
        st.caption(f"The wide grey line is the live model. {subject} on it.")
    _show_parts(copies, names)


def _score_text(epoch: dict[str, Any]) -> str:
    name, score = epoch["score_name"], epoch["score"]
    return f"{format_score(name, score)} accuracy" if name == "accuracy" else f"a {name} of {score:.3g}"


def _show_endings(
    copies: dict[str, ResumeResult], names: dict[str, str], losses: Arrays, batches_per_epoch: int
) -> None:
    order = list(ResumeVerdict)
    with st.grid(3, min_column_width=270):
        for id_, copy in sorted(copies.items(), key=lambda pair: order.index(pair[1].ending)):
            with st.container(border=True, height="stretch", key=f"ending-{id_}"):
                st.markdown(f"**{escape_markdown(names[id_])}**")
                icon, colour, meaning = ENDING_BADGES[copy.ending]
                st.badge(copy.ending.label, icon=icon, color=colour, help=meaning)
                if copy.ending is ResumeVerdict.FAILED:
                    show_error(copy.error or {})
                    continue
                st.markdown(escape_markdown(copy.sentence))
                if notes := [
                    *([f"Its layers came from {copy.source}."] if copy.source else []),
                    *filter(None, [copy.remark]),
                ]:
                    st.caption(escape_markdown(" ".join(notes)))
                if id_ in losses:
                    differences, line = losses[id_] - losses[LIVE_MODEL], LINE_COLOURS[colour]
                    _draw_loss_difference(differences, batches_per_epoch, line, f"departure-{id_}", names[id_])
                    score = _score_text(copy.epochs[-1].model_dump())
                    took = format_duration(copy.seconds)
                    st.caption(escape_markdown(f"Ends with {score} on validation rows. Took {took}."))


def _show_parts(copies: dict[str, ResumeResult], names: dict[str, str]) -> None:
    """Show what each copy began its training with, part by part, and what its evidence found of the optimizer."""
    st.header("What each copy began with")
    parts = [part for part in MODEL_PARTS if any(part in copy.parts for copy in copies.values())]
    table = {"Copy": [names[id_] for id_ in copies]}
    for part in parts:
        table[part.capitalize()] = [_part_state(copy, part) for copy in copies.values()]
    table[SAVED_OPTIMIZER] = [_saved_optimizer_text(copy) for copy in copies.values()]
    show_wrapped_table(table, "For each copy and each part of a training, whether it was kept or lost")
    meanings = {part.capitalize(): TRAINING_PART_MEANINGS[part] for part in parts} | {SAVED_OPTIMIZER: SAVED_MEANING}
    with st.expander("What these parts are", icon=":material/help:"):
        st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in meanings.items()))
    st.caption(
        "✓ kept: equal, bit for bit, to what the live model had at the end of its training · ✗ lost: begins anew or is "
        "something else · – not seen: this runtime does not show it. Of copies that cannot train, this was found when "
        "they were saved."
    )


def _part_state(copy: ResumeResult, part: str) -> str:
    if part not in copy.parts:
        return PART_STATES[None]
    number = copy.numbers.get(part)
    return PART_STATES[copy.parts[part]] + ("" if number is None else f" ({number:g})")


def _saved_optimizer_text(copy: ResumeResult) -> str:
    return "–" if copy.saved is None else f"{copy.saved.found} of {copy.saved.of} tensors"


def runs_with_copies(run_ids: Container[str], runs: Iterable[Run]) -> dict[str, Run]:
    """Return by id the runs in `run_ids`, those with copies, that have data to train on; in the order of `runs`."""
    return {run.id: run for run in runs if run.id in run_ids and run.demo}
