"""Job: predict rows with a copy on one worker of the team, for a comparison that waits for them elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from core.arrays import Arrays, StoredArrays, to_plain_array
from core.environments.machines import get_environment_or_own
from core.jobs.execution.driver import JobKind, Requirements
from core.jobs.execution.job_handle import JobHandle
from core.jobs.places.environment_place import EnvironmentPlace
from core.jobs.places.place import PlaceFacts

ROWS = "rows"  # the name of its given folder, and of the folder of its answers; a file for each chunk
PREFIX = "array:"  # before each name, which may be any word, and "file" is one that NumPy takes


class AnswersRequest(TypedDict):
    """`environment` is a key of one on that worker, `batch` how many rows are computed together."""

    artifact: str
    environment: str
    batch: int
    worker: str


class AnswersResult(TypedDict):
    """Where it predicted, as JSON of `PlaceFacts`, and how its load went; the answers lie beside the job."""

    place: dict[str, object]
    load_seconds: float | None
    loaded_warm: bool


def write_chunk(folder: Path, at: int, arrays: Arrays) -> None:
    """Write one chunk of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {PREFIX + name: to_plain_array(array) for name, array in arrays.items()}
    np.savez(folder / f"{at:08}.npz", allow_pickle=False, **plain)


def read_chunks(folder: Path) -> Iterator[Arrays]:
    """Yield the chunks of a folder, in order."""
    for path in sorted(folder.glob("*.npz")):
        with StoredArrays(path) as archive:
            yield {name.removeprefix(PREFIX): archive[name] for name in archive}


def run_answers(handle: JobHandle) -> AnswersResult:
    """Predict all chunks, each as it was given."""
    request = cast(AnswersRequest, handle.request)
    place = EnvironmentPlace(get_environment_or_own(request["environment"]))
    folder = handle.context.job_store.folder(handle.job.id) / ROWS

    def report(share: float, note: str) -> None:
        handle.report_progress(note=note)

    with place.open(handle.context, request["artifact"], report, handle.is_cancelled) as copy:
        chunks = read_chunks(handle.files.paths[ROWS])
        for at, predictions in enumerate(copy.predict_chunks(chunks, request["batch"], handle.is_cancelled)):
            write_chunk(folder, at, predictions)
        facts: PlaceFacts = copy.load.place
        return {
            "place": facts.model_dump(mode="json"),
            "load_seconds": copy.load.load_seconds,
            "loaded_warm": copy.load.loaded_warm,
        }


def _require_worker(request: object) -> Requirements:
    asked = cast(AnswersRequest, request)
    named = EnvironmentPlace(get_environment_or_own(asked["environment"])).environments
    return Requirements(environments=named, worker=asked["worker"])


ANSWERS = JobKind("answers", run_answers, requirements=_require_worker)
