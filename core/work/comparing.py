"""The work of a comparing job."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from core.compare import Verdict
from core.errors import Cancelled, WorkerError
from core.evidence import Outcome, Reloaded, reload
from core.explain import translate
from core.formats.reference import Reference
from core.library.records import Artifact
from core.work.sources import source_of

if TYPE_CHECKING:
    from core.jobs import Handle, Jobs


def compare_work(jobs: "Jobs", handle: "Handle") -> dict[str, Any]:
    """Reload every artifact; gives `{"reference": run, "rows", "outcomes": {id: outcome}}` and keeps the answers.

    The reference is that of the first artifact's run. Answers are kept as `<artifact>:<output of the reference>`.
    """
    request = handle.job.request
    base = jobs.library.run(jobs.library.artifact(request["artifacts"][0]).run)
    reference = jobs.library.reference(base.id)
    done: dict[str, Reloaded] = {}

    def one(id_: str) -> None:
        done[id_] = _reload(jobs, handle, id_, reference)
        handle.tell(len(done) / len(request["artifacts"]), f"{len(done)} of {len(request['artifacts'])} reloaded")

    with ThreadPoolExecutor(max_workers=jobs.config.parallel) as pool:
        for future in [pool.submit(one, id_) for id_ in request["artifacts"]]:
            future.result()
    jobs.journal.keep_arrays(handle.job.id, _named_answers(done))
    outcomes = {id_: done[id_].outcome.model_dump(mode="json") for id_ in request["artifacts"]}
    rows = min(request["rows"] or reference.rows, reference.rows)
    return {"reference": base.id, "rows": rows, "outcomes": outcomes}


def _reload(jobs: "Jobs", handle: "Handle", id_: str, reference: Reference) -> Reloaded:
    request = handle.job.request
    try:
        artifact: Artifact = jobs.library.artifact(id_)
        run = jobs.library.run(artifact.run)
        reloaded = reload(
            jobs.worker,
            artifact.format,
            jobs.library.files(id_),
            source_of(jobs.library, run, request["sources"][id_]),
            jobs.library.original(run),
            reference,
            rows=request["rows"],
            seconds=jobs.config.child_seconds,
            cancelled=handle.cancelled,
        )
        return _with_versions(reloaded, artifact)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  a damaged artifact is its own row's result; the others go on
        said = translate(error, WorkerError).to_json()
        return Reloaded(outcome=Outcome(verdict=Verdict.DOES_NOT_LOAD, error=said))


def _with_versions(reloaded: Reloaded, artifact: Artifact) -> Reloaded:
    """What does not load says with which other versions it was saved: they are the likeliest reason."""
    if (error := reloaded.outcome.error) and artifact.other_versions:
        error["sentence"] = f"{error['sentence']} {artifact.other_versions}"
    return reloaded


def _named_answers(done: dict[str, Reloaded]) -> dict[str, np.ndarray]:
    return {
        f"{id_}:{pair['reference']}": reloaded.answers[pair["answer"]]
        for id_, reloaded in done.items()
        if reloaded.answers is not None
        for pair in reloaded.outcome.pairs
    }
