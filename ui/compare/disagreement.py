"""Find a disagreement: two are chosen, the search is followed, and what it found is shown as a person would say it."""

from typing import Any

import numpy as np
import streamlit as st

from core.errors import RoundtripError
from core.jobs.participants import run_of
from core.library import Entry
from core.library.job_store import Job
from core.text.labels import duration
from ui.compare.disagreement_inputs import Shown, show_answers, show_input
from ui.components import plain
from ui.job_progress import follow
from ui.query_params import in_address
from ui.session import current_jobs

LIMITS = (5, 20, 60)  # seconds of a search
SPLITS = {"held-out": "the held-out data", "training": "the training data", "validation": "the validation data"}
PHASES = {"held-out": "Held-out rows", "training": "Training rows", "validation": "Validation rows"}
MADE = "made"
BESIDE = 4  # fields of a form that find room beside the answers


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
    _ask(ids, names, sources or {})
    if job := _shown_job(ids, sources or {}):
        follow(job, lambda seen: _draw(seen, names))


def _ask(ids: list[str], names: dict[str, str], sources: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = lambda id_: names[id_]  # noqa: E731
        one = st.selectbox("Between", **in_address("one", ids), format_func=label, width=260)
        rest = [id_ for id_ in ids if id_ != one]
        two = st.selectbox("and", **in_address("two", rest), format_func=label, width=260)
        seconds = st.segmented_control(
            "For how long",
            LIMITS,
            default=20,
            required=True,
            format_func=lambda limit: f"{limit} s",
            key="disagree-for",
        )
        if st.button("Find a disagreement", type="primary", icon=":material/search:"):
            asked = {id_: sources[id_] for id_ in (one, two) if id_ in sources}
            st.query_params["search"] = current_jobs().disagree(one, two, asked, seconds=seconds).id


def _shown_job(ids: list[str], sources: dict[str, str]) -> Job | None:
    """The search that the address names, if it is between two that are still chosen, by the code that is chosen."""
    try:
        job = current_jobs().journal.read(st.query_params.get("search", ""))
    except RoundtripError:  # none, or one that is forgotten: it can be searched again
        return None
    if job.kind != "disagree" or not {job.request["a"], job.request["b"]} <= set(ids):
        return None
    used = job.request["sources"]
    return job if all(sources.get(id_, key) == key for id_, key in used.items()) else None


def _draw(job: Job, names: dict[str, str]) -> None:
    """The verdict, the input, both answers, and where it came from: of the end, or of the best so far."""
    facts = job.result.get("found") or job.detail.get("best")
    if not facts:
        return
    try:
        arrays = current_jobs().journal.arrays(job.id)
    except FileNotFoundError:  # the record was read just before the first arrays were kept
        return
    run = current_jobs().library.run(run_of(current_jobs(), job.request["a"]))
    both = [names[job.request[side]] for side in ("a", "b")]
    shown = Shown(run, facts, arrays, both)
    with st.container(border=True, key="disagreement"):
        st.markdown(f"#### {sentence(shown)}{'' if job.state == 'done' or facts['changed'] else ', so far'}")
        st.caption(_counts(job.result or job.detail, facts))
        if facts["amount"]:  # else there is nothing to see on any input
            _close_up(shown)
    if job.state == "done":
        _ask_everybody(job, shown.what)
        _numbers(job)


def _close_up(shown: Shown) -> None:
    """The input beside the answers, where both take some room; else the answers above a form."""
    if len(shown.fields) > BESIDE or (shown.facts["kind"] != "class" and not shown.run.image_shape):
        show_answers(shown)
        show_input(shown)
    else:
        left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
        with left:
            show_input(shown)
        with right:
            show_answers(shown)
    st.markdown(_whence(shown))


def sentence(shown: Shown) -> str:
    """What a person would say, in Markdown: who says what, on this input."""
    facts, (one, two) = shown.facts, [f"**{plain(name)}**" for name in shown.names]
    if not facts["changed"]:
        return f"{_begin(one)} and {two} gave the same answer every time"
    said = [_said(shown, side) for side in (0, 1)]
    if None not in said:
        return f"{_begin(one)} says {said[0]}, {two} says {said[1]}, on this {shown.what}"
    apart = np.abs(shown.answer(0).astype("float64") - shown.answer(1)).max()
    return f"{_begin(one)} and {two} are up to **{plain(f'{apart:.2g}')}** apart on this {shown.what}"


def _said(shown: Shown, side: int) -> str | None:
    """One answer in Markdown; None where it is many values."""
    answer = shown.answer(side)
    if shown.facts["kind"] == "class":
        label = shown.facts["said"][side]
        if label is None:
            return "**nothing that is a number**"
        share = f" ({answer.max():.0%})" if answer.min() >= 0 and answer.max() <= 1 else ""
        return f"**{plain(label)}**{plain(_spaced(share))}"
    if answer.size > 1:
        return None
    return f"**{plain(shown.value(answer.reshape(-1)[0]))}**"


def _begin(name: str) -> str:
    """A name at the beginning of a sentence."""
    return name[:2] + name[2:3].upper() + name[3:]


def _counts(told: dict[str, Any], facts: dict[str, Any]) -> str:
    """How many were asked, and what came of it."""
    asked, differed = told["asked"], told["changed"]
    made = asked.get(MADE, 0)
    said = f"Asked {sum(asked.values()) - made:,} rows of the data" + (f" and {made:,} made inputs" if made else "")
    if facts["changed"]:
        of_data = sum(differed.values()) - differed.get(MADE, 0)
        counted = f"{of_data:,} and {differed[MADE]:,}" if made else f"{of_data:,}"
        how = "differed by over 1\u00a0% of the answers' spread" if facts["kind"] == "value" else "got other answers"
        return f"{said}: {counted} of them {how}."
    if told["largest"] == 0 and facts["kind"] != "text":
        return f"{said}: not one number of any answer differed."
    return f"{said}: the same answer every time; the largest difference was {told['largest']:.2g}."


def _whence(shown: Shown) -> str:
    """Where the input came from, in words."""
    facts, distance = shown.facts, shown.facts["distance"]
    row = f"row {facts['row']:,} of {SPLITS[facts['split']]}"
    truth = f" The right answer is **{plain(_truth(shown))}**." if facts["truth"] is not None else ""
    if not facts["changed"]:
        if facts["amount"] == 0:
            return ""
        row = f"The {shown.what} shown is where they come closest to disagreeing: {row}"
    row = row[0].upper() + row[1:]
    if not facts["steps"]:
        return f"{row}, as it is.{truth}"
    steps = "1 small step" if facts["steps"] == 1 else f"{facts['steps']} small steps"
    moved = f"{distance['columns']} of {distance['of']} {shown.columns} changed"
    if shown.what == "text":
        moved = "letters were changed, put in or left out"
    if distance["largest"]:
        moved += _spaced(f", the furthest by {distance['largest']:.0%} of its range")
    return f"{row}, after {steps}: {moved}. {_of_the_row(shown)}"


def _truth(shown: Shown) -> str:
    truth = shown.facts["truth"]
    return truth if isinstance(truth, str) else shown.value(truth)


def _of_the_row(shown: Shown) -> str:
    """What is right for the row where the steps began, and what both said to it."""
    one, two = (shown.row_says(side) for side in (0, 1))
    said = ""
    if one is not None and two is not None:
        said = f"both say {plain(one)}" if one == two else f"they say {plain(one)} and {plain(two)}"
    if shown.facts["truth"] is None:
        return f"On the row itself {said}." if said else ""
    right = f"The right answer for the row itself is **{plain(_truth(shown))}**"
    return f"{right}; there {said}." if said else f"{right}."


def _spaced(text: str) -> str:
    """With the space before each % that no line is broken at."""
    return text.replace("%", "\u00a0%")


def _ask_everybody(job: Job, what: str) -> None:
    """What was found is an input set: the address asks it of all that are compared."""
    found = job.result["inputs"]
    if found and st.button(
        f"Ask every copy about this {what}",
        icon=":material/forum:",
        help="The comparison above is done again with this alone.",
    ):
        st.query_params["inputs"] = found
        st.rerun()  # the whole page, and not only the part of it that follows the search


def _numbers(job: Job) -> None:
    """What stands behind the sentence, on demand."""
    result, request = job.result, job.request
    for note in result["notes"]:
        st.caption(f":material/info: {plain(note)}")
    with st.expander("The numbers behind it", icon=":material/numbers:"):
        phases = [
            *[phase for phase in PHASES if phase in result["asked"]],
            *([MADE] if MADE in result["asked"] else []),
        ]
        st.dataframe(
            {
                "What was asked": [PHASES.get(phase, "Made inputs") for phase in phases],
                "Inputs": [result["asked"][phase] for phase in phases],
                "Answered differently": [result["changed"][phase] for phase in phases],
            },
            hide_index=True,
            alt="How many inputs were asked, and how many were answered differently",
        )
        st.markdown(_measured(result))
        st.caption(f"Searched for {duration(result['seconds'])}, seed {request['seed']}.")


def _measured(result: dict[str, Any]) -> str:
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
