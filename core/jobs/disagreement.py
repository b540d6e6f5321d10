"""Job: search for the input on which two models disagree most, first in the data, then by small steps from there."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np

from core.arrays import Arrays, select_rows
from core.context import AppContext
from core.disagreement import (
    DATA_BUDGET_SHARE,
    DataChunk,
    DisagreeingInput,
    DisagreementSearch,
    SearchBudget,
    ask_again,
    is_tie,
    list_candidates,
    output_scales,
)
from core.disagreement.confirmation import UNCONFIRMED_NOTE
from core.errors import Cancelled, InputError, RoundtripError, TimedOut
from core.jobs.disagreement_result import SIDES, DisagreementResult, build_arrays, build_record
from core.jobs.execution.job_handle import JobHandle, SourcedRequest, attempt
from core.jobs.participants import (
    AlignedPredictor,
    loaded_together,
    participant_labels,
    participant_name,
    resolve_code_sources,
    run_id_of,
)
from core.library.records import Run
from core.runtimes.base import BATCH_SIZE
from core.runtimes.reference import Reference, select_by_prefix
from core.text.labels import capitalize_first
from core.worker.child_handle import Child
from core.worker.protocol import Frame

CHUNK_BYTES = 4 * 2**20  # bytes of data in one request for predictions
CHUNK_ROWS = (64, 1024)  # rows of one such request, at least and at most
STORE_SECONDS = 0.3  # seconds between two records of the best input so far


class DisagreementRequest(SourcedRequest):
    """Two participants, and what ends the search: seconds, or a number of inputs."""

    a: str
    b: str
    seconds: float
    seed: int
    evaluations: int | None


def build_disagreement_request(
    context: AppContext, a: str, b: str, sources: dict[str, str], seconds: float, seed: int, evaluations: int | None
) -> DisagreementRequest:
    """Validate what `Jobs.find_disagreement` is given. Raises InputError, UnknownName."""
    for id_ in (a, b):
        context.library.run(run_id_of(context, id_))
    if not 0 < seconds <= 3600:
        raise InputError("A search takes up to an hour.", received=seconds, cure="Choose 1 to 3,600 seconds.")
    if seed < 0 or (evaluations is not None and evaluations < 1):
        received = f"seed {seed}, evaluations {evaluations}"
        raise InputError("The seed or the number of inputs is too small.", received=received, cure="Choose more.")
    resolved = resolve_code_sources(context.library, (a, b), sources)
    return {"a": a, "b": b, "sources": resolved, "seconds": seconds, "seed": seed, "evaluations": evaluations}


def run_disagreement(handle: JobHandle) -> DisagreementResult:
    """Search, and store the best input so far beside the job."""
    return _DisagreementJob(handle).execute()


class _DisagreementJob:
    def __init__(self, handle: JobHandle):
        self.handle, self.library, self.request = handle, handle.library, cast(DisagreementRequest, handle.request)
        self.ids = self.request["a"], self.request["b"]
        self.run: Run = self.library.run(run_id_of(handle.context, self.request["a"]))
        self.reference: Reference = self.library.reference(self.run.id)
        self.notes: list[str] = []
        self._data_child: Future[Child] | None = None
        self._is_data_late = threading.Event()  # set when the job no longer waits for the data
        self._stored_best: DisagreeingInput | None = None
        self._stored_at = 0.0

    def execute(self) -> DisagreementResult:
        self.handle.report_progress(0.0, "Loading both", write_now=True)
        loads = self._loads()
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=len(SIDES) + 1))
            self._data_child = pool.submit(self._open_data_child, stack) if self.run.demo else None
            sides = stack.enter_context(loaded_together(loads))
            self._budget = SearchBudget(self.request["seconds"], self.request["evaluations"])
            self._scales = scales = output_scales(self.reference.predictions, len(self.run.labels))

            def predict_both(inputs: Arrays) -> tuple[Arrays, Arrays]:
                left, right = pool.map(lambda side: side.predict(inputs), sides)
                return left, right

            search = DisagreementSearch(predict_both, scales, self._budget, self.request["seed"], self._report_progress)
            search.scan_data(self._data_chunks())
            best_of_data = search.best
            search.climb_from_best()
        return self._build_result(search, self._confirm(search), best_of_data)

    def _loads(self) -> list[Callable[[], "_SearchSide"]]:
        known = self.reference.head(BATCH_SIZE)
        return [partial(_SearchSide, self.handle, id_, known) for id_ in self.ids]

    def _confirm(self, search: DisagreementSearch) -> DisagreeingInput:
        """Ask the best inputs again, each alone and in new processes, as a comparison will ask what is shown."""
        assert search.best  # a reference has rows
        if not (candidates := list_candidates(search)):
            return search.best
        self.handle.report_progress(1.0, "Asking again, alone", write_now=True)
        confirmed = attempt(lambda: self._ask_again(search, candidates))
        if isinstance(confirmed, RoundtripError):  # what was found stays, after so long a search
            self.notes.append(f"It could not be asked again, alone: {confirmed}")
            return search.best
        if not confirmed.is_changed:
            self.notes.append(UNCONFIRMED_NOTE)
        return confirmed

    def _ask_again(self, search: DisagreementSearch, candidates: list[DisagreeingInput]) -> DisagreeingInput:
        with loaded_together(self._loads()) as sides:
            return ask_again(candidates, lambda row: (sides[0].predict(row), sides[1].predict(row)), search.scales)

    def _data_chunks(self) -> Iterator[DataChunk]:
        """Yield the test examples of the run's reference, then, of a demo's run, the rest of its data."""
        row_bytes = sum(array.nbytes for array in self.reference.inputs.values()) // self.reference.rows
        rows = int(np.clip(CHUNK_BYTES // max(row_bytes, 1), *CHUNK_ROWS))
        for start in range(0, self.reference.rows, rows):
            inputs, _, targets = (select_rows(arrays, slice(start, start + rows)) for arrays in self.reference)
            yield DataChunk("held-out", start, inputs, targets)
        if self._data_child is None:
            return
        try:
            yield from self._remaining_chunks(self._await_data_child(self._data_child), rows)
        except Cancelled:
            raise
        except RoundtripError as error:  # the test examples are enough to begin from
            self.notes.append(f"Only test examples were asked: the rest of the data could not be had. {error}")

    def _await_data_child(self, future: Future[Child]) -> Child:
        """Return the child that has the data. Raises TimedOut where it is not ready within the data's share of the time
        left, and the error of `_open_data_child`."""
        left = self._budget.seconds_left - (1 - DATA_BUDGET_SHARE) * self.request["seconds"]
        try:
            return future.result(max(left, 0.0))
        except TimeoutError as error:
            self._is_data_late.set()
            raise TimedOut("It was not there in time.", cure="Search for longer.") from error

    def _open_data_child(self, stack: contextlib.ExitStack) -> Child:
        """Open a child that makes the data while both models are loaded. Raises RoundtripError."""
        child = stack.enter_context(self.handle.worker.open(self._is_stopped))
        self._request_rows(child, "held-out", 0, 0)
        return child

    def _is_stopped(self) -> bool:
        return self._is_data_late.is_set() or self.handle.is_cancelled()

    def _request_rows(self, child: Child, split: str, start: int, count: int) -> Frame:
        request: dict[str, Any] = {"demo": self.run.demo, "settings": self.run.settings, "split": split}
        request |= self.handle.limits | {"cancelled": self._is_stopped}
        return child.request("rows", start=start, count=count, **request)

    def _remaining_chunks(self, child: Child, rows: int) -> Iterator[DataChunk]:
        for split, start in (("held-out", self.reference.rows), ("training", 0), ("validation", 0)):
            total = start + 1
            while start < total:
                frame = self._request_rows(child, split, start, rows)
                total = frame.message["rows"]
                if start < total:
                    inputs, targets = (select_by_prefix(role, frame.arrays) for role in ("input:", "target:"))
                    yield DataChunk(split, start, inputs, targets)
                start += rows

    def _report_progress(self, search: DisagreementSearch) -> None:
        """Report the progress with the best input so far; a cancellation takes effect in the next prediction."""
        if search.best and search.best is not self._stored_best and time.monotonic() - self._stored_at > STORE_SECONDS:
            self._store_best(search.best)
        detail: dict[str, Any] = {"asked": dict(search.evaluated), "changed": dict(search.changed)}
        detail |= {"largest": search.largest, "seconds_left": search.budget.seconds_left}
        if self._stored_best:
            detail["best"] = build_record(self.run, self.reference, search, self._stored_best)
        self.handle.report_progress(search.budget.share_used, _progress_note(search.evaluated), **detail)

    def _store_best(self, best: DisagreeingInput) -> None:
        self._stored_best, self._stored_at = best, time.monotonic()
        self.handle.context.job_store.save_arrays(self.handle.job.id, build_arrays(best))

    def _build_result(
        self, search: DisagreementSearch, best: DisagreeingInput, best_of_data: DisagreeingInput | None
    ) -> DisagreementResult:
        assert best_of_data
        self._store_best(best)
        return {
            "run": self.run.id,
            "found": build_record(self.run, self.reference, search, best),
            "data": build_record(self.run, self.reference, search, best_of_data),
            "asked": search.evaluated,
            "changed": search.changed,
            "largest": search.largest,
            "inputs": self._store_input_set(best),
            "notes": self.notes,
            "seconds": search.budget.seconds_used,
        }

    def _store_input_set(self, disagreement: DisagreeingInput) -> str:
        """Store the input as an input set, for other copies too. Returns its id, "" where not one number differs."""
        if not disagreement.score:
            return ""
        origin: dict[str, Any] = {"search": self.handle.job.id, "a": self.request["a"], "b": self.request["b"]}
        origin |= {"split": disagreement.split, "row": disagreement.row, "steps": disagreement.steps}
        between = " and ".join(participant_labels(self.library, self.ids))
        parted = disagreement.is_changed and not is_tie(disagreement, self._scales)
        label = f"Where {between} {'disagree' if parted else 'come closest to disagreeing'}"
        return self.handle.context.inputs.add_search_result(disagreement.point.inputs, origin, label).id


class _SearchSide:
    """One of the two models, loaded and aligned with the reference; its errors begin with its name."""

    def __init__(self, handle: JobHandle, id_: str, reference: Reference):
        self._name, self._cancelled = participant_name(handle.library, id_), handle.is_cancelled
        with self._errors_with_name():
            source = handle.code_source(id_)
            self._predictor = AlignedPredictor.load(handle.context, id_, source, reference, self._cancelled)

    def predict(self, inputs: Arrays) -> Arrays:
        """Predict all rows in one batch: with equal batches, equal computations round alike."""
        rows = len(next(iter(inputs.values())))
        with self._errors_with_name():
            return self._predictor.predict(inputs, batch=rows, cancelled=self._cancelled)

    @contextlib.contextmanager
    def _errors_with_name(self) -> Iterator[None]:
        try:
            yield
        except Cancelled:
            raise
        except RoundtripError as error:
            error.sentence = f"{capitalize_first(self._name)}: {error.sentence}"
            raise

    def close(self) -> None:
        self._predictor.close()


def _progress_note(evaluated: dict[str, int]) -> str:
    generated = evaluated.get("made", 0)
    data = f"Asked {sum(evaluated.values()) - generated:,} rows of the data"
    return f"{data} and {generated:,} made inputs" if generated else data
