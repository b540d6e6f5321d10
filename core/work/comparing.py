"""The work of a comparing job, and where the code that an artifact lacks may come from."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.compare import Verdict
from core.errors import Cancelled, InputError, WorkerError
from core.evidence import Outcome, Reloaded, reload
from core.explain import translate
from core.formats import get_format
from core.formats.reference import Reference
from core.library import Entry, Library
from core.library.records import Artifact, Run

if TYPE_CHECKING:
    from core.jobs import Handle, Jobs


class Choice(NamedTuple):
    """One place where an artifact's code may come from: "none", "demo", or the id of an architecture artifact."""

    key: str
    words: str


def choices(library: Library, artifact_id: str) -> list[Choice]:
    """Where the code of an artifact may come from; the one that it needs is first."""
    artifact = library.artifact(artifact_id)
    run = library.run(artifact.run)
    half = get_format(artifact.format).needs_architecture
    needs = library.evidence(artifact_id).needs_code or half
    demo = [Choice("demo", "the demo's own code")] if run.demo else []
    found = [one for one in library.find(formats=["architecture"]) if one.problem is None] if half else []
    found.sort(key=lambda one: (one.run != run.id, one.demo != run.demo))
    files = [Choice(one.id, _words(one, run)) for one in found]
    none = [Choice("none", "none: load it as it is")]
    halves = demo + files
    return halves + none if needs else none + halves


def _words(architecture: Entry, run: Run) -> str:
    """Which architecture this is, and whether it is the run's own."""
    whose = "this run" if architecture.run == run.id else f"another run: {architecture.run_name}"
    return f"architecture {architecture.id} of {whose}"


def resolve_sources(library: Library, artifacts: list[str], asked: dict[str, str]) -> dict[str, str]:
    """The key of the choice for each artifact: what was asked, else what it needs.

    Raises InputError when something else was asked, UnknownName for an unknown artifact.
    """
    resolved = {}
    for id_ in artifacts:
        offered = [choice.key for choice in choices(library, id_)]
        resolved[id_] = asked.get(id_, offered[0])
        if resolved[id_] not in offered:
            raise InputError(
                f"The architecture of {id_} cannot come from there.",
                received=resolved[id_],
                cure=f"Choose from {', '.join(offered)}.",
            )
    return resolved


def require_same_inputs(library: Library, artifacts: list[str]) -> None:
    """Raises InputError when not all of the artifacts take inputs of the same dtypes and shapes, whatever their names.

    A run that says nothing of its inputs (a subclassed model) is given the benefit of the doubt.
    """
    runs = [library.run(library.artifact(id_).run) for id_ in artifacts]
    asked = {
        run.name: sorted((one["dtype"], str(one["shape"][1:])) for one in run.inputs) for run in runs if run.inputs
    }
    if len(set(map(str, asked.values()))) > 1:
        raise InputError(
            "These artifacts are of models that take different inputs, so they cannot be asked the same questions.",
            received=" and ".join(asked),
            cure="Compare copies of one run, or of runs on the same data.",
        )


def _source(library: Library, run: Run, key: str) -> dict[str, Any] | None:
    if key == "none":
        return None
    if key == "demo":
        return run.source
    return run.source | {"architecture": str(library.files(key))}


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
            _source(jobs.library, run, request["sources"][id_]),
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
