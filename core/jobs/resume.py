"""Job: continue training the live model of a run and copies of it, over the same batches, side by side."""

import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypedDict, cast

import numpy as np

from core.errors import CannotTrain, InputError, RoundtripError
from core.jobs.execution.job_handle import JobHandle, SourcedRequest, attempt
from core.jobs.participants import (
    artifact_request,
    describe_code_source,
    is_imported,
    resolve_code_sources,
    snapshot_request,
)
from core.jobs.resume_result import ResumeResult, ResumeVerdict, compare_with_live, find_restored_parts
from core.library import Library
from core.library.records import Run
from core.worker.child_handle import CancelCheck
from core.worker.tasks.resume import Batches, EpochScore, ResumeReply

LIVE_MODEL = "live"
MAX_EPOCHS = 20  # at most
MAX_CURVE_POINTS = 300  # points of one curve that a running job keeps on its record

Training = tuple[ResumeReply, np.ndarray]  # and the loss of each batch (float64)


class ResumeRequest(SourcedRequest):
    run: str
    artifacts: list[str]
    epochs: int
    seed: int


class LiveTraining(TypedDict):
    """The live model's part of a `ResumeReply`, without fingerprints."""

    numbers: dict[str, float]
    order: str
    seconds: float
    epochs: list[EpochScore]


class ResumeJobResult(TypedDict):
    """Losses lie beside the job, as arrays "live" and by artifact: float64, one value a batch."""

    run: str
    batches: int  # of an epoch
    live: LiveTraining
    copies: dict[str, dict[str, Any]]  # a `ResumeResult` by artifact


def build_resume_request(
    library: Library,
    run_id: str,
    artifacts: Iterable[str],
    epochs: int = 2,
    sources: dict[str, str] | None = None,
    seed: int = 0,
) -> ResumeRequest:
    """Validate what `Jobs.resume` is given. Raises InputError, UnknownName, UnreadableRecord."""
    run, ids = library.run(run_id), list(dict.fromkeys(artifacts))
    if run.demo is None:
        how = "added from a notebook" if run.trust == "ours" else "imported"
        sentence = f"This model was {how}, so there is no data here to train it on."
        cure = "Choose a run that was trained here."
        raise InputError(sentence, received=run.name, cure=cure)
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to train on.")
    if others := [id_ for id_ in ids if library.artifact(id_).run != run_id]:
        sentence = "Only copies of one run can be compared with its live model."
        cure = "Choose copies of the run that is trained on."
        raise InputError(sentence, received=f"{', '.join(others)} of another run", cure=cure)
    if not 1 <= epochs <= MAX_EPOCHS:
        cure = "Choose a number between them."
        raise InputError(f"It trains on for 1 to {MAX_EPOCHS} epochs.", received=epochs, cure=cure)
    if not 0 <= seed < 2**32:
        raise InputError("The seed does not fit.", received=seed, cure="Choose one from 0 to 4294967295.")
    resolved = resolve_code_sources(library, ids, sources or {})
    return {"run": run_id, "artifacts": ids, "epochs": epochs, "seed": seed, "sources": resolved}


def build_batches(run: Run, epochs: int, seed: int = 0) -> Batches:
    """The batches over which a run's model and its copies continue to train."""
    return Batches(run.rows["training"], (run.settings or {})["batch_size"], epochs, seed)


def run_resume(handle: JobHandle) -> ResumeJobResult:
    """Continue training, and store the losses. Raises what stops the live model."""
    return _ResumeJob(handle).execute()


class _ResumeJob:
    """All that train at the same time, and their losses so far."""

    def __init__(self, handle: JobHandle):
        self.handle, self.library, self.request = handle, handle.library, cast(ResumeRequest, handle.request)
        self.run = self.library.run(self.request["run"])
        self.original = self.library.original(self.run)
        self.batches = build_batches(self.run, self.request["epochs"], self.request["seed"])
        self.curves = _LossCurves(handle, [LIVE_MODEL, *self.request["artifacts"]], self.batches)

    def execute(self) -> ResumeJobResult:
        is_over = threading.Event()  # set where the live model fails: nothing is left to compare copies with
        stopped = lambda: is_over.is_set() or self.handle.is_cancelled()  # noqa: E731
        with ThreadPoolExecutor(max_workers=self.handle.config.parallel) as pool:
            live = pool.submit(self._train, LIVE_MODEL, self.handle.is_cancelled)
            copies = {id_: pool.submit(self._try_train, id_, stopped) for id_ in self.request["artifacts"]}
            try:
                facts, losses = live.result()
            except Exception:  # whatever stopped it: the copies are waited for no longer
                is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            trained = {id_: future.result() for id_, future in copies.items()}
        arrays = {id_: each[1] for id_, each in trained.items() if not isinstance(each, RoundtripError)}
        self.handle.context.job_store.save_arrays(self.handle.job.id, {LIVE_MODEL: losses} | arrays)
        results = {
            id_: self._compare(id_, (facts, losses), each).model_dump(mode="json") for id_, each in trained.items()
        }
        epochs = [{name: value for name, value in epoch.items() if name != "weights"} for epoch in facts["epochs"]]
        shown: LiveTraining = {
            "numbers": facts["numbers"],
            "order": facts["order"],
            "seconds": facts["seconds"],
            "epochs": cast(list[EpochScore], epochs),
        }
        return {"run": self.run.id, "batches": self.batches.batches_per_epoch, "live": shown, "copies": results}

    def _train(self, participant: str, cancelled: CancelCheck) -> Training:
        copy, source = None, "none"
        if participant != LIVE_MODEL:
            source = self.handle.code_source(participant)
            copy = artifact_request(self.library, participant, source)
        frame = self.handle.worker.run(
            "resume",
            seconds=self.handle.config.train_seconds,
            cancelled=cancelled,
            sandboxed=is_imported(self.library, self.run, source),
            on_progress=partial(self.curves.extend, participant),
            run=snapshot_request(self.library, self.run),
            epochs=self.request["epochs"],
            seed=self.request["seed"],
            copy=copy,
        )
        self.curves.finish(participant)
        return cast(ResumeReply, frame.message), frame.arrays["loss"]

    def _try_train(self, id_: str, cancelled: CancelCheck) -> Training | RoundtripError:
        trained = attempt(partial(self._train, id_, cancelled))
        if isinstance(trained, RoundtripError):
            self.curves.finish(id_)
        return trained

    def _compare(self, id_: str, live: Training, trained: Training | RoundtripError) -> ResumeResult:
        best = self.library.evidence(id_).best
        if isinstance(trained, RoundtripError):
            ending = ResumeVerdict.CANNOT_TRAIN if isinstance(trained, CannotTrain) else ResumeVerdict.FAILED
            parts = find_restored_parts(self.original, best.weights, best.optimizer)
            result = ResumeResult(ending=ending, sentence=trained.sentence, error=trained.to_json(), parts=parts)
        else:
            result = compare_with_live(self.original, live[0], trained[0], (live[1], trained[1]))
        source = describe_code_source(self.library, id_, self.handle.code_source(id_))
        return result.model_copy(update={"saved": best.optimizer, "source": source})


class _LossCurves:
    """The losses of all that train, as far as they have come, thinned on the job's record."""

    def __init__(self, handle: JobHandle, names: list[str], batches: Batches):
        self._handle, self._lock = handle, threading.Lock()
        self._losses: dict[str, list[float | None]] = {name: [] for name in names}
        self._done = dict.fromkeys(names, 0.0)
        self._stride = max(1, math.ceil(batches.batches_per_epoch * batches.epochs / MAX_CURVE_POINTS))

    def extend(self, name: str, progress: dict[str, Any]) -> None:
        with self._lock:
            self._losses[name] += progress["losses"]
            self._done[name] = progress["done"]
            self._report_progress()

    def finish(self, name: str) -> None:
        with self._lock:
            self._done[name] = 1.0
            self._report_progress()

    def _report_progress(self) -> None:
        thin = {name: losses[:: self._stride] for name, losses in self._losses.items() if losses}
        ended = sum(done == 1.0 for done in self._done.values())
        note = f"{ended} of {len(self._done)} have trained on"
        self._handle.report_progress(sum(self._done.values()) / len(self._done), note, curves=thin, every=self._stride)
