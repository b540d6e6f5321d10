"""The data of a report, gathered once for all of its kinds from the job, the library and the stored predictions.

With them the rows on which the copies disagree most, in words.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.compare import find_targets
from core.compare.tolerance import ToleranceJson
from core.compatibility.losses import Loss, find_losses
from core.context import AppContext
from core.errors import InputError, UnknownName
from core.figures.images import row_image_url
from core.inputs import InputSet
from core.jobs.comparison.compare_result import Tolerance, check_tolerances, describe_compared_machines
from core.jobs.elsewhere_answers import Answers, find_answers
from core.jobs.participants import run_id_of
from core.jobs.places.known_places import label_participants
from core.jobs.places.place import entry_of
from core.library import Artifact, Run
from core.library.job_store import Job
from core.record import now
from core.system import describe_machine
from core.text.labels import pluralize
from core.text.predictions import PredictionLabeler, format_values
from core.text.summaries import summarize_outcomes
from core.versions import installed_versions

MAX_ROWS = 200  # rows in a report
MAX_SHOWN_INPUTS = 4  # inputs of which a report shows the values


class RowPrediction(NamedTuple):
    """The prediction of one participant for a row in words, and whether it differs from the baseline's."""

    words: str
    changed: bool = False


class DisagreeingRow(NamedTuple):
    """One row: `inputs` in words by name, or `image_url` as a data URL where the input is an image.

    `truth` is by output, `predictions` by output and participant; `distance` is the largest absolute difference from
    the baseline.
    """

    row: int
    inputs: dict[str, str]
    image_url: str
    truth: dict[str, str]
    predictions: dict[str, dict[str, RowPrediction]]
    distance: float


class DisagreeingRows(NamedTuple):
    """At most `MAX_ROWS` rows, the largest difference first, and how many there are in all."""

    rows: list[DisagreeingRow]
    total: int


def find_disagreeing_rows(context: AppContext, job: Job, run: Run, inputs: InputSet | None) -> DisagreeingRows:
    """Find the rows for which the prediction of any copy differs from the baseline's."""
    predictions = context.predictions(job.id)
    ids = [id_ for id_, outcome in job.result["outcomes"].items() if outcome["error"] is None]
    if not ids:
        return DisagreeingRows([], 0)
    flags, distances = zip(*(predictions.read_row_distances(id_) for id_ in ids), strict=True)
    changed = np.logical_or.reduce(flags)
    # The distance of a row counts only for the copies whose answer changed.
    distance = np.maximum.reduce([np.where(*pair, 0.0) for pair in zip(flags, distances, strict=True)])
    rows = np.flatnonzero(changed)
    rows = rows[np.lexsort((rows, -distance[rows]))][:MAX_ROWS]
    row_inputs = _RowInputs(context, job, run, inputs, rows)
    changed_by_id = {id_: of_copy[rows] for id_, of_copy in zip(ids, flags, strict=True)}
    labels = _label_predictions(context, job, run, rows, changed_by_id)
    described = [
        DisagreeingRow(
            row=int(row),
            inputs=row_inputs.describe_inputs(at),
            image_url=row_inputs.image_url(at),
            truth=row_inputs.truth(at),
            predictions={output: {id_: column[at] for id_, column in by.items()} for output, by in labels.items()},
            distance=float(distance[row]),
        )
        for at, row in enumerate(rows)
    ]
    return DisagreeingRows(described, int(changed.sum()))


class _RowInputs:
    """Inputs and targets of some rows, in words."""

    def __init__(self, context: AppContext, job: Job, run: Run, inputs: InputSet | None, rows: np.ndarray):
        store = context.inputs
        self._shape = run.image_shape
        self._inputs: Arrays = store.read_rows(inputs.id, rows.tolist()) if inputs else {}
        outputs = list(context.predictions(job.id).output_sources(job.result["baseline"]))
        targets = store.read_targets(inputs.id) if inputs else {}
        by_output = {name: find_targets(name, outputs, targets) for name in outputs}
        self._truth = {name: array[rows] for name, array in by_output.items() if array is not None}
        self._labeler = PredictionLabeler(run.labels)

    def describe_inputs(self, at: int) -> dict[str, str]:
        if self._shape:
            return {}
        return {name: format_values(array[at]) for name, array in list(self._inputs.items())[:MAX_SHOWN_INPUTS]}

    def image_url(self, at: int) -> str:
        if not self._shape or not self._inputs:
            return ""
        return row_image_url(next(iter(self._inputs.values()))[at], self._shape, 56)

    def truth(self, at: int) -> dict[str, str]:
        return {name: self._labeler.label_target(array[at]) for name, array in self._truth.items()}


def _label_predictions(
    context: AppContext, job: Job, run: Run, rows: np.ndarray, changed: dict[str, np.ndarray]
) -> dict[str, dict[str, list[RowPrediction]]]:
    """Return the predictions in words by output and participant, the baseline first; `changed` has (rows,) bool."""
    predictions, baseline = context.predictions(job.id), job.result["baseline"]
    labels: dict[str, dict[str, list[RowPrediction]]] = {}
    for output in predictions.output_sources(baseline):
        reference = predictions.read_rows(baseline, output, rows)
        labeler = PredictionLabeler.for_output(run.labels, reference)
        labels[output] = {baseline: [RowPrediction(labeler.label_prediction(values)) for values in reference]}
        for id_, flags in changed.items():
            pairs: list[dict[str, Any]] = job.result["outcomes"][id_]["pairs"]
            name = next(pair["answer"] for pair in pairs if pair["reference"] == output)
            labels[output][id_] = list(_mark_changes(predictions.read_rows(id_, name, rows), reference, flags, labeler))
    return labels


def _mark_changes(
    predictions: np.ndarray, reference: np.ndarray, changed: np.ndarray, labeler: PredictionLabeler
) -> Iterator[RowPrediction]:
    """Yield each row's prediction, marked where the row changed and so did its words: not every output may have."""
    for values, expected, flag in zip(predictions, reference, changed, strict=True):
        words = labeler.label_prediction(values)
        yield RowPrediction(words, bool(flag) and words != labeler.label_prediction(expected))


class ReportData(NamedTuple):
    """Everything that any kind of report shows.

    `names` has the baseline first, then every copy, also those without predictions, and those at other places (see
    `core.jobs.places.place`); `outcomes` are the job's own JSON, `losses` by copy what it lost here.
    `elsewhere` is by copy and environment what it answered there, to the rows of its proof kit, where it was asked.
    `passed` is by artifact and output. `artifacts` are the records that the library still has;
    `inputs` is None where they are no longer stored.
    """

    job: Job
    run: Run
    inputs: InputSet | None
    names: dict[str, str]
    outcomes: dict[str, dict[str, Any]]
    losses: dict[str, list[Loss]]
    elsewhere: Answers
    artifacts: dict[str, Artifact]
    tolerances: Mapping[str, Tolerance]
    passed: dict[str, dict[str, ToleranceJson]]
    rows: DisagreeingRows
    machine: Mapping[str, Any]
    versions: dict[str, str]
    written: str

    @property
    def baseline(self) -> str:
        return self.job.result["baseline"]

    @property
    def predicted_ids(self) -> list[str]:
        """The copies that have predictions."""
        return [id_ for id_, outcome in self.outcomes.items() if outcome["error"] is None]

    @property
    def headline(self) -> str:
        """The outcomes in one sentence."""
        return summarize_outcomes(self.names[self.baseline], self.job.result["rows"], self.outcomes)

    @property
    def machines(self) -> dict[str, str]:
        """By the name of a copy how it answers on each machine, where it was asked on any but this one."""
        return {self.names.get(id_, id_): words for id_, words in describe_compared_machines(self.outcomes).items()}

    @property
    def outputs(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The metrics of each copy by the baseline's output: `{output: {artifact: OutputMetrics as JSON}}`."""
        by_output: dict[str, dict[str, dict[str, Any]]] = {}
        for id_ in self.predicted_ids:
            for metrics in self.outcomes[id_]["outputs"]:
                by_output.setdefault(metrics["output"], {})[id_] = metrics
        return by_output


def gather_report_data(context: AppContext, job: Job, tolerances: Mapping[str, Tolerance]) -> ReportData:
    """Gather everything on a finished comparison.

    Raises UnknownName when the baseline is gone, InputError where the predictions made room for newer ones, and what
    `check_tolerances` raises.
    """
    if not context.predictions(job.id).has_predictions:
        raise InputError("The answers of this comparison are not kept any more.", cure="Compare again.")
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    artifacts = {}
    for id_ in [baseline, *outcomes]:
        if id_.startswith("a"):
            with contextlib.suppress(UnknownName):
                artifacts[id_] = context.library.artifact(entry_of(id_))
    passed = check_tolerances(context, job, tolerances) if tolerances else {}
    run = context.library.run(run_id_of(context, baseline))
    inputs = None
    with contextlib.suppress(UnknownName):
        inputs = context.inputs.read(job.result["inputs"])
    return ReportData(
        job=job,
        run=run,
        inputs=inputs,
        names=label_participants([baseline, *outcomes], {entry_of(id_): each for id_, each in artifacts.items()}, run),
        outcomes=outcomes,
        losses={id_: find_losses(context.library, id_) for id_ in outcomes},
        elsewhere=find_answers(context.job_store, *{record.run for record in artifacts.values()}),
        artifacts=artifacts,
        tolerances=tolerances,
        passed={id_: {name: check.to_json() for name, check in by.items()} for id_, by in passed.items()},
        rows=find_disagreeing_rows(context, job, run, inputs),
        machine=job.result.get("machine") or describe_machine(),
        versions=job.result.get("versions") or installed_versions(),
        written=now(),
    )


def describe_inputs(inputs: InputSet | None, rows: int) -> str:
    """Return the inputs of the comparison in words."""
    return inputs.words if inputs else f"{pluralize(rows, 'row')} that are not kept any more"
