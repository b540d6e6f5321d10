"""The advice: one copy with its reasons, the runner-up, what each loses, and why the others do not fit."""

import inspect
from typing import NamedTuple

from core.adviser.candidates import Candidate, collect_candidates, find_latencies
from core.adviser.needs import Needs, describe_unmeasured, rank_in_place
from core.adviser.ranking import explain_order, rank_candidates
from core.adviser.requirements import list_cautions, list_obstacles
from core.compare import Verdict
from core.compatibility.checks import COLUMNS
from core.compatibility.matrix import name_column
from core.errors import InputError
from core.exports.kit_contents import render_load_script
from core.formats import all_formats, get_format
from core.library import Library, Run
from core.library.job_store import JobStore
from core.text.numbers import format_duration, format_size

COLUMN_NAMES = {column.key: name_column(column).capitalize() for column in COLUMNS}


class Loss(NamedTuple):
    """A finding of the matrix in which a copy is not what the model was: its column, its state, and its words."""

    finding: str
    state: str
    words: str


class Choice(NamedTuple):
    """A copy that fits: its verdict, why, what it loses, and what a person should know; the latter in sentences."""

    format: str
    label: str
    artifact: str
    bytes: int
    verdict: Verdict
    changed_rows: int | None
    rows: int | None
    reasons: list[str]
    losses: list[Loss]
    cautions: list[str]


class Code(NamedTuple):
    """How a copy is saved and loaded, as Python."""

    save: str
    load: str


class Rejection(NamedTuple):
    """A format that does not fit, and why, in sentences."""

    format: str
    label: str
    artifact: str | None
    obstacles: list[str]


class Advice(NamedTuple):
    """What to take.

    Attributes:
        choice: The recommended copy; None where none fits.
        runner_up: The next best copy that fits, and `why_second` in a sentence.
        others: The further formats whose copies fit, best first.
        rejected: Those that do not fit; what fails in least stands first.
        unmeasured: What nobody has measured here, in sentences.
        unsaved: Labels by key of formats that get to the place and in which the run was not saved yet.
    """

    needs: Needs
    choice: Choice | None
    runner_up: Choice | None
    why_second: str
    others: list[str]
    rejected: list[Rejection]
    unmeasured: list[str]
    unsaved: dict[str, str]
    code: Code | None

    @property
    def headline(self) -> str:
        """The advice in one sentence."""
        if self.choice:
            return f"Take {self.choice.label}."
        if not self.rejected:
            return "Nothing of this run is saved yet, so there is nothing to choose from."
        return "No copy of this run does all of that."


def advise(library: Library, job_store: JobStore, run_id: str, needs: Needs) -> Advice:
    """Recommend one of a run's newest copies by what was measured on them.

    Args:
        job_store: With the benchmarks, of which one decides on a server that measured all copies that fit, on this
            machine.

    Raises UnknownName, and InputError for a model that nothing has run yet.
    """
    run = library.run(run_id)
    if not run.has_been_run:
        raise InputError(
            "Nothing has run this model yet, so nothing was measured on it.",
            received=run.name,
            cure="Run it first, on the Library page.",
        )
    candidates = collect_candidates(library, run_id)
    fitting = [candidate.artifact for candidate in candidates if not list_obstacles(candidate, needs)]
    latencies = find_latencies(job_store, filter(None, fitting))
    return choose(run, [each._replace(latency=latencies.get(each.artifact or "")) for each in candidates], needs)


def choose(run: Run, candidates: list[Candidate], needs: Needs) -> Advice:
    """Recommend one of the candidates, which are of this run."""
    obstacles = {candidate.format: list_obstacles(candidate, needs) for candidate in candidates}
    fitting = [candidate for candidate in candidates if not obstacles[candidate.format]]
    ranked = rank_candidates(fitting, needs)
    best, second = [*ranked, None, None][:2]
    rejected = [
        Rejection(candidate.format, candidate.label, candidate.artifact, obstacles[candidate.format])
        for candidate in candidates
        if obstacles[candidate.format]
    ]
    return Advice(
        needs=needs,
        choice=_make_choice(best, fitting, needs) if best else None,
        runner_up=_make_choice(second, fitting, needs) if second else None,
        why_second=explain_order(best, second, fitting, needs) if best and second else "",
        others=[candidate.label for candidate in ranked[2:]],
        rejected=sorted(rejected, key=lambda each: (each.artifact is None, len(each.obstacles))),
        unmeasured=describe_unmeasured(best.format, needs.where) if best else [],
        unsaved=_find_unsaved(run, candidates, needs),
        code=_make_code(best, needs) if best else None,
    )


def _make_choice(candidate: Candidate, fitting: list[Candidate], needs: Needs) -> Choice:
    losses = [
        Loss(COLUMN_NAMES[key], finding.state, finding.words)
        for key, finding in candidate.cells.items()
        if finding.state in ("lost", "changed", "failed")
    ]
    return Choice(
        candidate.format,
        candidate.label,
        candidate.artifact or "",
        candidate.bytes,
        candidate.verdict,
        candidate.changed_rows,
        candidate.rows,
        _list_reasons(candidate, fitting, needs),
        losses,
        list_cautions(candidate, needs),
    )


def _list_reasons(candidate: Candidate, fitting: list[Candidate], needs: Needs) -> list[str]:
    cells = candidate.cells
    reasons = [f"{candidate.verdict.label}: {candidate.changed_rows or 0:,} of {candidate.rows or 0:,} rows changed."]
    if needs.trains_on:
        reasons.append(cells["trainable"].words)
    if not needs.has_code:
        reasons.append(cells["code"].words)
    reasons.append(_size_reason(candidate, fitting))
    if candidate.latency is not None:
        reasons.append(f"It answers one row in {format_duration(candidate.latency)} on this computer.")
    return reasons


def _size_reason(candidate: Candidate, fitting: list[Candidate]) -> str:
    size, sizes = format_size(candidate.bytes), sorted(each.bytes for each in fitting)
    if len(sizes) > 1 and candidate.bytes == sizes[0]:
        return f"{size}: the smallest of the {len(sizes)} that fit."
    if len(sizes) > 1:
        return f"{size}; those that fit take {format_size(sizes[0])} to {format_size(sizes[-1])}."
    return f"{size}, and it is the only one that fits."


def _find_unsaved(run: Run, candidates: list[Candidate], needs: Needs) -> dict[str, str]:
    """Formats without a candidate that get to the place as directly as any, and take this model."""
    tried = {candidate.format for candidate in candidates}
    return {
        format_.key: format_.label
        for format_ in all_formats()
        if format_.key not in tried
        and rank_in_place(format_.key, needs.where) == 0
        and not format_.refusal_reason(run.kind, run.weight_bytes, run.trust)
    }


def _make_code(candidate: Candidate, needs: Needs) -> Code:
    """The source of the format's own save and load; a script that loads it without Roundtrip where that is enough."""
    format_ = get_format(candidate.format)
    is_standalone = format_.kit and not needs.trains_on and candidate.cells["code"].state == "kept"
    load = render_load_script(format_, None, "") if is_standalone else inspect.getsource(format_.load)
    return Code(inspect.getsource(format_.save), load)
