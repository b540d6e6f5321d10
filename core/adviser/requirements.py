"""Why a copy does not do what a person needs: each requirement with its reason, from what was measured on the copy."""

from collections.abc import Iterator

from core.adviser.candidates import Candidate
from core.adviser.needs import Needs, rank_in_place
from core.compare import Verdict
from core.formats import get_format
from core.text.labels import pluralize
from core.text.verdicts import verdict_label


def list_obstacles(candidate: Candidate, needs: Needs) -> list[str]:
    """Say in sentences why a copy is not what is needed; nothing where it is."""
    if candidate.sentence:
        return [candidate.sentence]
    return list(_iterate_obstacles(candidate, needs))


def _iterate_obstacles(candidate: Candidate, needs: Needs) -> Iterator[str]:
    cells = candidate.cells
    if rank_in_place(candidate.format, needs.where) is None:
        yield f"Roundtrip knows of nothing that runs it {needs.where.phrase}."
    if not needs.has_code and cells["code"].state != "kept":
        yield cells["code"].words
    if needs.trains_on and cells["trainable"].state in ("lost", "failed"):
        yield f"Training does not resume from it. {cells['trainable'].words}"
    yield from _iterate_answer_obstacles(candidate, needs)


def _iterate_answer_obstacles(candidate: Candidate, needs: Needs) -> Iterator[str]:
    cells, changed = candidate.cells, candidate.changed_rows or 0
    if candidate.verdict is Verdict.DIFFERENT and cells["weights"].state == "lost":
        label = verdict_label(candidate.verdict, changed, candidate.rows)
        yield f"{label}. The numbers that were learned are not in it."
    elif cells["answers"].state == "failed":
        yield cells["answers"].words
    elif changed > needs.max_changed:
        allowed = "none may" if not needs.max_changed else f"at most {needs.max_changed:,} may"
        yield f"{pluralize(changed, 'answer')} of {candidate.rows:,} changed, and {allowed}."


def list_cautions(candidate: Candidate, needs: Needs) -> list[str]:
    """Say what a person should know before taking a copy that fits."""
    cautions = list(candidate.left_out)
    if get_format(candidate.format).runs_code:
        cautions.append("Loading it runs whatever code stands in it: load only what you wrote yourself.")
    if needs.trains_on and candidate.cells["trainable"].state == "not applicable":
        cautions.append(f"Whether training resumes from it was not tried. {candidate.cells['trainable'].words}")
    return cautions
