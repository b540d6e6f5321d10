"""The predictions of a comparison under way: each participant is loaded where it belongs, and asked chunk by chunk."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import numpy as np

from core.arrays import Arrays, select_rows
from core.errors import Gone, LibraryError, RoundtripError, TooLarge, UnknownName
from core.evidence.element_order import inputs_in_order
from core.inputs import InputSet
from core.jobs.comparison.shared_children import may_share_child, use_in_own_child, use_in_shared_child
from core.jobs.execution.job_handle import JobHandle, attempt, map_parallel
from core.jobs.participants import (
    load_participant,
    map_input_names,
    rename_arrays,
    rows_together,
    run_id_of,
)
from core.jobs.places.known_places import get_place
from core.jobs.places.place import PlacedCopy, PlaceFacts, entry_of, place_of, rows_at_once
from core.library.prediction_store import PredictionStore, rows_per_chunk
from core.runtimes.reference import Reference
from core.settings import MB
from core.worker.child_pool import ChildPool
from core.worker.remote_predictor import RemotePredictor, RowCap
from core.worker.tasks.base import InputPair
from core.worker.tasks.predict import LoadReply

Reply = LoadReply | RoundtripError  # what is known of a participant's load, or why it did not predict


class ComparisonPredictions:
    """Who predicts what in a comparison, and the predictions so far.

    Attributes:
        runs: The run of each participant, `run` that of the baseline.
        batch: Rows that are computed together; `batches` of those that were asked other numbers.
        places: Where those predicted that are not here.
        baseline_inputs, baseline_lists: The inputs in the baseline's order, and whether its order counts.
    """

    def __init__(self, handle: JobHandle, request: Mapping[str, Any], children: ChildPool):
        self.handle, self.library, self._children = handle, handle.library, children
        self.baseline, self.artifacts = request["baseline"], request["artifacts"]
        self.participants = list(dict.fromkeys([self.baseline, *self.artifacts]))
        self.input_set: InputSet = handle.context.inputs.read(request["inputs"])
        self._is_held_out = self.input_set.origin["kind"] == "held-out"
        # Read now: what is removed meanwhile stops its own row, and nothing else.
        self.runs = {id_: self.library.run(run_id_of(handle.context, id_)) for id_ in self.participants}
        self.run, self.batch = self.runs[self.baseline], rows_together(self.runs.values())
        self.store: PredictionStore = handle.context.predictions(handle.job.id)
        self._references: dict[str, Reference] = {}
        self._reference_lock = threading.Lock()
        self._chunk_rows = rows_per_chunk(self._row_bytes(), handle.config.reply_mb * MB)
        self._rows_done: dict[str, int] = {}
        self.batches: dict[str, int] = {}
        self.places: dict[str, PlaceFacts] = {}
        # Where its predictions are stored, whether its order counts is for the copies to say.
        self.baseline_inputs = [spec["name"] for spec in self.run.inputs]
        self.baseline_lists = ["inputs", "outputs"]

    def _row_bytes(self) -> float:
        """Bytes of a row of inputs, or of the run's predictions where those are more."""
        files = (file.bytes for file in self.input_set.files if file.path.startswith("input-"))
        inputs = sum(files) / self.input_set.rows
        try:
            known = self.reference(self.run.id)
        except LibraryError:  # of a damaged run new inputs can still be predicted
            return inputs
        return max(inputs, sum(array.nbytes for array in known.predictions.values()) / known.rows)

    def reference(self, run_id: str) -> Reference:
        """Read a run's reference once: a large one takes long to be verified and unpacked."""
        with self._reference_lock:
            if run_id not in self._references:
                self._references[run_id] = self.library.reference(run_id)
            return self._references[run_id]

    def predict_all(self) -> dict[str, Reply]:
        """What is known of each participant's load, or why it did not predict.

        Raises what stopped the baseline, and Cancelled.
        """
        missing = list(self.participants)
        if self._is_held_out and self.input_set.origin["run"] == self.baseline:  # stored at the end of its training
            missing.remove(self.baseline)
            stored = self.reference(self.run.id).predictions
            self.store.write_chunk(self.baseline, 0, select_rows(stored, self._row_index))
        replies = map_parallel(self._try_predict, missing, self.handle.config.parallel)
        reply = replies.get(self.baseline)
        if isinstance(reply, RoundtripError):
            raise reply
        if reply:
            self.baseline_inputs, self.baseline_lists = inputs_in_order(reply), reply["lists"]
        return replies

    @property
    def _row_index(self) -> list[int]:
        """The rows of the reference that a set of test examples consists of."""
        index: list[int] = self.input_set.origin["index"]
        return index

    def _try_predict(self, id_: str) -> Reply:
        reply = attempt(partial(self._predict, id_))
        return self.find_removal(id_) or reply if isinstance(reply, RoundtripError) else reply

    def find_removal(self, id_: str) -> Gone | None:
        """That an artifact is not there any more, where it is not: then that is why it did not predict."""
        try:
            self.library.folder(entry_of(id_))
        except UnknownName:
            cure = "Restore it from the trash, then compare again."
            return Gone("It was removed while it was compared.", received=id_, cure=cure)
        return None

    def _predict(self, id_: str) -> LoadReply:
        """Load a participant, and store its predictions of all inputs, chunk by chunk."""
        return self._predict_at_place(id_) if place_of(id_) else self._predict_here(id_)

    def _predict_here(self, id_: str) -> LoadReply:
        context, cancelled, source = self.handle.context, self.handle.is_cancelled, self.handle.code_source(id_)
        names = map_input_names(self.library, id_, [column["name"] for column in self.input_set.columns])
        row = rename_arrays(context.inputs.read_rows(self.input_set.id, slice(0, 1)), names)
        load = partial(load_participant, context, id_, source, row, cancelled, variables=True)

        def ask(cap: RowCap) -> LoadReply:
            use = partial(self._ask_child, id_, names, cap)
            if may_share_child(self.library, run := self.runs[id_], id_, source):
                return use_in_shared_child(self._children, run.id, load, use, cancelled)
            return use_in_own_child(load, use)

        reply = self._ask_within_memory(id_, self.batch, ask)
        if names:
            reply["input_pairs"] = cast(list[InputPair], self.library.evidence(id_).best.input_pairs)
        return reply

    def _ask_within_memory(self, id_: str, batch: int, ask: Callable[[RowCap], LoadReply]) -> LoadReply:
        """Ask so many rows together, and fewer where there is no memory for them."""
        cap = RowCap(batch)
        while True:
            cap.asked = 0
            try:
                reply = ask(cap)
                break
            except TooLarge:
                if not cap.halve():
                    raise
        if cap.rows < self.batch:
            self.batches[id_] = cap.rows
        if cap.rows < batch:
            reply["remark"] += f" It was asked {cap.rows} rows at a time, as there was no memory for {batch}."
        return reply

    def _ask_child(self, id_: str, names: dict[str, str], cap: RowCap, predictor: RemotePredictor) -> None:
        cap.asked = cap.rows
        chunks = (rename_arrays(chunk, names) for chunk in self._input_chunks())
        self._keep(id_, predictor.predict_chunks(chunks, batch=cap.rows, cancelled=self.handle.is_cancelled))

    def _predict_at_place(self, id_: str) -> LoadReply:
        place, copy_id = get_place(place_of(id_)), entry_of(id_)
        outcome, is_cancelled = self.library.evidence(copy_id).best, self.handle.is_cancelled
        batch = rows_at_once(self.runs[id_], outcome.call_rows)
        self.places[id_] = PlaceFacts(key=place.key, label=place.label)  # more is not known where it fails
        with place.open(self.handle.context, copy_id, self._report_building, is_cancelled) as copy:
            self.places[id_] = copy.load.place
            reply = self._ask_within_memory(id_, min(batch, self.batch), partial(self._ask_placed, id_, copy))
            self.places[id_] = copy.load.place
        pairs = [pair for pair in outcome.input_pairs if pair["by"] != "name"]
        return {**reply, "input_pairs": cast(list[InputPair], pairs)}

    def _ask_placed(self, id_: str, copy: PlacedCopy, cap: RowCap) -> LoadReply:
        cap.asked = cap.rows
        with contextlib.closing(copy.predict_chunks(self._input_chunks(), cap.rows, self.handle.is_cancelled)) as given:
            self._keep(id_, given)
        load = copy.load
        return {  # what kits do not tell is left open
            "load_seconds": load.load_seconds or 0.0,
            "loaded_warm": load.loaded_warm,
            "remark": " ".join(load.place.notes),
            "inputs": [],
            "input_pairs": [],
            "weights": None,
            "lists": [],
        }

    def _report_building(self, share: float, note: str) -> None:
        self.handle.report_progress(note=note)

    def _keep(self, id_: str, predicted: Iterable[Arrays]) -> None:
        """Store predictions as they come."""
        for (first, selected), predictions in zip(self.selected_rows(), predicted, strict=True):
            self.store.write_chunk(id_, first, select_rows(predictions, selected))
            self._report_progress(id_, first + len(selected))

    def _input_chunks(self) -> Iterator[Arrays]:
        """Yield inputs that are predicted together; of test examples the whole batches of the reference, since equal
        batches give equal bits."""
        if not self._is_held_out:
            yield from self.handle.context.inputs.iter_chunks(self.input_set.id, self._chunk_rows)
            return
        inputs = self.reference(self.input_set.origin["run"]).head_in_whole_batches(max(self._row_index) + 1).inputs
        for start in sorted({row // self._chunk_rows * self._chunk_rows for row in self._row_index}):
            yield select_rows(inputs, slice(start, start + self._chunk_rows))

    def selected_rows(self) -> Iterator[tuple[int, np.ndarray]]:
        """For each chunk the first of its rows that is meant, counted among those, and which rows of it are."""
        index = np.array(self._row_index) if self._is_held_out else np.arange(self.input_set.rows)
        firsts = np.flatnonzero(np.diff(index // self._chunk_rows, prepend=-1))
        for first, rows in zip(firsts, np.split(index, firsts[1:]), strict=True):
            yield int(first), rows % self._chunk_rows

    def _report_progress(self, id_: str, rows: int) -> None:
        self._rows_done[id_] = min(rows, self.input_set.rows)
        share = sum(self._rows_done.values()) / (self.input_set.rows * len(self.participants))
        done = sum(rows == self.input_set.rows for rows in self._rows_done.values())
        self.handle.report_progress(0.95 * share, f"{done} of {len(self.artifacts)} have answered")
