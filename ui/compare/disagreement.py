"""Find a disagreement: two are chosen, the search is followed, and what it found is shown as a person would say it."""

from typing import Any

import numpy as np
import streamlit as st

from core.errors import RoundtripError
from core.jobs.participants import run_id_of
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import format_duration
from ui.compare.disagreement_inputs import DisagreementView, show_both_predictions, show_input
from ui.components import escape_markdown
from ui.job_progress import follow_job
from ui.query_params import bind_select
from ui.session import current_jobs

SEARCH_SECONDS = (5, 20, 60)  # seconds of a search
SPLIT_NAMES = {"held-out": "the held-out data", "training": "the training data", "validation": "the validation data"}
PHASE_NAMES = {"held-out": "Held-out rows", "training": "Training rows", "validation": "Validation rows"}
GENERATED = "made"
MAX_FIELDS_BESIDE = 4  # fields of a form that find room beside the answers


def show_disagreement(
    baseline: str,
    others: list[str],
    names: dict[str, str],
    entries: dict[str, Entry],
    sources: dict[str, str] | None = None,
) -> None:
    """Choose two of the given (artifacts, or a run for its live model), search, and show what was found.

    `names` says how each is called on the page; `sources` as in `Jobs.disagree`. The two and
    the search stand in the address, as `one`, `two`, `search`.
    """
    ids = list(dict.fromkeys([baseline, *others]))
    names = {id_: names.get(id_) or (entries[id_].format if id_ in entries else id_) for id_ in ids}
    st.markdown(
        "Two copies may agree on every row that you have and still part on the next one. This looks for the input on "
        "which they disagree most: first in the data, then by small steps around it."
    )
    if len(ids) < 2:
        st.info("Choose at least one copy above: it takes two to disagree.", icon=":material/arrow_upward:")
        return
    _show_search_form(ids, names, sources or {})
    if job := _job_from_query(ids, sources or {}):
        follow_job(job, lambda seen: _draw_result(seen, names))


def _show_search_form(ids: list[str], names: dict[str, str], sources: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = lambda id_: names[id_]  # noqa: E731
        one = st.selectbox("Between", **bind_select("one", ids), format_func=label, width=260)
        rest = [id_ for id_ in ids if id_ != one]
        two = st.selectbox("and", **bind_select("two", rest), format_func=label, width=260)
        seconds = st.segmented_control(
            "For how long",
            SEARCH_SECONDS,
            default=20,
            required=True,
            format_func=lambda limit: f"{limit} s",
            key="disagree-for",
        )
        if st.button("Find a disagreement", type="primary", icon=":material/search:"):
            asked = {id_: sources[id_] for id_ in (one, two) if id_ in sources}
            st.query_params["search"] = current_jobs().find_disagreement(one, two, asked, seconds=seconds).id


def _job_from_query(ids: list[str], sources: dict[str, str]) -> Job | None:
    """The search that the address names, if it is between two that are still chosen, by the code that is chosen."""
    try:
        job = current_jobs().job_store.read(st.query_params.get("search", ""))
    except RoundtripError:  # none, or one that is forgotten: it can be searched again
        return None
    if job.kind != "disagree" or not {job.request["a"], job.request["b"]} <= set(ids):
        return None
    used = job.request["sources"]
    return job if all(sources.get(id_, key) == key for id_, key in used.items()) else None


def _draw_result(job: Job, names: dict[str, str]) -> None:
    """The verdict, the input, both answers, and where it came from: of the end, or of the best so far."""
    facts = job.result.get("found") or job.detail.get("best")
    if not facts:
        return
    try:
        arrays = current_jobs().job_store.load_arrays(job.id)
    except FileNotFoundError:  # the record was read just before the first arrays were kept
        return
    run = current_jobs().library.run(run_id_of(current_jobs(), job.request["a"]))
    both = [names[job.request[side]] for side in ("a", "b")]
    shown = DisagreementView(run, facts, arrays, both)
    with st.container(border=True, key="disagreement"):
        st.markdown(
            f"#### {disagreement_sentence(shown)}{'' if job.state == 'done' or facts['changed'] else ', so far'}"
        )
        st.caption(_count_sentence(job.result or job.detail, facts))
        if facts["amount"]:  # else there is nothing to see on any input
            _show_input_and_predictions(shown)
    if job.state == "done":
        _offer_as_inputs(job, shown.input_noun)
        _show_search_numbers(job)


def _show_input_and_predictions(view: DisagreementView) -> None:
    """The input beside the answers, where both take some room; else the answers above a form."""
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
    """What a person would say, in Markdown: who says what, on this input."""
    facts, (one, two) = view.facts, [f"**{escape_markdown(name)}**" for name in view.names]
    if not facts["changed"]:
        return f"{_capitalise_name(one)} and {two} gave the same answer every time"
    said = [_prediction_text(view, side) for side in (0, 1)]
    if None not in said:
        return f"{_capitalise_name(one)} says {said[0]}, {two} says {said[1]}, on this {view.input_noun}"
    apart = np.abs(view.prediction(0).astype("float64") - view.prediction(1)).max()
    return (
        f"{_capitalise_name(one)} and {two} are up to **{escape_markdown(f'{apart:.2g}')}** apart on this "
        f"{view.input_noun}"
    )


def _prediction_text(view: DisagreementView, side: int) -> str | None:
    """One answer in Markdown; None where it is many values."""
    answer = view.prediction(side)
    if view.facts["kind"] == "class":
        label = view.facts["said"][side]
        if label is None:
            return "**nothing that is a number**"
        share = f" ({answer.max():.0%})" if answer.min() >= 0 and answer.max() <= 1 else ""
        return f"**{escape_markdown(label)}**{escape_markdown(_with_nonbreaking_percent(share))}"
    if answer.size > 1:
        return None
    return f"**{escape_markdown(view.format_value(answer.reshape(-1)[0]))}**"


def _capitalise_name(name: str) -> str:
    """A name at the beginning of a sentence."""
    return name[:2] + name[2:3].upper() + name[3:]


def _count_sentence(progress: dict[str, Any], facts: dict[str, Any]) -> str:
    """How many were asked, and what came of it."""
    asked, differed = progress["asked"], progress["changed"]
    made = asked.get(GENERATED, 0)
    said = f"Asked {sum(asked.values()) - made:,} rows of the data" + (f" and {made:,} made inputs" if made else "")
    if facts["changed"]:
        of_data = sum(differed.values()) - differed.get(GENERATED, 0)
        counted = f"{of_data:,} and {differed[GENERATED]:,}" if made else f"{of_data:,}"
        how = "differed by over 1\u00a0% of the answers' spread" if facts["kind"] == "value" else "got other answers"
        return f"{said}: {counted} of them {how}."
    if progress["largest"] == 0 and facts["kind"] != "text":
        return f"{said}: not one number of any answer differed."
    return f"{said}: the same answer every time; the largest difference was {progress['largest']:.2g}."


def _origin_sentence(view: DisagreementView) -> str:
    """Where the input came from, in words."""
    facts, distance = view.facts, view.facts["distance"]
    row = f"row {facts['row']:,} of {SPLIT_NAMES[facts['split']]}"
    truth = f" The right answer is **{escape_markdown(_truth_text(view))}**." if facts["truth"] is not None else ""
    if not facts["changed"]:
        if facts["amount"] == 0:
            return ""
        row = f"The {view.input_noun} shown is where they come closest to disagreeing: {row}"
    row = row[0].upper() + row[1:]
    if not facts["steps"]:
        return f"{row}, as it is.{truth}"
    steps = "1 small step" if facts["steps"] == 1 else f"{facts['steps']} small steps"
    moved = f"{distance['columns']} of {distance['of']} {view.column_noun} changed"
    if view.input_noun == "text":
        moved = "letters were changed, put in or left out"
    if distance["largest"]:
        moved += _with_nonbreaking_percent(f", the furthest by {distance['largest']:.0%} of its range")
    return f"{row}, after {steps}: {moved}. {_origin_row_sentence(view)}"


def _truth_text(view: DisagreementView) -> str:
    truth = view.facts["truth"]
    return truth if isinstance(truth, str) else view.format_value(truth)


def _origin_row_sentence(view: DisagreementView) -> str:
    """What is right for the row where the steps began, and what both said to it."""
    one, two = (view.origin_prediction(side) for side in (0, 1))
    said = ""
    if one is not None and two is not None:
        said = (
            f"both say {escape_markdown(one)}"
            if one == two
            else f"they say {escape_markdown(one)} and {escape_markdown(two)}"
        )
    if view.facts["truth"] is None:
        return f"On the row itself {said}." if said else ""
    right = f"The right answer for the row itself is **{escape_markdown(_truth_text(view))}**"
    return f"{right}; there {said}." if said else f"{right}."


def _with_nonbreaking_percent(text: str) -> str:
    """With the space before each % that no line is broken at."""
    return text.replace("%", "\u00a0%")


def _offer_as_inputs(job: Job, input_noun: str) -> None:
    """What was found is an input set: the address asks it of all that are compared."""
    found = job.result["inputs"]
    if found and st.button(
        f"Ask every copy about this {input_noun}",
        icon=":material/forum:",
        help="The comparison above is done again with this alone.",
    ):
        st.query_params["inputs"] = found
        st.rerun()  # the whole page, and not only the part of it that follows the search


def _show_search_numbers(job: Job) -> None:
    """What stands behind the sentence, on demand."""
    result, request = job.result, job.request
    for note in result["notes"]:
        st.caption(f":material/info: {escape_markdown(note)}")
    with st.expander("The numbers behind it", icon=":material/numbers:"):
        phases = [
            *[phase for phase in PHASE_NAMES if phase in result["asked"]],
            *([GENERATED] if GENERATED in result["asked"] else []),
        ]
        st.dataframe(
            {
                "What was asked": [PHASE_NAMES.get(phase, "Made inputs") for phase in phases],
                "Inputs": [result["asked"][phase] for phase in phases],
                "Answered differently": [result["changed"][phase] for phase in phases],
            },
            hide_index=True,
            alt="How many inputs were asked, and how many were answered differently",
        )
        st.markdown(_amounts_text(result))
        st.caption(f"Searched for {format_duration(result['seconds'])}, seed {request['seed']}.")


def _amounts_text(result: dict[str, Any]) -> str:
    """How large the disagreement is, in the data and after the steps."""
    meaning = {
        (True, "class"): "The smaller of the two leads, with which each prefers its own class over the other's",
        (False, "class"): "How near the answer is to changing, from 0 to 1",
        (True, "value"): "The largest difference, in units of the standard deviation of the answers",
        (False, "value"): "The largest difference, in units of the standard deviation of the answers",
        (True, "text"): "Texts that are others",
        (False, "text"): "Texts that are others",
    }
    lines = [
        f"- {meaning[facts['changed'], facts['kind']]}, {where}: **{facts['amount']:.3g}**"
        for where, facts in (("in the data", result["data"]), ("at the end", result["found"]))
    ]
    return "\n".join([*lines, f"- Largest difference of any two numbers: **{result['largest']:.3g}**"])
