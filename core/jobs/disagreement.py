"""Job: search for disagreement.

What a search found, as records and pages need it: in words and numbers, and as arrays.

The work of a search for the input on which two disagree most: the data first, then small steps around it.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.compare import find_targets
from core.context import AppContext
from core.disagreement import (
    DATA_BUDGET_SHARE,
    DataChunk,
    DisagreeingInput,
    DisagreementSearch,
    SearchBudget,
    distance_from_origin,
    output_scales,
)
from core.errors import Cancelled, InputError, RoundtripError, TimedOut
from core.formats import get_format
from core.jobs.participants import AlignedPredictor, resolve_code_sources, run_id_of
from core.jobs.runner import JobHandle
from core.library import Library
from core.library.records import Run
from core.runtimes.reference import BATCH_SIZE, Reference, select_by_prefix
from core.text.labels import live_model_phrase, mark_imported
from core.worker.child_handle import Child
from core.worker.protocol import Frame

MAX_RECORDED_VALUES = 1000  # values of one answer that stand in the record; arrays beside it hold all


def participant_name(library: Library, id_: str) -> str:
    """How one of the two is called in a sentence."""
    if id_.startswith("r"):
        return live_model_phrase(id_, library.run(id_))
    artifact = library.artifact(id_)
    return mark_imported(f"{get_format(artifact.format).label} ({id_})", artifact)


def build_record(
    run: Run, reference: Reference, search: DisagreementSearch, disagreement: DisagreeingInput
) -> dict[str, Any]:
    """One input for JSON: what both said, how far apart, where it came from, and how far from there.

    `said` are the classes that the two name, `truth` what is right for the row of the data, where that is one class or
    one value; `level` and `amount` are those of `core.disagreement.metric`.
    """
    scale = search.scales[disagreement.output]
    return {
        "changed": disagreement.is_changed,
        "level": disagreement.level,
        "amount": disagreement.amount,
        "output": disagreement.output,
        "kind": scale.kind,
        "spread": scale.spread,
        "said": [
            _predicted_class(run, answer[disagreement.output][0], scale.kind) for answer in disagreement.predictions
        ],
        "answers": [_recorded_values(answer) for answer in disagreement.predictions],
        "split": disagreement.split,
        "row": disagreement.row,
        "steps": disagreement.steps,
        "truth": _true_value(run, reference, disagreement, scale.kind),
        "distance": distance_from_origin(disagreement.point, search.domain),
    }


def _predicted_class(run: Run, prediction: np.ndarray, kind: str) -> str | None:
    """The class that an answer names; None where it is a value, or not a number."""
    if kind != "class" or not np.isfinite(prediction).all():
        return None
    at = int(prediction.argmax())
    return run.labels[at] if len(run.labels) == prediction.size else str(at)


def _true_value(run: Run, reference: Reference, disagreement: DisagreeingInput, kind: str) -> Any:
    targets = find_targets(disagreement.output, list(reference.predictions), disagreement.targets)
    if targets is None:
        return None
    if kind == "class":
        return _predicted_class(run, targets[0], kind)
    return targets.item() if targets.size == 1 else None


def _recorded_values(predictions: Arrays) -> dict[str, Any]:
    """Values by output, None for what is not a number; longer answers are left to the arrays."""
    return {name: _to_json_list(array[0]) for name, array in predictions.items() if array.size <= MAX_RECORDED_VALUES}


def _to_json_list(array: np.ndarray) -> Any:
    if array.dtype.kind not in "fc":
        return array.tolist()
    return np.where(np.isfinite(array), array.astype("O"), None).tolist()


def build_arrays(disagreement: DisagreeingInput) -> Arrays:
    """The input, the row of the data where it began, and both answers to each: "input:", "origin:", "a:", "b:",
    "origin-a:" and "origin-b:" with the name."""
    began = disagreement.start or disagreement
    named = {"input": disagreement.point.inputs, "origin": disagreement.point.origin}
    named |= {"a": disagreement.predictions[0], "b": disagreement.predictions[1]}
    named |= {"origin-a": began.predictions[0], "origin-b": began.predictions[1]}
    return {f"{role}:{name}": array for role, arrays in named.items() for name, array in arrays.items()}


SIDES = ("a", "b")
CHUNK_BYTES = 4 * 2**20  # of the data that are asked together
CHUNK_ROWS = (64, 1024)  # and at least and at most so many rows
STORE_SECONDS = 0.3  # seconds between two pictures of the best so far


def build_disagreement_request(
    context: AppContext, a: str, b: str, sources: dict[str, str], seconds: float, seed: int, evaluations: int | None
) -> dict[str, Any]:
    """What a search is asked. Raises InputError, UnknownName."""
    for id_ in (a, b):
        context.library.run(run_id_of(context, id_))
    if not 0 < seconds <= 3600:
        raise InputError("A search takes up to an hour.", received=seconds, cure="Choose 1 to 3,600 seconds.")
    if seed < 0 or (evaluations is not None and evaluations < 1):
        received = f"seed {seed}, evaluations {evaluations}"
        raise InputError("The seed or the number of inputs is too small.", received=received, cure="Choose more.")
    request = {"a": a, "b": b, "sources": resolve_code_sources(context.library, (a, b), sources)}
    return request | {"seconds": seconds, "seed": seed, "evaluations": evaluations}


def run_disagreement(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Search, and keep the best input beside the job as it is found.

    Gives `{"run", "found", "data", "asked", "changed", "largest", "inputs", "notes", "seconds"}`: what was found, the
    best of the data alone (both as `core.jobs.disagreement.build_record` says them), rows asked and answers changed by
    phase ("held-out", "training", "validation", "made"), the largest difference of all, and the id of the input set
    that was found ("" where not one number differed). Arrays are kept beside the job as
    `core.jobs.disagreement.build_arrays` names them."""
    return _DisagreementJob(context, handle).execute()


class _DisagreementJob:
    def __init__(self, context: AppContext, handle: JobHandle):
        self.context, self.handle, self.request = context, handle, handle.job.request
        self.run: Run = context.library.run(run_id_of(context, self.request["a"]))
        self.reference: Reference = context.library.reference(self.run.id)
        self.notes: list[str] = []
        self._data_child: Future[Child] | None = None
        self._is_data_late = threading.Event()  # set where the data are waited for no longer
        self._stored_best: DisagreeingInput | None = None
        self._stored_at = 0.0

    def execute(self) -> dict[str, Any]:
        self.handle.report_progress(0.0, "Loading both", write_now=True)
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=len(SIDES) + 1))
            self._data_child = pool.submit(self._open_data_child, stack) if self.run.demo else None
            sides = self._open_sides(pool, stack)
            self._budget = SearchBudget(self.request["seconds"], self.request["evaluations"])
            scales = output_scales(self.reference.predictions, len(self.run.labels))

            def ask(inputs: Arrays) -> tuple[Arrays, Arrays]:
                left, right = pool.map(lambda side: side.predict(inputs), sides)
                return left, right

            search = DisagreementSearch(ask, scales, self._budget, self.request["seed"], self._report_progress)
            search.scan_data(self._data_chunks())
            before = search.best
            search.climb_from_best()
        return self._build_result(search, before)

    def _open_sides(self, pool: ThreadPoolExecutor, stack: contextlib.ExitStack) -> list["_SearchSide"]:
        """Both loaded, side by side; if one does not come, the other is closed."""
        known = self.reference.head(BATCH_SIZE)
        futures = [pool.submit(_SearchSide, self.context, self.handle, self.request[key], known) for key in SIDES]
        for future in futures:
            if future.exception() is None:
                stack.callback(future.result().close)
        return [future.result() for future in futures]

    def _data_chunks(self) -> Iterator[DataChunk]:
        """The held-out rows that the run keeps, then, of a demo's run, the rest of its data."""
        rows = self._rows_per_chunk()
        for start in range(0, self.reference.rows, rows):
            inputs, targets = (
                {name: array[start : start + rows] for name, array in arrays.items()}
                for arrays in (self.reference.inputs, self.reference.targets)
            )
            yield DataChunk("held-out", start, inputs, targets)
        if self._data_child is None:
            return
        try:
            yield from self._remaining_chunks(self._await_data_child(), rows)
        except Cancelled:
            raise
        except RoundtripError as error:  # the held-out rows are enough to begin from
            self.notes.append(f"Only held-out rows were asked: the rest of the data could not be had. {error}")

    def _await_data_child(self) -> Child:
        """The child that has the data. Raises TimedOut where it is not ready within their share of the time that is
        left, and what stopped it."""
        left = self._budget.seconds_left - (1 - DATA_BUDGET_SHARE) * self.request["seconds"]
        try:
            return self._data_child.result(max(left, 0.0))
        except TimeoutError as error:
            self._is_data_late.set()
            raise TimedOut("It was not there in time.", cure="Search for longer.") from error

    def _is_stopped(self) -> bool:
        return self._is_data_late.is_set() or self.handle.is_cancelled()

    def _open_data_child(self, stack: contextlib.ExitStack) -> Child:
        """A child that makes the data while the two are being loaded. Raises what stopped it."""
        child = stack.enter_context(self.context.worker.open(self._is_stopped))
        self._request_rows(child, "held-out", 0, 0)
        return child

    def _request_rows(self, child: Child, split: str, start: int, count: int) -> Frame:
        limits = {"seconds": self.context.config.child_seconds, "cancelled": self._is_stopped}
        asked = {"demo": self.run.demo, "settings": self.run.settings, "split": split}
        return child.request("rows", start=start, count=count, **asked, **limits)

    def _remaining_chunks(self, child: Child, rows: int) -> Iterator[DataChunk]:
        for split, start in (("held-out", self.reference.rows), ("training", 0), ("validation", 0)):
            of = start + 1
            while start < of:
                frame = self._request_rows(child, split, start, rows)
                of = frame.message["rows"]
                if start < of:
                    yield DataChunk(
                        split,
                        start,
                        select_by_prefix("input:", frame.arrays),
                        select_by_prefix("target:", frame.arrays),
                    )
                start += rows

    def _rows_per_chunk(self) -> int:
        row_bytes = sum(array.nbytes for array in self.reference.inputs.values()) // self.reference.rows
        return int(np.clip(CHUNK_BYTES // max(row_bytes, 1), *CHUNK_ROWS))

    def _report_progress(self, search: DisagreementSearch) -> None:
        """Tell how far it is, with the best so far; a person's wish to stop is heard where the two are asked."""
        if search.best is not self._stored_best and time.monotonic() - self._stored_at > STORE_SECONDS:
            self._store_best(search)
        told = {"asked": dict(search.evaluated), "changed": dict(search.changed), "largest": search.largest}
        told |= {"best": build_record(self.run, self.reference, search, self._stored_best)} if self._stored_best else {}
        self.handle.report_progress(
            search.budget.share_used, _progress_note(search.evaluated), seconds_left=search.budget.seconds_left, **told
        )

    def _store_best(self, search: DisagreementSearch) -> None:
        self._stored_best, self._stored_at = search.best, time.monotonic()
        self.context.job_store.save_arrays(self.handle.job.id, build_arrays(search.best))

    def _build_result(self, search: DisagreementSearch, before: DisagreeingInput) -> dict[str, Any]:
        self._store_best(search)
        return {
            "run": self.run.id,
            "found": build_record(self.run, self.reference, search, search.best),
            "data": build_record(self.run, self.reference, search, before),
            "asked": search.evaluated,
            "changed": search.changed,
            "largest": search.largest,
            "inputs": self._store_input_set(search.best),
            "notes": self.notes,
            "seconds": search.budget.seconds_used,
        }

    def _store_input_set(self, disagreement: DisagreeingInput) -> str:
        """Keep what was found as inputs that every other copy can be asked too."""
        if not disagreement.score:
            return ""
        origin = {"search": self.handle.job.id, "a": self.request["a"], "b": self.request["b"]}
        origin |= {"split": disagreement.split, "row": disagreement.row, "steps": disagreement.steps}
        between = " and ".join(participant_name(self.context.library, self.request[key]) for key in SIDES)
        words = f"Where {between} {'disagree' if disagreement.is_changed else 'come closest to disagreeing'}"
        return self.context.inputs.add_search_result(disagreement.point.inputs, origin, words).id


class _SearchSide:
    """One of the two, loaded: asked with the inputs of the reference, it answers by the names of its outputs."""

    def __init__(self, context: AppContext, handle: JobHandle, id_: str, reference: Reference):
        self._name, self._cancelled = participant_name(context.library, id_), handle.is_cancelled
        source = handle.job.request["sources"].get(id_, "none")
        with self._errors_with_name():
            self._predictor = AlignedPredictor.load(context, id_, source, reference, cancelled=handle.is_cancelled)

    def predict(self, inputs: Arrays) -> Arrays:
        """All rows in one batch: two that compute alike must be given the chance to round alike."""
        rows = len(next(iter(inputs.values())))
        with self._errors_with_name():
            return self._predictor.predict(inputs, batch=rows, cancelled=self._cancelled)

    @contextlib.contextmanager
    def _errors_with_name(self) -> Iterator[None]:
        """Whatever goes wrong is said with the name of the one with which it went wrong."""
        try:
            yield
        except Cancelled:
            raise
        except RoundtripError as error:
            error.sentence = f"{self._name[0].upper()}{self._name[1:]}: {error.sentence}"
            raise

    def close(self) -> None:
        self._predictor.close()


def _progress_note(evaluated: dict[str, int]) -> str:
    made = evaluated.get("made", 0)
    data = f"Asked {sum(evaluated.values()) - made:,} rows of the data"
    return f"{data} and {made:,} made inputs" if made else data
