"""Jobs of the break-it bench: pull the lever of a card in a fresh process, and cure what it broke."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np

from core.arrays import Arrays, select_rows
from core.break_it import bench_fingerprint, get_card
from core.break_it.base import Card
from core.compare import Verdict, compare
from core.errors import Cancelled, DoesNotLoad, InputError
from core.jobs.execution.job_handle import POLL_SECONDS, JobHandle, SourcedRequest
from core.library import storage
from core.runtimes.reference import Reference
from core.text.predictions import PredictionLabeler
from core.text.verdicts import verdict_label
from core.worker.child_handle import CancelCheck
from core.worker.tasks.break_it import LibraryError, TrialReply

FILES, REFERENCE = "files", "reference.npz"  # of a card, in the cache and beside a job
PREPARING_SHARE = 0.8  # of the time of a first pull, which trains the card's model
_training_locks: dict[Path, threading.Lock] = {}  # by the folder that the trained model gets


class PullRequest(SourcedRequest):
    """Which card; `bench` is that of `bench_fingerprint`, because results may change with it."""

    card: str
    bench: str


class CureRequest(PullRequest):
    """Also the job that pulled the lever, on whose files the cure works."""

    pulled: str


class Example(TypedDict):
    """One test example: the prediction of the model that was saved, and of what was loaded (None where it raised)."""

    row: int
    right: str
    answer: str | None


class TrialResult(TypedDict):
    """What came of a lever or a cure: as `TrialReply`, and its predictions beside the model's own.

    `verdict`, `changed` and `rows` are those of `core.compare`, None where it raised. The arrays of the job are the
    inputs of the example, (1, …) by name.
    """

    error: LibraryError | None
    messages: list[str]
    repeats: bool | None
    seconds: float
    verdict: str | None
    changed: int | None
    rows: int
    example: Example


def build_pull_request(card: str) -> PullRequest:
    """Raises UnknownName."""
    return {"card": get_card(card).key, "bench": bench_fingerprint(), "sources": {}}


def build_cure_request(card: str, pulled: str) -> CureRequest:
    """Raises UnknownName."""
    return {**build_pull_request(card), "pulled": pulled}


def run_pull(handle: JobHandle) -> TrialResult:
    """Train and save the model of a card, unless that was done before, and pull its lever in a fresh process."""
    card = get_card(handle.request["card"])
    prepared = _prepare(handle, card)
    own = handle.context.job_store.folder(handle.job.id)
    with storage.translate_disk_errors():
        shutil.copytree(prepared / FILES, own / FILES)
        shutil.copy(prepared / REFERENCE, own / REFERENCE)
    handle.report_progress(PREPARING_SHARE, "Pulling the lever in a fresh process", write_now=True)
    return _try(handle, card, own)


def run_cure(handle: JobHandle) -> TrialResult:
    """Cure what a lever broke, on the same files, in another fresh process.

    Raises InputError where the files are gone, and DoesNotLoad where the cure does not bring the saved model back.
    """
    request = cast(CureRequest, handle.request)
    folder = handle.context.job_store.folder(request["pulled"])
    if not (folder / REFERENCE).is_file():
        raise InputError("The files that the lever broke are gone.", cure="Pull the lever again, then cure it.")
    handle.report_progress(0.2, "Curing it in a fresh process", write_now=True)
    broken = handle.context.job_store.read(request["pulled"]).result
    result = _try(handle, get_card(request["card"]), folder, broken["example"]["row"])
    _require_cured(result)
    return result


def _require_cured(result: TrialResult) -> None:
    """Raise DoesNotLoad where a cure raised, or answers otherwise than the model that was saved."""
    cure = "Pull the lever again, then cure it."
    if error := result["error"]:
        received = f"{error['kind']}: {error['cause']}".rstrip(". ")
        raise DoesNotLoad("The cure raised an error.", received=received, cure=cure, detail=error["text"])
    verdict = Verdict(result["verdict"] or Verdict.NOT_RUN)
    if verdict.rank > Verdict.ROUNDING.rank:
        sentence = "What the cure loaded does not answer as the saved model."
        raise DoesNotLoad(sentence, received=verdict_label(verdict, result["changed"], result["rows"]), cure=cure)


def _prepare(handle: JobHandle, card: Card) -> Path:
    """The folder of a card with its saved model, which is trained where this was not done with this code before."""
    trained = trained_folder(handle.config.home, card)
    with hold_training_lock(trained, handle.is_cancelled), storage.translate_disk_errors():
        if not trained.is_dir():
            trained.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=trained.parent, ignore_cleanup_errors=True) as folder:
                _train(handle, card, Path(folder) / "cards")
                _move_into_place(Path(folder) / "cards", trained)
                discard_outdated(trained.parent, Path(folder))
    return trained / card.key


def trained_folder(home: Path, card: Card) -> Path:
    """Where the trained model of a card lies, with a copy for each card of its demo; another for other code."""
    return home / "cache" / "break-it" / f"{card.demo.key}-{bench_fingerprint()}"


@contextlib.contextmanager
def hold_training_lock(trained: Path, is_cancelled: CancelCheck) -> Iterator[None]:
    """Keep other threads from training into the same folder meanwhile. Raises Cancelled where that is asked first."""
    lock = _training_locks.setdefault(trained, threading.Lock())
    while not lock.acquire(timeout=POLL_SECONDS):
        if is_cancelled():
            sentence = "It was cancelled while another card trained the same small model."
            raise Cancelled(sentence, cure="Pull the lever again when you like.")
    try:
        yield
    finally:
        lock.release()


def _move_into_place(folder: Path, target: Path) -> None:
    storage.flush_folder(folder)
    try:
        storage.rename_durably(folder, target)
    except OSError:
        if not (folder.is_dir() and target.is_dir()):  # which another process has made meanwhile
            raise


def discard_outdated(cache: Path, bin_: Path) -> None:
    """Move what was trained with other code or libraries into a folder that is deleted later: whole, or not at all."""
    for folder in cache.glob("*-" + "[0-9a-f]" * 16):
        if not folder.name.endswith(bench_fingerprint()):
            with contextlib.suppress(OSError):  # another process does the same
                os.rename(folder, bin_ / folder.name)


def _train(handle: JobHandle, card: Card, folder: Path) -> None:
    def on_progress(progress: dict[str, Any]) -> None:
        handle.report_progress(PREPARING_SHARE * progress["done"], progress["note"])

    folder.mkdir()
    handle.report_progress(0.0, "Building the small model", write_now=True)
    handle.worker.run(
        "prepare_cards",
        **handle.limits,
        on_progress=on_progress,
        demo=card.demo.key,
        folder=folder,
    )


def _try(handle: JobHandle, card: Card, folder: Path, cured_row: int | None = None) -> TrialResult:
    """Pull the lever of a card; with `cured_row`, the example that is shown, apply the cure."""
    reference, is_cure = Reference.read(folder / REFERENCE), cured_row is not None
    frame = handle.worker.run(
        "try_card", **handle.limits, arrays=reference.inputs, card=card.key, folder=folder / FILES, is_cure=is_cure
    )
    result = _judge(card, reference, cast(TrialReply, frame.message), frame.arrays, cured_row)
    inputs = select_rows(reference.inputs, [result["example"]["row"]])
    handle.context.job_store.save_arrays(handle.job.id, inputs)
    return result


def _judge(card: Card, reference: Reference, reply: TrialReply, answers: Arrays, row: int | None) -> TrialResult:
    """Compare what was loaded with the model that was saved, on all test examples and on one of them."""
    comparison = None if reply["error"] else compare(reference.predictions, answers, with_metrics=False)
    if row is None:
        row = _choose_row(reference, comparison.changed if comparison else np.zeros(reference.rows, bool))
    right = _label_row(card, reference.predictions, row)
    return TrialResult(
        error=reply["error"],
        messages=reply["messages"],
        repeats=reply.get("repeats"),
        seconds=reply["seconds"],
        verdict=comparison.verdict.value if comparison else None,
        changed=comparison.changed_rows if comparison else None,
        rows=reference.rows,
        example=Example(row=row, right=right, answer=_label_row(card, answers, row) if comparison else None),
    )


def _choose_row(reference: Reference, changed: np.ndarray) -> int:
    """The first row that the model got right and what was loaded did not; else the first that the model got right."""
    sides = zip(reference.predictions.values(), reference.targets.values(), strict=True)
    is_right = np.logical_and.reduce([answer.argmax(axis=1) == target.argmax(axis=1) for answer, target in sides])
    return int(np.flatnonzero(is_right & changed)[0]) if (is_right & changed).any() else int(is_right.argmax())


def _label_row(card: Card, outputs: Arrays, row: int) -> str:
    """What was predicted for a row; the digits of a number are written one after another."""
    labelers = ((PredictionLabeler.for_output(card.demo.labels, array), array[row]) for array in outputs.values())
    return "".join(labeler.label_prediction(values) for labeler, values in labelers)
