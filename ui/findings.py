"""Losses of a copy as links beside its verdict, and the findings that they lead to."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.compatibility.losses import find_losses
from core.compatibility.matrix import build_row
from core.grading import GRADE_HELP, Grade, GradeLevel
from core.library import Artifact, Run
from ui.components import Badge, escape_markdown, verdict_badge
from ui.formats import show_cells
from ui.navigation import get_page
from ui.session import current_jobs

if TYPE_CHECKING:
    from core.compare import Verdict

FINDINGS_TAB = "Findings"  # of the Inspect page
FINDING_PARAM = "finding"
GRADE_BADGES: dict[GradeLevel, Badge] = {
    GradeLevel.SLIGHT: (":material/signal_cellular_1_bar:", "blue"),
    GradeLevel.NOTICEABLE: (":material/signal_cellular_2_bar:", "orange"),
    GradeLevel.STRONG: (":material/signal_cellular_3_bar:", "red"),
    GradeLevel.UNUSABLE: (":material/signal_cellular_4_bar:", "red"),
}


def show_verdict_and_losses(
    artifact_id: str,
    verdict: "str | Verdict",
    changed: int | None = None,
    rows: int | None = None,
    error: dict[str, str] | None = None,
    grade: "Grade | dict[str, Any] | None" = None,
) -> None:
    """Show the verdict on a copy's answers, how far these are off, and beside it what the copy lost."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        verdict_badge(verdict, changed, rows, error)
        if grade:
            show_grade(Grade.model_validate(grade))
        show_losses(artifact_id)


def show_grade(grade: Grade) -> None:
    """Show a grade as a badge; its tooltip has the numbers, the thresholds and their source."""
    icon, colour = GRADE_BADGES[grade.level]
    st.badge(grade.label, icon=icon, color=colour, help=f"{grade.description}\n\n{GRADE_HELP}")


def show_losses(artifact_id: str) -> None:
    """Show a link for each loss of a copy, to its finding; nothing for a copy that lost nothing."""
    for loss in find_losses(current_jobs().library, artifact_id):
        st.page_link(
            get_page("inspect"),
            label=loss.label,
            icon=":material/heart_minus:",
            help=escape_markdown(f"The answers do not show it. {loss.words}"[:400]),
            width="content",
            query_params={"artifact": artifact_id, "part": FINDINGS_TAB, FINDING_PARAM: loss.finding},
        )


def show_findings(artifact: Artifact, run: Run) -> None:
    """Show all findings on one artifact, first the one that the address names."""
    st.caption("What a fresh process found of the original in this copy, question by question.")
    row = build_row(run, artifact.format, artifact.id, current_jobs().library.evidence(artifact.id))
    show_cells(row, first=st.query_params.get(FINDING_PARAM, ""))
