"""Everything a report shows.

The rows on which the copies disagree: what was asked, what is right, and what everybody said.

What a report tells: gathered once, from the job, the library and the kept answers.

How to ask the same again from the command line.
"""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.compare import Verdict, find_targets
from core.context import AppContext
from core.errors import InputError, UnknownName
from core.figures.images import row_image_url
from core.inputs import InputSet
from core.jobs.participants import run_id_of
from core.jobs.tolerances import ALL_OUTPUTS, Tolerance, check_tolerances
from core.library import Artifact, Run
from core.library.job_store import Job
from core.record import installed_versions, now
from core.system import describe_machine
from core.text.labels import (
    IMPORTED_MODEL_LABEL,
    LIVE_MODEL_LABEL,
    PredictionLabeler,
    format_values,
    pluralize,
    short_labels,
)
from core.text.metrics import format_exact

MAX_ROWS = 200  # rows in a report
MAX_SHOWN_INPUTS = 4  # inputs of which a report shows the values


class RowPrediction(NamedTuple):
    """What somebody said to a row, and whether that is another answer than the baseline's."""

    words: str
    changed: bool = False


class DisagreeingRow(NamedTuple):
    """One row. `asked` are the inputs in words, `picture` the same as a data URL where they are one; `truth` and
    `said` (by who said it) are by output; `distance` is the largest difference from the baseline."""

    row: int
    inputs: dict[str, str]
    image_url: str
    truth: dict[str, str]
    predictions: dict[str, dict[str, RowPrediction]]
    distance: float


class DisagreeingRows(NamedTuple):
    """The first of them, those with the largest difference first, and how many there are."""

    rows: list[DisagreeingRow]
    total: int


def find_disagreeing_rows(context: AppContext, job: Job, run: Run, inputs: InputSet | None) -> DisagreeingRows:
    """Rows to which any copy gave another answer than the baseline."""
    answers = context.predictions(job.id)
    ids = [id_ for id_, outcome in job.result["outcomes"].items() if outcome["error"] is None]
    if not ids:
        return DisagreeingRows([], 0)
    kept = {id_: answers.read_row_distances(id_) for id_ in ids}
    changed = np.logical_or.reduce([one[0] for one in kept.values()])
    # How far a row is counts only for those whose answer changed.
    distance = np.maximum.reduce([np.where(*one, 0.0) for one in kept.values()])
    rows = np.flatnonzero(changed)
    rows = rows[np.lexsort((rows, -distance[rows]))][:MAX_ROWS]
    asked = _RowInputs(context, job, run, inputs, rows)
    said = _describe_predictions(context, job, run, rows, {id_: one[0][rows] for id_, one in kept.items()})
    found = [
        DisagreeingRow(
            row=int(row),
            inputs=asked.describe_inputs(at),
            image_url=asked.image_url(at),
            truth=asked.truth(at),
            predictions={output: {id_: column[at] for id_, column in by.items()} for output, by in said.items()},
            distance=float(distance[row]),
        )
        for at, row in enumerate(rows)
    ]
    return DisagreeingRows(found, int(changed.sum()))


class _RowInputs:
    """What was asked in some rows, and what the right answers are."""

    def __init__(self, context: AppContext, job: Job, run: Run, inputs: InputSet | None, rows: np.ndarray):
        kept = context.inputs
        self._shape = run.image_shape
        self._inputs: Arrays = kept.read_rows(inputs.id, rows.tolist()) if inputs else {}
        outputs = list(context.predictions(job.id).output_sources(job.result["baseline"]))
        targets = kept.read_targets(inputs.id) if inputs else {}
        named = {name: find_targets(name, outputs, targets) for name in outputs}
        self._truth = {name: array[rows] for name, array in named.items() if array is not None}
        self._formatter = PredictionLabeler(run.labels)

    def describe_inputs(self, at: int) -> dict[str, str]:
        if self._shape:
            return {}
        return {name: format_values(array[at]) for name, array in list(self._inputs.items())[:MAX_SHOWN_INPUTS]}

    def image_url(self, at: int) -> str:
        if not self._shape or not self._inputs:
            return ""
        return row_image_url(next(iter(self._inputs.values()))[at], self._shape, 56)

    def truth(self, at: int) -> dict[str, str]:
        return {name: self._formatter.label_target(array[at]) for name, array in self._truth.items()}


def _describe_predictions(
    context: AppContext, job: Job, run: Run, rows: np.ndarray, changed: dict[str, np.ndarray]
) -> dict[str, dict[str, list[RowPrediction]]]:
    """What everybody said to these rows, by output and who said it, the baseline first."""
    answers, baseline = context.predictions(job.id), job.result["baseline"]
    found: dict[str, dict[str, list[RowPrediction]]] = {}
    for output in answers.output_sources(baseline):
        reference = answers.read_rows(baseline, output, rows)
        sayer = PredictionLabeler.for_output(run.labels, reference)
        found[output] = {baseline: [RowPrediction(sayer.label_prediction(one)) for one in reference]}
        for id_, flags in changed.items():
            pairs: list[dict[str, Any]] = job.result["outcomes"][id_]["pairs"]
            own = next(pair["answer"] for pair in pairs if pair["reference"] == output)
            found[output][id_] = list(_mark_changes(answers.read_rows(id_, own, rows), reference, flags, sayer))
    return found


def _mark_changes(
    predictions: np.ndarray, reference: np.ndarray, changed: np.ndarray, formatter: PredictionLabeler
) -> Iterator[RowPrediction]:
    """Marked where the row changed and these words are others: of several outputs only one may have."""
    for one, was, flag in zip(predictions, reference, changed, strict=True):
        words = formatter.label_prediction(one)
        yield RowPrediction(words, bool(flag) and words != formatter.label_prediction(was))


class ReportData(NamedTuple):
    """Everything that any kind of report says.

    `names` has the baseline first, then every copy, also those without answers; `outcomes` are the job's own JSON.
    `passed` is by artifact and output, as JSON of `Passed`. `artifacts` are the records that the library still has;
    `inputs` is None where the inputs are not kept any more.
    """

    job: Job
    run: Run
    inputs: InputSet | None
    names: dict[str, str]
    outcomes: dict[str, dict[str, Any]]
    artifacts: dict[str, Artifact]
    tolerances: Mapping[str, Tolerance]
    passed: dict[str, dict[str, dict[str, Any]]]
    rows: DisagreeingRows
    machine: Mapping[str, Any]
    versions: dict[str, str]
    written: str

    @property
    def baseline(self) -> str:
        return self.job.result["baseline"]

    @property
    def predicted_ids(self) -> list[str]:
        """The copies that have answers."""
        return [id_ for id_, outcome in self.outcomes.items() if outcome["error"] is None]

    @property
    def headline(self) -> str:
        """How the copies did, in a sentence."""
        return summarize_outcomes(self.names[self.baseline], self.job.result["rows"], self.outcomes)

    @property
    def outputs(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The numbers of each copy by the baseline's output: `{output: {artifact: OutputNumbers as JSON}}`."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for id_ in self.predicted_ids:
            for one in self.outcomes[id_]["outputs"]:
                found.setdefault(one["output"], {})[id_] = one
        return found


def gather_report_data(context: AppContext, job: Job, tolerances: Mapping[str, Tolerance]) -> ReportData:
    """Everything on a finished comparison. Raises UnknownName when the baseline is gone, and what `held_to` raises, and
    InputError where the answers made room for newer ones."""
    if not context.predictions(job.id).has_predictions:
        raise InputError("The answers of this comparison are not kept any more.", cure="Compare again.")
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    artifacts = {}
    for id_ in [baseline, *outcomes]:
        if id_.startswith("a"):
            with contextlib.suppress(UnknownName):
                artifacts[id_] = context.library.artifact(id_)
    passed = check_tolerances(context, job, tolerances) if tolerances else {}
    run = context.library.run(run_id_of(context, baseline))
    inputs = None
    with contextlib.suppress(UnknownName):
        inputs = context.inputs.read(job.result["inputs"])
    return ReportData(
        job=job,
        run=run,
        inputs=inputs,
        names=short_labels([baseline, *outcomes], artifacts, run),
        outcomes=outcomes,
        artifacts=artifacts,
        tolerances=tolerances,
        passed={id_: {name: one._asdict() for name, one in found.items()} for id_, found in passed.items()},
        rows=find_disagreeing_rows(context, job, run, inputs),
        machine=job.result.get("machine") or describe_machine(),
        versions=job.result.get("versions") or installed_versions(),
        written=now(),
    )


def summarize_outcomes(baseline: str, rows: int, outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """How many copies answer as the baseline does, how many do not, and how many have no answers."""
    verdicts = [Verdict(one["verdict"]) for one in outcomes.values()]
    same = sum(one.rank <= Verdict.SAME_ANSWERS.rank for one in verdicts)
    silent = sum(one["error"] is not None for one in outcomes.values())
    changed, of = len(verdicts) - same - silent, len(verdicts)
    whose = {LIVE_MODEL_LABEL: "the live model", IMPORTED_MODEL_LABEL: "the model that was brought in"}.get(
        baseline, baseline
    )
    asked = f"{rows:,} row" if rows == 1 else f"all {rows:,} rows"
    if same == of:
        who = "The copy answers" if of == 1 else f"All {of} copies answer"
        return f"{who} as {whose} does, on {asked}."
    said = [f"{same} of {of} {'copy answers' if of == 1 else 'copies answer'} as {whose} does, on {asked}"]
    if changed:
        most = max(one["changed_rows"] for one in outcomes.values() if one["error"] is None)
        on = pluralize(most, "row")
        said.append(f"1 changed its answer on {on}" if changed == 1 else f"{changed} changed answers, on up to {on}")
    if silent:
        said.append(f"{silent} could not be compared")
    return "; ".join(said) + "."


def make_repeat_command(job: Job, inputs: InputSet | None, tolerances: dict[str, Tolerance]) -> str:
    """The command that repeats a comparison on the machine that has its library."""
    request = job.request
    words = ["roundtrip", "compare", *request["artifacts"], "--baseline", request["baseline"]]
    words += _input_options(inputs, job.result["inputs"])
    for id_, source in request["sources"].items():
        if source != "none":
            words += ["--code", f"{id_}={source}"]
    for output, one in tolerances.items():
        numbers = f"{format_exact(one.atol)},{format_exact(one.rtol)}" if one.rtol else format_exact(one.atol)
        words += ["--tolerance", numbers if output == ALL_OUTPUTS else f"{output}={numbers}"]
    return shlex.join(words)


def _input_options(inputs: InputSet | None, id_: str) -> list[str]:
    """Options that make the same inputs anew; where that cannot be done, the file that holds them."""
    origin = inputs.origin if inputs else {}
    if origin.get("kind") == "held-out":
        chosen = ["--rows", str(origin["rows"])] if origin["rows"] is not None else []
        chosen += [word for label in origin["classes"] for word in ("--class", label)]
        return chosen + (["--seed", str(origin["seed"])] if origin["seed"] is not None else [])
    if origin.get("kind") == "random" and not origin["sizes"]:
        # One word: the first number may be below zero.
        between = f"--random={format_exact(origin['low'])},{format_exact(origin['high'])}"
        return [between, "--rows", str(origin["rows"]), "--seed", str(origin["seed"])]
    return ["--inputs", f"inputs-{id_}.npz"]


def needs_inputs_file(inputs: InputSet | None) -> bool:
    """Whether the command reads a file that has to be kept from the page."""
    return _input_options(inputs, "")[0:1] == ["--inputs"]


def describe_inputs(inputs: InputSet | None, rows: int) -> str:
    """What was asked, in words."""
    return inputs.words if inputs else f"{pluralize(rows, 'row')} that are not kept any more"
