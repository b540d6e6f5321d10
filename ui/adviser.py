"""The adviser: four questions, and which copy of a run to take, by what was measured on the run's copies."""

from typing import Literal

import streamlit as st

from core.adviser import Advice, Needs, Place, advise
from core.adviser.advice import Choice, Loss
from core.errors import RoundtripError
from core.formats import get_format
from core.text.labels import pluralize
from core.text.numbers import format_size
from ui.components import escape_markdown, show_error
from ui.findings import show_verdict_and_losses
from ui.navigation import go
from ui.routes import kit_url
from ui.session import current_jobs

YES, NO = "Yes", "No"
NONE_CHANGED, FEW_CHANGED = "None may change", "A few may change"
DEFAULT_FEW = 5  # answers that may change where a few may
LOSS_SIGNS = {"lost": ":red[✗]", "changed": ":orange[≈]", "failed": ":red[!]"}
CODE_HELP = "The Python classes and functions of the model, importable in the program that loads the copy."
CHANGED_HELP = (
    "An answer is changed where the copy says another class than the live model, or a number that is far off."
)


def show_adviser_of_run(run_id: str) -> None:
    """Show the adviser in an expander; nothing is computed before it is opened."""
    title = "Which one should I take?"
    with st.expander(title, icon=":material/assistant_direction:", key=f"adviser-{run_id}", on_change="rerun") as box:
        if box.open:
            show_adviser(run_id)


@st.fragment
def show_adviser(run_id: str) -> None:
    """Show the four questions, and the advice for their answers."""
    needs = _ask_needs(run_id)
    jobs = current_jobs()
    try:
        advice = advise(jobs.library, jobs.job_store, run_id, needs)
        _show_advice(run_id, advice)
    except RoundtripError as error:  # removed or damaged since; the rest of the page must still be drawn
        show_error(error)


def _ask_needs(run_id: str) -> Needs:
    with st.container(border=True):
        where = st.segmented_control(
            "Where must it run?",
            [place.value for place in Place],
            default=Place.SERVER.value,
            required=True,
            format_func=lambda place: Place(place).label,
            key=f"advise-where-{run_id}",
        )
        with st.grid(3, min_column_width=220):
            trains_on = _ask_yes_or_no("Will you go on training it?", f"advise-train-{run_id}")
            has_code = _ask_yes_or_no("Is your own code at hand there?", f"advise-code-{run_id}", CODE_HELP)
            max_changed = _ask_max_changed(run_id)
    return Needs(Place(where), trains_on, has_code, max_changed)


def _ask_yes_or_no(question: str, key: str, help_: str | None = None) -> bool:
    return st.segmented_control(question, (NO, YES), default=NO, required=True, key=key, help=help_) == YES


def _ask_max_changed(run_id: str) -> int:
    with st.container():
        options, key = (NONE_CHANGED, FEW_CHANGED), f"advise-changed-{run_id}"
        question = "Must answers be identical?"
        chosen = st.segmented_control(
            question, options, default=NONE_CHANGED, required=True, key=key, help=CHANGED_HELP
        )
        if chosen == NONE_CHANGED:
            return 0
        rows = current_jobs().library.run(run_id).rows.get("held_out", 0) or 1_000_000
        return int(st.number_input("At most so many of the rows", 1, rows, min(DEFAULT_FEW, rows), key=f"{key}-rows"))


def _show_advice(run_id: str, advice: Advice) -> None:
    st.header(escape_markdown(advice.headline), anchor=False)
    if advice.choice:
        for sentence in advice.unmeasured:
            st.caption(f":material/help: {escape_markdown(sentence)}")
        _show_choices(advice, advice.choice)
    elif advice.rejected:
        st.markdown(f"What comes nearest is {escape_markdown(advice.rejected[0].label)}, but for this:")
        st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in advice.rejected[0].obstacles))
    _offer_unsaved(run_id, advice)
    _show_others(advice)
    if advice.code:
        with st.expander("The code", icon=":material/code:"):
            for title, text in (("The code that saved it", advice.code.save), ("To load it again", advice.code.load)):
                st.markdown(f"**{title}**")
                st.code(text)


def _show_choices(advice: Advice, choice: Choice) -> None:
    with st.grid(2, min_column_width=300):
        with st.container(border=True, height="stretch"):
            _show_choice("Recommended", choice, is_primary=True)
        if advice.runner_up:
            with st.container(border=True, height="stretch"):
                _show_choice("Runner-up", advice.runner_up, False, advice.why_second)


def _show_choice(title: str, choice: Choice, is_primary: bool, why_second: str = "") -> None:
    st.caption(title)
    with st.container(horizontal=True, vertical_alignment="center"):
        size = escape_markdown(format_size(choice.bytes))
        st.markdown(f"**{choice.label}** · {size}", width="content")
        show_verdict_and_losses(choice.artifact, choice.verdict, choice.changed_rows, choice.rows)
    if why_second:
        st.markdown(escape_markdown(why_second))
    st.markdown("\n".join(f"- :green[✓] {escape_markdown(sentence)}" for sentence in choice.reasons))
    if choice.losses:
        st.markdown("What it loses")
        st.markdown("\n".join(f"- {_loss_text(loss)}" for loss in choice.losses))
    else:
        st.markdown("It loses nothing of what was looked at.")
    for sentence in choice.cautions:
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    with st.container(horizontal=True):
        if get_format(choice.format).kit:
            kit_type: Literal["primary", "secondary"] = "primary" if is_primary else "secondary"
            st.link_button("Proof kit", kit_url(choice.artifact), icon=":material/verified_user:", type=kit_type)
        if st.button("Look inside", icon=":material/search:", key=f"advised-{title}-{choice.artifact}"):
            go("inspect", artifact=choice.artifact)


def _loss_text(loss: Loss) -> str:
    return f"{LOSS_SIGNS[loss.state]} **{loss.finding}** {loss.state}. {escape_markdown(loss.words)}"


def _offer_unsaved(run_id: str, advice: Advice) -> None:
    if not advice.unsaved:
        return
    st.info(
        f"Not saved yet, so not measured: {escape_markdown('; '.join(advice.unsaved.values()))}.",
        icon=":material/save:",
    )
    if st.button("Save in other formats", icon=":material/save:", key=f"advise-save-{run_id}"):
        go("save", run=run_id)


def _show_others(advice: Advice) -> None:
    if advice.others:
        st.caption(f"These fit too, in this order: {escape_markdown('; '.join(advice.others))}.")
    if advice.rejected:
        with st.expander(f"Why not {pluralize(len(advice.rejected), 'other format')}", icon=":material/block:"):
            st.markdown(
                "\n".join(
                    f"- **{escape_markdown(each.label)}**: {escape_markdown(' '.join(each.obstacles))}"
                    for each in advice.rejected
                )
            )
