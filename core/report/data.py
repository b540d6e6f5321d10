"""The data of a report, gathered once for all of its kinds from the job, the library and the stored predictions."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.compare.tolerance import ToleranceJson
from core.context import AppContext
from core.errors import InputError, UnknownName
from core.inputs import InputSet
from core.jobs.participants import run_id_of
from core.jobs.tolerances import Tolerance, check_tolerances
from core.library import Artifact, Run
from core.library.job_store import Job
from core.record import now
from core.report.disagreeing_rows import DisagreeingRows, find_disagreeing_rows
from core.system import describe_machine
from core.text.labels import pluralize, short_labels
from core.text.summaries import summarize_outcomes
from core.versions import installed_versions


class ReportData(NamedTuple):
    """Everything that any kind of report shows.

    `names` has the baseline first, then every copy, also those without predictions; `outcomes` are the job's own JSON.
    `passed` is by artifact and output. `artifacts` are the records that the library still has;
    `inputs` is None where they are no longer stored.
    """

    job: Job
    run: Run
    inputs: InputSet | None
    names: dict[str, str]
    outcomes: dict[str, dict[str, Any]]
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
        passed={id_: {name: check.to_json() for name, check in by.items()} for id_, by in passed.items()},
        rows=find_disagreeing_rows(context, job, run, inputs),
        machine=job.result.get("machine") or describe_machine(),
        versions=job.result.get("versions") or installed_versions(),
        written=now(),
    )


def describe_inputs(inputs: InputSet | None, rows: int) -> str:
    """Return the inputs of the comparison in words."""
    return inputs.words if inputs else f"{pluralize(rows, 'row')} that are not kept any more"
