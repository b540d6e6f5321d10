"""What was measured on each copy of a run: verdict, findings, size, and times where they were measured."""

from collections.abc import Iterable
from typing import NamedTuple

from core.compare import Verdict
from core.compatibility.columns import Finding
from core.compatibility.matrix import MatrixRow, build_matrix, choose_outcome
from core.errors import RoundtripError
from core.evidence.records import ReloadOutcome
from core.formats import get_format
from core.jobs.benchmark_result import BenchmarkResult
from core.library import Library
from core.library.job_store import JobStore
from core.system import Machine, describe_machine


class Candidate(NamedTuple):
    """One format in which a run was saved, or which refused it.

    Attributes:
        artifact: Its newest copy; None where the format refused the run.
        cells: Its findings, by column of the matrix.
        sentence: Why there is no copy, or why it did not load; empty where it loaded.
        changed_rows, rows: How many answers changed, of how many; None where it did not answer.
        bytes: The size of all files of the copy.
        left_out: What was not looked at, for want of time or memory, in sentences.
        latency: Seconds of a call with one row (p50), where one benchmark measured all copies that fit (see `advise`).
    """

    format: str
    artifact: str | None
    cells: dict[str, Finding]
    sentence: str = ""
    verdict: Verdict = Verdict.DOES_NOT_LOAD
    changed_rows: int | None = None
    rows: int | None = None
    bytes: int = 0
    latency: float | None = None
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return get_format(self.format).label

    @property
    def is_exact(self) -> bool:
        """Whether its answers are the live model's, but for rounding."""
        return self.verdict.rank <= Verdict.ROUNDING.rank

    def list_losses(self) -> list[str]:
        """The columns of the matrix in which it lost something."""
        return [key for key, finding in self.cells.items() if finding.state in ("lost", "failed")]


def collect_candidates(library: Library, run_id: str) -> list[Candidate]:
    """Return a candidate for each format of a run, in the registry's order, without latencies. Raises UnknownName."""
    return [_make_candidate(library, row) for row in build_matrix(library, run_id)]


def _make_candidate(library: Library, row: MatrixRow) -> Candidate:
    if row.artifact is None:
        return Candidate(row.format, None, row.cells, row.sentence)
    outcome: ReloadOutcome = choose_outcome(library.evidence(row.artifact))
    return Candidate(
        row.format,
        row.artifact,
        row.cells,
        row.sentence,
        outcome.verdict,
        outcome.changed_rows,
        outcome.rows,
        library.artifact(row.artifact).bytes,
        left_out=tuple(outcome.left_out),
    )


def find_latencies(job_store: JobStore, artifacts: Iterable[str]) -> dict[str, float]:
    """Return the seconds of a call with one row (p50) by artifact, from the newest benchmark that measured all of them
    on this machine; nothing where there is none, since times of separate benchmarks cannot be compared."""
    wanted = set(artifacts)
    for job in job_store.list_jobs("cost") if wanted else ():
        if job.state == "done" and wanted <= set(job.request.get("artifacts", ())):
            latencies = _read_latencies(job_store, job.id)
            if wanted <= latencies.keys():
                return {id_: latencies[id_] for id_ in wanted}
    return {}


def _read_latencies(job_store: JobStore, job_id: str) -> dict[str, float]:
    """What a benchmark measured; nothing where that was another machine."""
    try:
        result = BenchmarkResult.model_validate(job_store.read(job_id).result)
    except (RoundtripError, ValueError):  # a record of before, or one that is gone: no measurement
        return {}
    if result.machine.model_dump(include=set(Machine.__annotations__)) != describe_machine():
        return {}
    calls = {id_: cost.latency_at(1) for id_, cost in result.costs.items()}
    return {id_: latency.p50 for id_, latency in calls.items() if latency}
