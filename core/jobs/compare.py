"""Job: predict the same inputs with every participant, a chunk at a time, and compare with the baseline."""

import threading
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import cast

import numpy as np

from core.arrays import Arrays, select_rows
from core.compare import (
    ChunkSource,
    Comparison,
    Verdict,
    compare_all,
    compare_streams,
    find_targets,
    std_by_output,
    to_jsonable,
)
from core.compare.comparison import PairJson
from core.context import AppContext
from core.demos import output_image_shape
from core.errors import Gone, InputError, LibraryError, RoundtripError, TooLarge, UnknownName
from core.evidence.element_order import find_reordered, inputs_in_order
from core.evidence.fingerprint_matching import match_fingerprints
from core.evidence.records import Discrimination, verdict_of_error
from core.grading import Grade, GradingScale, grade_outputs
from core.inputs import InputSet
from core.jobs.compare_result import CompareResult, ComparisonMatrix, ComparisonOutcome
from core.jobs.job_handle import JobHandle, SourcedRequest, attempt, map_parallel
from core.jobs.participants import (
    describe_code_source,
    find_call_facts,
    find_silent_losses,
    load_participant,
    map_input_names,
    rename_arrays,
    require_has_been_run,
    resolve_code_sources,
    rows_together,
    run_id_of,
)
from core.jobs.shared_children import may_share_child, use_in_own_child, use_in_shared_child
from core.library.prediction_store import CHUNK_ROWS, PredictionStore, evict_predictions, rows_per_chunk
from core.runtimes.base import BATCH_SIZE, join_remarks
from core.runtimes.reference import Reference
from core.settings import MB
from core.system import describe_machine
from core.versions import installed_versions
from core.worker.child_pool import ChildPool
from core.worker.remote_predictor import RemotePredictor
from core.worker.row_budget import RowCap
from core.worker.tasks.base import InputPair
from core.worker.tasks.predict import LoadReply


class CompareRequest(SourcedRequest):
    """`inputs` is the id of an input set."""

    artifacts: list[str]
    baseline: str
    inputs: str


def build_compare_request(
    context: AppContext,
    artifacts: Iterable[str],
    rows: int | None,
    sources: dict[str, str],
    baseline: str | None,
    inputs: str | None,
) -> CompareRequest:
    """Validate what `Jobs.compare` is given. Raises InputError, UnknownName, and Damaged where test examples are."""
    ids = list(dict.fromkeys(artifacts))
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to compare.")
    if rows is not None and rows < 1:
        raise InputError("At least one row must be compared.", received=rows, cure="Choose 1 row or more.")
    baseline = baseline or run_id_of(context, ids[0])
    require_has_been_run(context.library, [baseline, *ids])  # before rows are looked for
    if inputs:
        input_set = context.inputs.read(inputs)
    else:
        input_set = context.inputs.add_held_out(context.library, run_id_of(context, baseline), rows)
    ids = [id_ for id_ in ids if id_ != baseline]
    if not ids:
        cure = "Choose another copy beside it, or the live model as the baseline."
        raise InputError("A copy cannot be compared with itself.", received=baseline, cure=cure)
    resolved = resolve_code_sources(context.library, [baseline, *ids], sources)
    return {"artifacts": ids, "baseline": baseline, "inputs": input_set.id, "sources": resolved}


def run_compare(handle: JobHandle) -> CompareResult:
    """Predict with the baseline and all artifacts, store the predictions, and compare."""
    evict_predictions(handle.context.job_store, handle.config.answers_mb * MB)
    with ChildPool(handle.worker) as children:
        job = _ComparisonJob(handle, children)
        replies = job.predict_all()
    outcomes = map_parallel(lambda id_: job.compare_artifact(id_, replies[id_]), job.artifacts, handle.config.parallel)
    return {
        "baseline": job.baseline,
        "inputs": job.input_set.id,
        "rows": job.input_set.rows,
        "outcomes": {id_: outcome.model_dump(mode="json") for id_, outcome in outcomes.items()},
        "matrix": job.compare_all_pairs({id_: each for id_, each in outcomes.items() if each.has_predictions}),
        "machine": describe_machine(),
        "versions": installed_versions(),
    }


class _ComparisonJob:
    """One comparison under way: who predicts what, and the predictions so far."""

    def __init__(self, handle: JobHandle, children: ChildPool):
        self.handle, self.library, self._children = handle, handle.library, children
        request = cast(CompareRequest, handle.request)
        self.baseline, self.artifacts = request["baseline"], request["artifacts"]
        self.participants = list(dict.fromkeys([self.baseline, *self.artifacts]))
        self.input_set: InputSet = handle.context.inputs.read(request["inputs"])
        self._is_held_out = self.input_set.origin["kind"] == "held-out"
        # Read now: what is removed meanwhile stops its own row, and nothing else.
        self.runs = {id_: self.library.run(run_id_of(handle.context, id_)) for id_ in self.participants}
        self.run, self._batch = self.runs[self.baseline], rows_together(self.runs.values())
        self.predictions: PredictionStore = handle.context.predictions(handle.job.id)
        self._references: dict[str, Reference] = {}
        self._reference_lock = threading.Lock()
        self._chunk_rows = rows_per_chunk(self._row_bytes())
        self._rows_done: dict[str, int] = {}
        self._batches: dict[str, int] = {}  # of those that were asked fewer rows at a time
        self._output_names: dict[str, dict[str, str]] = {}  # by artifact the baseline's name of each of its outputs
        # In the baseline's order; where its predictions are stored, whether that counts is for the copies to say.
        self._baseline_inputs = [spec["name"] for spec in self.run.inputs]
        self._baseline_lists = ["inputs", "outputs"]

    def _row_bytes(self) -> float:
        """Bytes of a row of inputs, or of the run's predictions where those are more."""
        files = (file.bytes for file in self.input_set.files if file.path.startswith("input-"))
        inputs = sum(files) / self.input_set.rows
        try:
            known = self._reference(self.run.id)
        except LibraryError:  # of a damaged run new inputs can still be predicted
            return inputs
        return max(inputs, sum(array.nbytes for array in known.predictions.values()) / known.rows)

    def _reference(self, run_id: str) -> Reference:
        """Read a run's reference once: a large one takes long to be verified and unpacked."""
        with self._reference_lock:
            if run_id not in self._references:
                self._references[run_id] = self.library.reference(run_id)
            return self._references[run_id]

    def predict_all(self) -> dict[str, LoadReply | RoundtripError]:
        """What is known of each participant's load, or why it did not predict.

        Raises what stopped the baseline, and Cancelled.
        """
        missing = list(self.participants)
        if self._is_held_out and self.input_set.origin["run"] == self.baseline:  # stored at the end of its training
            missing.remove(self.baseline)
            stored = self._reference(self.run.id).predictions
            self.predictions.write_chunk(self.baseline, 0, select_rows(stored, self._row_index))
        replies = map_parallel(self._try_predict, missing, self.handle.config.parallel)
        reply = replies.get(self.baseline)
        if isinstance(reply, RoundtripError):
            raise reply
        if reply:
            self._baseline_inputs, self._baseline_lists = inputs_in_order(reply), reply["lists"]
        return replies

    @property
    def _row_index(self) -> list[int]:
        """The rows of the reference that a set of test examples consists of."""
        index: list[int] = self.input_set.origin["index"]
        return index

    def _try_predict(self, id_: str) -> LoadReply | RoundtripError:
        reply = attempt(partial(self._predict, id_))
        return self._find_removal(id_) or reply if isinstance(reply, RoundtripError) else reply

    def _find_removal(self, id_: str) -> Gone | None:
        """That an artifact is not there any more, where it is not: then that is why it did not predict."""
        try:
            self.library.folder(id_)
        except UnknownName:
            cure = "Restore it from the trash, then compare again."
            return Gone("It was removed while it was compared.", received=id_, cure=cure)
        return None

    def _predict(self, id_: str) -> LoadReply:
        """Load a participant, and store its predictions of all inputs, chunk by chunk."""
        context, cancelled, source = self.handle.context, self.handle.is_cancelled, self.handle.code_source(id_)
        names = map_input_names(self.library, id_, [column["name"] for column in self.input_set.columns])
        row = rename_arrays(context.inputs.read_rows(self.input_set.id, slice(0, 1)), names)
        cap = RowCap(self._batch)
        load = partial(load_participant, context, id_, source, row, cancelled, variables=True)
        use = partial(self._store_predictions, id_, names, cap)
        while True:
            cap.asked = 0
            try:
                if may_share_child(self.library, run := self.runs[id_], id_, source):
                    reply = use_in_shared_child(self._children, run.id, load, use, cancelled)
                else:
                    reply = use_in_own_child(load, use)
                break
            except TooLarge:
                if not cap.halve():
                    raise
        if cap.rows < self._batch:
            self._batches[id_] = cap.rows
            reply["remark"] += f" It was asked {cap.rows} rows at a time, as there was no memory for {self._batch}."
        if names:
            reply["input_pairs"] = cast(list[InputPair], self.library.evidence(id_).best.input_pairs)
        return reply

    def _store_predictions(self, id_: str, names: dict[str, str], cap: RowCap, predictor: RemotePredictor) -> None:
        cap.asked = cap.rows
        chunks = (rename_arrays(chunk, names) for chunk in self._input_chunks())
        predicted = predictor.predict_chunks(chunks, batch=cap.rows, cancelled=self.handle.is_cancelled)
        for (first, selected), predictions in zip(self._selected_rows(), predicted, strict=True):
            self.predictions.write_chunk(id_, first, select_rows(predictions, selected))
            self._report_progress(id_, first + len(selected))

    def _input_chunks(self) -> Iterator[Arrays]:
        """Yield inputs that are predicted together; of test examples the whole batches of the reference, since equal
        batches give equal bits."""
        if not self._is_held_out:
            yield from self.handle.context.inputs.iter_chunks(self.input_set.id, self._chunk_rows)
            return
        inputs = self._reference(self.input_set.origin["run"]).head_in_whole_batches(max(self._row_index) + 1).inputs
        for start in sorted({row // self._chunk_rows * self._chunk_rows for row in self._row_index}):
            yield select_rows(inputs, slice(start, start + self._chunk_rows))

    def _selected_rows(self) -> Iterator[tuple[int, np.ndarray]]:
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

    def compare_artifact(self, id_: str, reply: LoadReply | RoundtripError) -> ComparisonOutcome:
        """Compare an artifact's predictions with the baseline's, and store how far each row is."""
        if isinstance(reply, RoundtripError):
            return self._failed_outcome(id_, reply)
        try:
            comparison, reordered = self._compare_with_baseline(id_, reply)
        except InputError as error:
            return self._failed_outcome(id_, error)
        return ComparisonOutcome(
            **comparison.to_json(),
            reordered=reordered,
            load_seconds=reply["load_seconds"],
            loaded_warm=reply["loaded_warm"],
            first_seconds=reply["first_seconds"],
            weights=match_fingerprints(self.library.original(self.runs[id_]).weights, reply["weights"]),
            inputs=reply["inputs"],
            input_pairs=reply["input_pairs"],
            remark=join_remarks(reply["remark"], *find_silent_losses(self.library, id_)),
            discrimination=self._discrimination,
            grade=self._grade(id_, comparison),
            source=self._describe_source(id_),
            batch=self._batches.get(id_, self._batch),
            **find_call_facts(self.library, id_),
        )

    def _describe_source(self, id_: str) -> str:
        return describe_code_source(self.library, id_, self.handle.code_source(id_))

    @cached_property
    def _discrimination(self) -> Discrimination:
        """How far the baseline's answers to the first rows are apart."""
        rows = min(self.input_set.rows, BATCH_SIZE)
        return Discrimination.measure(self.predictions.read_first_rows(self.baseline, rows))

    def _compare_with_baseline(self, id_: str, reply: LoadReply) -> tuple[Comparison, dict[str, list[str]]]:
        """The comparison, and what stands in another order than in the baseline."""
        reference, predicted = self.predictions.output_sources(self.baseline), self.predictions.output_sources(id_)
        targets, classes = self._output_targets(list(reference)), bool(self.run.labels) or None
        comparison = compare_streams(reference, predicted, classes, targets, reference_std=self._output_spreads)
        self.predictions.write_row_distances(id_, comparison.changed, comparison.distance)
        self._output_names[id_] = {pair.answer: pair.reference for pair in comparison.pairs}
        facts = {**reply, "lists": [side for side in reply["lists"] if side in self._baseline_lists]}
        return comparison, find_reordered(self._baseline_inputs, list(reference), facts, list(predicted), comparison)

    def _grade(self, id_: str, comparison: Comparison) -> Grade | None:
        reference, predicted = map(self.predictions.output_sources, (self.baseline, id_))
        shape = output_image_shape(self.run.demo, self.run.settings)
        scale = GradingScale(bool(self.run.labels) or None, self._output_spreads, shape)
        return grade_outputs(reference, predicted, comparison, scale)

    @cached_property
    def _output_spreads(self) -> dict[str, float]:
        """How far the run's known predictions spread, by output of the baseline: one row alone does not tell."""
        try:
            spreads = std_by_output(self._reference(self.run.id).predictions)
        except LibraryError:  # as above; then the predicted rows must tell
            return {}
        if self.baseline == self.run.id:
            return spreads
        pairs = self.library.evidence(self.baseline).best.pairs
        return {pair["answer"]: spreads[pair["reference"]] for pair in pairs if pair["reference"] in spreads}

    def _output_targets(self, outputs: list[str]) -> dict[str, ChunkSource]:
        """The targets of each output, where they are known."""
        targets = self.handle.context.inputs.read_targets(self.input_set.id)
        by_output = {name: find_targets(name, outputs, targets) for name in outputs}
        return {name: partial(_split_chunks, array) for name, array in by_output.items() if array is not None}

    def _failed_outcome(self, id_: str, error: RoundtripError) -> ComparisonOutcome:
        """Tell what cannot be compared from what does not load; either says with which versions it was saved."""
        record, is_gone = error.to_json(), self._find_removal(id_) is not None
        if id_.startswith("a") and not is_gone and (versions := self.library.artifact(id_).version_changes):
            record["sentence"] += f" {versions}"
        is_misfit = isinstance(error, InputError) and not isinstance(error, UnknownName)
        verdict = Verdict.NOT_COMPARABLE if is_misfit else verdict_of_error(error)
        return ComparisonOutcome(verdict=verdict, error=record, source="" if is_gone else self._describe_source(id_))

    def compare_all_pairs(self, outcomes: dict[str, ComparisonOutcome]) -> ComparisonMatrix:
        """Compare all with all, of which the artifacts with the baseline are compared already."""
        rows, first_rows = len(next(self._selected_rows())[1]), {}
        for id_ in outcomes:
            names, arrays = self._output_names[id_], self.predictions.read_first_rows(id_, rows)
            first_rows[id_] = {names[name]: array for name, array in arrays.items() if name in names}
        cells = [self._baseline_cell(id_, outcome) for id_, outcome in outcomes.items()]
        cells += compare_all(first_rows, bool(self.run.labels) or None, self._output_spreads)
        return {"ids": [self.baseline, *outcomes], "rows": self.input_set.rows, "cells": cells}

    def _baseline_cell(self, id_: str, outcome: ComparisonOutcome) -> PairJson:
        return {
            "a": self.baseline,
            "b": id_,
            "verdict": outcome.verdict.value,
            "max_abs": to_jsonable(outcome.max_abs),
            "changed_rows": outcome.changed_rows,
            "rows": outcome.rows,
            "error": outcome.error,
        }


def _split_chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[start : start + CHUNK_ROWS] for start in range(0, len(array), CHUNK_ROWS))
