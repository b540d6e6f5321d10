"""What a report tells: gathered once, from the job, the library and the kept answers."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from core.compare import Verdict
from core.errors import InputError, UnknownName
from core.inputs import InputSet
from core.library import Artifact, Run
from core.library.journal import Job
from core.machine import machine
from core.record import now, versions
from core.report.rows import DisagreeingRows, disagreeing_rows
from core.words import AS_BROUGHT, LIVE, counted, short_names
from core.work.opening import run_of
from core.work.tolerances import Tolerance, held_to

if TYPE_CHECKING:
    from core.jobs import Jobs


class Findings(NamedTuple):
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
    machine: dict[str, Any]
    versions: dict[str, str]
    written: str

    @property
    def baseline(self) -> str:
        return self.job.result["baseline"]

    @property
    def answered(self) -> list[str]:
        """The copies that have answers."""
        return [id_ for id_, outcome in self.outcomes.items() if outcome["error"] is None]

    @property
    def headline(self) -> str:
        """How the copies did, in a sentence."""
        return headline(self.names[self.baseline], self.job.result["rows"], self.outcomes)

    @property
    def outputs(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The numbers of each copy by the baseline's output: `{output: {artifact: OutputNumbers as JSON}}`."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for id_ in self.answered:
            for one in self.outcomes[id_]["outputs"]:
                found.setdefault(one["output"], {})[id_] = one
        return found


def gather(jobs: "Jobs", job: Job, tolerances: Mapping[str, Tolerance]) -> Findings:
    """Everything on a finished comparison. Raises UnknownName when the baseline is gone, and what `held_to` raises, and
    InputError where the answers made room for newer ones."""
    if not jobs.answers(job.id).are_kept:
        raise InputError("The answers of this comparison are not kept any more.", cure="Compare again.")
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    artifacts = {}
    for id_ in [baseline, *outcomes]:
        if id_.startswith("a"):
            with contextlib.suppress(UnknownName):
                artifacts[id_] = jobs.library.artifact(id_)
    passed = held_to(jobs, job, tolerances) if tolerances else {}
    run = jobs.library.run(run_of(jobs, baseline))
    inputs = None
    with contextlib.suppress(UnknownName):
        inputs = jobs.inputs.read(job.result["inputs"])
    return Findings(
        job=job,
        run=run,
        inputs=inputs,
        names=short_names([baseline, *outcomes], artifacts, run),
        outcomes=outcomes,
        artifacts=artifacts,
        tolerances=tolerances,
        passed={id_: {name: one._asdict() for name, one in found.items()} for id_, found in passed.items()},
        rows=disagreeing_rows(jobs, job, run, inputs),
        machine=job.result.get("machine") or machine(),
        versions=job.result.get("versions") or versions(),
        written=now(),
    )


def headline(baseline: str, rows: int, outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """How many copies answer as the baseline does, how many do not, and how many have no answers."""
    verdicts = [Verdict(one["verdict"]) for one in outcomes.values()]
    same = sum(one.rank <= Verdict.SAME_ANSWERS.rank for one in verdicts)
    silent = sum(one["error"] is not None for one in outcomes.values())
    changed, of = len(verdicts) - same - silent, len(verdicts)
    whose = {LIVE: "the live model", AS_BROUGHT: "the model that was brought in"}.get(baseline, baseline)
    asked = f"{rows:,} row" if rows == 1 else f"all {rows:,} rows"
    if same == of:
        who = "The copy answers" if of == 1 else f"All {of} copies answer"
        return f"{who} as {whose} does, on {asked}."
    said = [f"{same} of {of} {'copy answers' if of == 1 else 'copies answer'} as {whose} does, on {asked}"]
    if changed:
        most = max(one["changed_rows"] for one in outcomes.values() if one["error"] is None)
        on = counted(most, "row")
        said.append(f"1 changed its answer on {on}" if changed == 1 else f"{changed} changed answers, on up to {on}")
    if silent:
        said.append(f"{silent} could not be compared")
    return "; ".join(said) + "."
