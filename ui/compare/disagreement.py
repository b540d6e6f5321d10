"""Find a disagreement tab: the choice of two copies, the progress of a search, and its result in plain words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from core.errors import RoundtripError
from core.jobs.participants import run_id_of
from core.library.job_store import Job
from core.text.labels import capitalize_first
from core.text.numbers import format_duration, format_number
from ui.compare.disagreement_inputs import DisagreementView, show_both_predictions, show_input
from ui.compare.participants import Participants
from ui.components import escape_markdown
from ui.job_progress import follow_job
from ui.query_params import bind_select
from ui.session import current_jobs

SEARCH_SECONDS = (5, 20, 60)  # how long a search may take
SPLIT_NAMES = {"held-out": "the test data", "training": "the training data", "validation": "the validation data"}
GENERATED = "made"
PHASE_NAMES = {"held-out": "Test examples", "training": "Training rows", "validation": "Validation rows"}
PHASE_NAMES[GENERATED] = "Made inputs"
MAX_FIELDS_BESIDE = 4  # fields of a form that fit beside the predictions
SPREAD_MEANING = "The largest difference, in units of the standard deviation of the answers"
AMOUNT_MEANINGS = {
    "value": SPREAD_MEANING,
    "id": SPREAD_MEANING,
    "text": "Texts that are others",
}
LEAD_MEANING = "The smaller of the two leads, with which each prefers its own class over the other's"
MARGIN_MEANING = "How near the answer is to changing, from 0 to 1"


def show_disagreement(participants: Participants) -> None:
    """Choose two of the participants, search, and show the result.

    Both ids and the job of the search stand in the address, as `one`, `two` and `search`.
    """
    st.markdown(
        "Two copies may agree on every row that you have and still part on the next one. This looks for the input on "
        "which they disagree most: first in the data, then by small steps around it."
    )
    if len(participants.ids) < 2:
        st.info("Choose at least one copy above: it takes two to disagree.", icon=":material/arrow_upward:")
        return
    _show_search_form(participants)
    if job := _job_from_query(participants):
        follow_job(job, lambda seen: _draw_result(seen, participants.names))


def _show_search_form(participants: Participants) -> None:
    ids, sources = participants.ids, participants.sources
    with st.container(horizontal=True, vertical_alignment="bottom"):
        style: dict[str, Any] = {"format_func": participants.names.__getitem__, "width": 260}
        first = st.selectbox("Between", **bind_select("one", ids), **style)
        second = st.selectbox("and", **bind_select("two", [id_ for id_ in ids if id_ != first]), **style)
        seconds = st.segmented_control(
            "For how long",
            SEARCH_SECONDS,
            default=20,
            required=True,
            format_func=lambda limit: f"{limit} s",
            key="disagree-for",
        )
        if st.button("Find a disagreement", type="primary", icon=":material/search:"):
            used = {id_: sources[id_] for id_ in (first, second) if id_ in sources}
            st.query_params["search"] = current_jobs().find_disagreement(first, second, used, seconds=seconds).id


def _job_from_query(participants: Participants) -> Job | None:
    """Return the search that the address names, if its two copies and their code are still chosen; else None."""
    try:
        job = current_jobs().job_store.read(st.query_params.get("search", ""))
    except RoundtripError:  # no job, or a deleted one: it can be searched again
        return None
    if job.kind != "disagree" or not {job.request["a"], job.request["b"]} <= set(participants.ids):
        return None
    used = job.request["sources"]
    return job if all(participants.sources.get(id_, key) == key for id_, key in used.items()) else None


def _draw_result(job: Job, names: dict[str, str]) -> None:
    """Draw the result of a search, or the best so far: the verdict, the input, both predictions, and its origin."""
    facts = job.result.get("found") or job.detail.get("best")
    if not facts:
        return
    try:
        arrays = current_jobs().job_store.load_arrays(job.id)
    except FileNotFoundError:  # the record was read just before the first arrays were stored
        return
    run = current_jobs().library.run(run_id_of(current_jobs(), job.request["a"]))
    view = DisagreementView(run, facts, arrays, [names[job.request[side]] for side in ("a", "b")])
    with st.container(border=True, key="disagreement"):
        so_far = "" if job.state == "done" else ", so far"
        st.markdown(f"## {disagreement_sentence(view)}{so_far}")
        st.caption(_count_sentence(job.result or job.detail, facts))
        if facts["amount"]:  # 0 where the predictions differ on no input
            _show_input_and_predictions(view)
    if job.state == "done":
        _offer_as_inputs(job.result["inputs"], view.input_noun)
        _show_search_numbers(job.result, job.request["seed"])


def _show_input_and_predictions(view: DisagreementView) -> None:
    """Show the input beside the predictions where both fit; else the predictions above the input."""
    if len(view.fields) > MAX_FIELDS_BESIDE or (view.facts["kind"] != "class" and not view.run.image_shape):
        show_both_predictions(view)
        show_input(view)
    else:
        left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
        with left:
            show_input(view)
        with right:
            show_both_predictions(view)
    st.markdown(_origin_sentence(view))


def disagreement_sentence(view: DisagreementView) -> str:
    """Return what each of the two models predicts for this input, in Markdown."""
    first, second = [f"**{escape_markdown(name)}**" for name in view.names]
    first = first[:2] + first[2:3].upper() + first[3:]  # after the two asterisks
    if view.facts.get("tie"):
        level = f"give {_tied_labels(view)} the same on this {view.input_noun}"
        return f"A tie, decided by rounding: {first} and {second} {level}"
    if not view.facts["changed"]:
        return f"{first} and {second} gave the same answer every time"
    texts = [_prediction_text(view, side) for side in (0, 1)]
    if None not in texts:
        return f"{first} says {texts[0]}, {second} says {texts[1]}, on this {view.input_noun}"
    gap = np.abs(view.prediction(0).astype("float64") - view.prediction(1)).max()
    return f"{first} and {second} are up to **{escape_markdown(format_number(gap))}** apart on this {view.input_noun}"


def _tied_labels(view: DisagreementView) -> str:
    """Return the two classes that stand level, in Markdown."""
    prediction = view.prediction(0)
    labels = view.class_labels(prediction)
    return " and ".join(f"**{escape_markdown(labels[number])}**" for number in np.argsort(-prediction)[:2])


def _prediction_text(view: DisagreementView, side: int) -> str | None:
    """Return one model's prediction in Markdown; None where it has several values."""
    prediction = view.prediction(side)
    if view.facts["kind"] == "class":
        label = view.facts["said"][side]
        if label is None:
            return "**nothing that is a number**"
        share = f" ({prediction.max():.0%})" if prediction.min() >= 0 and prediction.max() <= 1 else ""
        return f"**{escape_markdown(label)}**{escape_markdown(_with_nonbreaking_percent(share))}"
    if prediction.size > 1:
        return None
    return f"**{escape_markdown(view.format_value(prediction.reshape(-1)[0]))}**"


def _count_sentence(progress: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return how many inputs were tried, and for how many the predictions differ."""
    tried, changed = progress["asked"], progress["changed"]
    generated = tried.get(GENERATED, 0)
    text = f"Asked {sum(tried.values()) - generated:,} rows of the data"
    text += f" and {generated:,} made inputs" if generated else ""
    if facts.get("tie"):
        return f"{text}: on none of them do the two part by more than rounding."
    if facts["changed"]:
        data_rows = sum(changed.values()) - changed.get(GENERATED, 0)
        counts = f"{data_rows:,} and {changed[GENERATED]:,}" if generated else f"{data_rows:,}"
        is_value = facts["kind"] == "value"
        predicate = "differed by over 1\u00a0% of the answers' spread" if is_value else "got other answers"
        return f"{text}: {counts} of them {predicate}."
    if progress["largest"] == 0 and facts["kind"] != "text":
        return f"{text}: not one number of any answer differed."
    return f"{text}: the same answer every time; the largest difference was {format_number(progress['largest'])}."


def _truth_text(view: DisagreementView) -> str:
    truth = view.facts["truth"]
    return truth if isinstance(truth, str) else view.format_value(truth)


def _origin_row_sentence(view: DisagreementView) -> str:
    """Return the true answer for the row where the steps began, and both predictions for it."""
    first, second = (view.origin_prediction(side) for side in (0, 1))
    text = ""
    if first is not None and second is not None:
        first, second = escape_markdown(first), escape_markdown(second)
        text = f"both say {first}" if first == second else f"they say {first} and {second}"
    if view.facts["truth"] is None:
        return f"On the row itself {text}." if text else ""
    right = f"The right answer for the row itself is **{escape_markdown(_truth_text(view))}**"
    return f"{right}; there {text}." if text else f"{right}."


def _with_nonbreaking_percent(text: str) -> str:
    """Return the text with a non-breaking space before each %."""
    return text.replace("%", "\u00a0%")


def _offer_as_inputs(input_set_id: str, noun: str) -> None:
    """Show a button that puts the input set of a search into the address, to compare all copies on it."""
    if input_set_id and st.button(
        f"Ask every copy about this {noun}",
        icon=":material/forum:",
        help="The comparison above is done again with this alone.",
    ):
        st.query_params["inputs"] = input_set_id
        st.rerun()  # the whole page, not only the fragment that follows the search


def _show_search_numbers(result: dict[str, Any], seed: int) -> None:
    """Show the notes and, in an expander, the numbers of a search."""
    for note in result["notes"]:
        st.caption(f":material/info: {escape_markdown(note)}")
    with st.expander("The numbers behind it", icon=":material/numbers:"):
        phases = [phase for phase in PHASE_NAMES if phase in result["asked"]]
        columns = {
            "What was asked": [PHASE_NAMES[phase] for phase in phases],
            "Inputs": [result["asked"][phase] for phase in phases],
            "Answered differently": [result["changed"][phase] for phase in phases],
        }
        alt = "How many inputs were asked, and how many were answered differently"
        st.dataframe(columns, hide_index=True, alt=alt)
        lines = [
            f"- {amount_meaning(facts)}, {stage}: **{format_number(facts['amount'])}**"
            for stage, facts in (("in the data", result["data"]), ("at the end", result["found"]))
        ]
        st.markdown(
            "\n".join([*lines, f"- Largest difference of any two numbers: **{format_number(result['largest'])}**"])
        )
        st.caption(f"Searched for {format_duration(result['seconds'])}, seed {seed}.")


def amount_meaning(facts: Mapping[str, Any]) -> str:
    """Return what the amount of a disagreement counts, in words."""
    return AMOUNT_MEANINGS.get(facts["kind"]) or (LEAD_MEANING if facts["changed"] else MARGIN_MEANING)


def _origin_sentence(view: DisagreementView) -> str:
    """Return the row that the input came from and how it was changed, in Markdown."""
    facts, distance = view.facts, view.facts["distance"]
    row = f"row {facts['row']:,} of {SPLIT_NAMES[facts['split']]}"
    if not facts["changed"]:
        if facts["amount"] == 0:
            return ""
        row = f"The {view.input_noun} shown is where they come closest to disagreeing: {row}"
    row = capitalize_first(row)
    if not facts["steps"]:
        truth = f" The right answer is **{escape_markdown(_truth_text(view))}**." if facts["truth"] is not None else ""
        return f"{row}, as it is.{truth}"
    steps = "1 small step" if facts["steps"] == 1 else f"{facts['steps']} small steps"
    change = f"{distance['columns']} of {distance['of']} {view.column_noun} changed"
    if view.input_noun == "text":
        change = "letters were changed, put in or left out"
    if distance["largest"]:
        change += _with_nonbreaking_percent(f", the furthest by {distance['largest']:.0%} of its range")
    return f"{row}, after {steps}: {change}. {_origin_row_sentence(view)}"
