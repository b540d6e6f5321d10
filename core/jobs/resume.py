"""The work of a resuming job: the live model and each copy train on over the same batches, side by side."""

import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from core.context import AppContext
from core.errors import Cancelled, CannotTrain, InputError, WorkerError
from core.explain import translate
from core.jobs.participants import build_code_source, is_imported, resolve_code_sources
from core.jobs.resume_result import ResumeResult, ResumeVerdict, compare_with_live, find_restored_parts
from core.jobs.runner import JobHandle
from core.library import Library
from core.library.records import Run
from core.worker.tasks.resume import Batches

LIVE_MODEL = "live"
MAX_EPOCHS = 20  # at most
MAX_CURVE_POINTS = 300  # points of one curve that a running job keeps on its record


def build_resume_request(
    library: Library, run_id: str, artifacts: Iterable[str], epochs: int, sources: dict[str, str] | None, seed: int
) -> dict[str, Any]:
    """What a resuming job is asked. Raises InputError, UnknownName, UnreadableRecord."""
    run, ids = library.run(run_id), list(dict.fromkeys(artifacts))
    if run.demo is None:
        how = "added from a notebook" if run.trust == "ours" else "brought in"
        raise InputError(
            f"This model was {how}, so there is no data here to train it on.",
            received=run.name,
            cure="Choose a run that was trained here.",
        )
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to train on.")
    if strange := [id_ for id_ in ids if library.artifact(id_).run != run_id]:
        raise InputError(
            "Only copies of one run can be held against its live model.",
            received=f"{', '.join(strange)} of another run",
            cure="Choose copies of the run that is trained on.",
        )
    if not 1 <= epochs <= MAX_EPOCHS:
        raise InputError(
            f"It trains on for 1 to {MAX_EPOCHS} epochs.", received=epochs, cure="Choose a number between them."
        )
    if not 0 <= seed < 2**32:
        raise InputError("The seed does not fit.", received=seed, cure="Choose one from 0 to 4294967295.")
    chosen = {"run": run_id, "artifacts": ids, "epochs": epochs, "seed": seed}
    return chosen | {"sources": resolve_code_sources(library, ids, sources or {})}


def build_batches(run: Run, epochs: int, seed: int = 0) -> Batches:
    """The batches over which a run's model and its copies train on."""
    return Batches(run.rows["training"], run.settings["batch_size"], epochs, seed)


def run_resume(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Train on; gives `{"run", "batches" of an epoch, "live", "copies": {id: Continuation}}` and keeps the losses.

    Losses are kept as the arrays "live" and `<id>`, float64, one value a batch. Raises what stops the live model.
    """
    request = handle.job.request
    run = context.library.run(request["run"])
    original, order = context.library.original(run), build_batches(run, request["epochs"], request["seed"])
    curves = _LossCurves(handle, [LIVE_MODEL, *request["artifacts"]], order)
    over = threading.Event()  # set where the live model fails: nothing is left to hold copies against
    stopped = lambda: over.is_set() or handle.is_cancelled()  # noqa: E731
    with ThreadPoolExecutor(max_workers=context.config.parallel) as pool:
        live = pool.submit(_train_participant, context, handle, run, LIVE_MODEL, curves, handle.is_cancelled)
        copies = {
            id_: pool.submit(_train_copy, context, handle, run, id_, curves, stopped) for id_ in request["artifacts"]
        }
        try:
            facts, losses = live.result()
        except Exception:  # whatever stopped it: nobody waits for the copies any more
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        kept, found = {LIVE_MODEL: losses}, {}
        for id_, future in copies.items():
            found[id_] = _compare_copy(context, id_, original, facts, losses, future.result())
            kept |= {id_: future.result()[1]} if isinstance(future.result(), tuple) else {}
    context.job_store.save_arrays(handle.job.id, kept)
    facts = {name: facts[name] for name in ("numbers", "order", "seconds")} | {"epochs": _without_weights(facts)}
    return {"run": run.id, "batches": order.batches_per_epoch, "live": facts, "copies": found}


def _without_weights(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name != "weights"} for epoch in facts["epochs"]]


def _train_participant(
    context: AppContext,
    handle: JobHandle,
    run: Run,
    participant: str,
    curves: "_LossCurves",
    cancelled: Callable[[], bool],
) -> tuple[dict[str, Any], np.ndarray]:
    request, copy, confined = handle.job.request, None, is_imported(context.library, run)
    snapshot = context.library.snapshot(run.id)
    if participant != LIVE_MODEL:
        artifact, folder = context.library.artifact(participant), context.library.verified_folder(participant)
        source = build_code_source(context.library, run, request["sources"][participant], artifact)
        confined = is_imported(context.library, run, request["sources"][participant])
        copy = {"format": artifact.format, "folder": folder, "source": source}
    frame = context.worker.run(
        "resume",
        seconds=context.config.train_seconds,
        cancelled=cancelled,
        sandboxed=confined,
        on_progress=lambda told: curves.extend(participant, told),
        run={"source": run.code_source, "kind": run.kind, "snapshot": snapshot},
        epochs=request["epochs"],
        seed=request["seed"],
        copy=copy,
    )
    curves.finish(participant)
    return frame.message, frame.arrays["loss"]


def _train_copy(
    context: AppContext, handle: JobHandle, run: Run, id_: str, curves: "_LossCurves", cancelled: Callable[[], bool]
) -> Any:
    """The facts and losses of a copy, or the error that is its own; others go on."""
    try:
        return _train_participant(context, handle, run, id_, curves, cancelled)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  what stops one copy must not stop the others
        curves.finish(id_)
        return translate(error, WorkerError)


def _compare_copy(
    context: AppContext, id_: str, original: Any, live: dict[str, Any], losses: np.ndarray, result: Any
) -> dict:
    best = context.library.evidence(id_).best
    if isinstance(result, tuple):
        facts, own = result
        found = compare_with_live(original, live, facts, (losses, own))
    else:
        ending = ResumeVerdict.CANNOT_TRAIN if isinstance(result, CannotTrain) else ResumeVerdict.FAILED
        parts = find_restored_parts(original, best.weights, best.optimizer)
        found = ResumeResult(ending=ending, sentence=result.sentence, error=result.to_json(), parts=parts)
    return found.model_copy(update={"saved": best.optimizer}).model_dump(mode="json")


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
