"""The rows on which the copies disagree: what was asked, what is right, and what everybody said."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.compare import target_of
from core.formats.contract import Arrays
from core.inputs import InputSet
from core.library import Run
from core.library.journal import Job
from core.pictures import row_image_url
from core.words.answers import Sayer, values_in_words

if TYPE_CHECKING:
    from core.jobs import Jobs

MOST = 200  # rows in a report
SHOWN_INPUTS = 4  # inputs of which a report shows the values


class Said(NamedTuple):
    """What somebody said to a row, and whether that is another answer than the baseline's."""

    words: str
    changed: bool = False


class DisagreeingRow(NamedTuple):
    """One row. `asked` are the inputs in words, `picture` the same as a data URL where they are one; `truth` and
    `said` (by who said it) are by output; `distance` is the largest difference from the baseline."""

    row: int
    asked: dict[str, str]
    picture: str
    truth: dict[str, str]
    said: dict[str, dict[str, Said]]
    distance: float


class DisagreeingRows(NamedTuple):
    """The first of them, those with the largest difference first, and how many there are."""

    rows: list[DisagreeingRow]
    total: int


def disagreeing_rows(jobs: "Jobs", job: Job, run: Run, inputs: InputSet | None) -> DisagreeingRows:
    """Rows to which any copy gave another answer than the baseline."""
    answers = jobs.answers(job.id)
    ids = [id_ for id_, outcome in job.result["outcomes"].items() if outcome["error"] is None]
    if not ids:
        return DisagreeingRows([], 0)
    kept = {id_: answers.rows(id_) for id_ in ids}
    changed = np.logical_or.reduce([one[0] for one in kept.values()])
    # How far a row is counts only for those whose answer changed.
    distance = np.maximum.reduce([np.where(*one, 0.0) for one in kept.values()])
    rows = np.flatnonzero(changed)
    rows = rows[np.lexsort((rows, -distance[rows]))][:MOST]
    asked = _Asked(jobs, job, run, inputs, rows)
    said = _said(jobs, job, run, rows, {id_: one[0][rows] for id_, one in kept.items()})
    found = [
        DisagreeingRow(
            row=int(row),
            asked=asked.words(at),
            picture=asked.picture(at),
            truth=asked.truth(at),
            said={output: {id_: column[at] for id_, column in by.items()} for output, by in said.items()},
            distance=float(distance[row]),
        )
        for at, row in enumerate(rows)
    ]
    return DisagreeingRows(found, int(changed.sum()))


class _Asked:
    """What was asked in some rows, and what the right answers are."""

    def __init__(self, jobs: "Jobs", job: Job, run: Run, inputs: InputSet | None, rows: np.ndarray):
        kept = jobs.inputs
        self._shape = run.image_shape
        self._inputs: Arrays = kept.take(inputs.id, rows) if inputs else {}
        outputs = list(jobs.answers(job.id).sources(job.result["baseline"]))
        targets = kept.targets(inputs.id) if inputs else {}
        named = {name: target_of(name, outputs, targets) for name in outputs}
        self._truth = {name: array[rows] for name, array in named.items() if array is not None}
        self._sayer = Sayer(run.labels)

    def words(self, at: int) -> dict[str, str]:
        if self._shape:
            return {}
        return {name: values_in_words(array[at]) for name, array in list(self._inputs.items())[:SHOWN_INPUTS]}

    def picture(self, at: int) -> str:
        if not self._shape or not self._inputs:
            return ""
        return row_image_url(next(iter(self._inputs.values()))[at], self._shape, 56)

    def truth(self, at: int) -> dict[str, str]:
        return {name: self._sayer.truth(array[at]) for name, array in self._truth.items()}


def _said(
    jobs: "Jobs", job: Job, run: Run, rows: np.ndarray, changed: dict[str, np.ndarray]
) -> dict[str, dict[str, list[Said]]]:
    """What everybody said to these rows, by output and who said it, the baseline first."""
    answers, baseline = jobs.answers(job.id), job.result["baseline"]
    found: dict[str, dict[str, list[Said]]] = {}
    for output in answers.sources(baseline):
        reference = answers.take(baseline, output, rows)
        sayer = Sayer.of(run.labels, reference)
        found[output] = {baseline: [Said(sayer.answer(one)) for one in reference]}
        for id_, flags in changed.items():
            pairs: list[dict[str, Any]] = job.result["outcomes"][id_]["pairs"]
            own = next(pair["answer"] for pair in pairs if pair["reference"] == output)
            found[output][id_] = list(_against(answers.take(id_, own, rows), reference, flags, sayer))
    return found


def _against(given: np.ndarray, reference: np.ndarray, changed: np.ndarray, sayer: Sayer) -> Iterator[Said]:
    """Marked where the row changed and these words are others: of several outputs only one may have."""
    for one, was, flag in zip(given, reference, changed, strict=True):
        words = sayer.answer(one)
        yield Said(words, bool(flag) and words != sayer.answer(was))
