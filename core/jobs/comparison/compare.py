"""Job: predict the same inputs with every participant, a chunk at a time, and compare with the baseline."""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import NotRequired

import numpy as np

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
from core.environments.judge import decide_verdict_of_failure
from core.errors import InputError, LibraryError, RoundtripError, UnknownName
from core.evidence.element_order import find_reordered
from core.evidence.fingerprint_matching import match_fingerprints
from core.evidence.records import Discrimination, verdict_of_error
from core.grading import Grade, GradingScale, grade_outputs
from core.jobs.comparison.compare_result import CompareResult, ComparisonMatrix, ComparisonOutcome
from core.jobs.comparison.comparison_predictions import ComparisonPredictions
from core.jobs.execution.job_handle import JobHandle, SourcedRequest, map_parallel
from core.jobs.participants import (
    describe_code_source,
    find_call_facts,
    find_silent_losses,
    require_has_been_run,
    resolve_code_sources,
    run_id_of,
)
from core.jobs.places.known_places import find_places
from core.jobs.places.place import entry_of, place_of
from core.library.prediction_store import CHUNK_ROWS, evict_predictions
from core.runtimes.base import BATCH_SIZE, join_remarks
from core.settings import MB
from core.system import describe_machine
from core.versions import installed_versions
from core.worker.child_pool import ChildPool
from core.worker.tasks.predict import LoadReply


class CompareRequest(SourcedRequest):
    """`inputs` is the id of an input set.

    `artifacts` and `baseline` are participants (see `core.jobs.places.place`); `places` has the identity of the place
    of each that is at one.
    """

    artifacts: list[str]
    baseline: str
    inputs: str
    places: NotRequired[dict[str, str]]


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
    require_has_been_run(context.library, map(entry_of, [baseline, *ids]))  # before rows are looked for
    places = find_places(context, [baseline, *ids])
    if inputs:
        input_set = context.inputs.read(inputs)
    else:
        input_set = context.inputs.add_held_out(context.library, run_id_of(context, baseline), rows)
    ids = [id_ for id_ in ids if id_ != baseline]
    if not ids:
        cure = "Choose another copy beside it, or the live model as the baseline."
        raise InputError("A copy cannot be compared with itself.", received=baseline, cure=cure)
    here = [id_ for id_ in (baseline, *ids) if not place_of(id_)]  # elsewhere a kit brings the code
    resolved = resolve_code_sources(context.library, here, sources)
    request: CompareRequest = {"artifacts": ids, "baseline": baseline, "inputs": input_set.id, "sources": resolved}
    return {**request, "places": places} if places else request


def run_compare(handle: JobHandle) -> CompareResult:
    """Predict with the baseline and all artifacts, store the predictions, and compare."""
    evict_predictions(handle.context.job_store, handle.config.answers_mb * MB)
    with ChildPool(handle.worker) as children:
        asked = ComparisonPredictions(handle, handle.request, children)
        replies = asked.predict_all()
    job = _ComparisonJob(handle, asked)
    outcomes = map_parallel(
        lambda id_: job.compare_artifact(id_, replies[id_]), asked.artifacts, handle.config.parallel
    )
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
    """One comparison whose predictions are there."""

    def __init__(self, handle: JobHandle, asked: ComparisonPredictions):
        self.handle, self.library, self._asked, self._store = handle, handle.library, asked, asked.store
        self.baseline, self.run, self.input_set = asked.baseline, asked.run, asked.input_set
        self._output_names: dict[str, dict[str, str]] = {}  # by artifact the baseline's name of each of its outputs

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
            first_seconds=reply.get("first_seconds"),
            weights=match_fingerprints(self.library.original(self._asked.runs[id_]).weights, reply["weights"]),
            inputs=reply["inputs"],
            input_pairs=reply["input_pairs"],
            remark=join_remarks(reply["remark"], *find_silent_losses(self.library, id_)),
            place=self._asked.places.get(id_),
            discrimination=self._discrimination,
            grade=self._grade(id_, comparison),
            source=self._describe_source(id_),
            batch=self._asked.batches.get(id_, self._asked.batch),
            **find_call_facts(self.library, id_),
        )

    def _describe_source(self, id_: str) -> str:
        return describe_code_source(self.library, id_, self.handle.code_source(id_))

    @cached_property
    def _discrimination(self) -> Discrimination:
        """How far the baseline's answers to the first rows are apart."""
        rows = min(self.input_set.rows, BATCH_SIZE)
        return Discrimination.measure(self._store.read_first_rows(self.baseline, rows))

    def _compare_with_baseline(self, id_: str, reply: LoadReply) -> tuple[Comparison, dict[str, list[str]]]:
        """The comparison, and what stands in another order than in the baseline."""
        reference, predicted = self._store.output_sources(self.baseline), self._store.output_sources(id_)
        targets, classes = self._output_targets(list(reference)), bool(self.run.labels) or None
        comparison = compare_streams(reference, predicted, classes, targets, reference_std=self._output_spreads)
        self._store.write_row_distances(id_, comparison.changed, comparison.distance)
        self._output_names[id_] = {pair.answer: pair.reference for pair in comparison.pairs}
        facts = {**reply, "lists": [side for side in reply["lists"] if side in self._asked.baseline_lists]}
        return comparison, find_reordered(
            self._asked.baseline_inputs, list(reference), facts, list(predicted), comparison
        )

    def _grade(self, id_: str, comparison: Comparison) -> Grade | None:
        reference, predicted = map(self._store.output_sources, (self.baseline, id_))
        shape = output_image_shape(self.run.demo, self.run.settings)
        scale = GradingScale(bool(self.run.labels) or None, self._output_spreads, shape)
        return grade_outputs(reference, predicted, comparison, scale)

    @cached_property
    def _output_spreads(self) -> dict[str, float]:
        """How far the run's known predictions spread, by output of the baseline: one row alone does not tell."""
        try:
            spreads = std_by_output(self._asked.reference(self.run.id).predictions)
        except LibraryError:  # as above; then the predicted rows must tell
            return {}
        if self.baseline == self.run.id:
            return spreads
        pairs = self.library.evidence(entry_of(self.baseline)).best.pairs
        return {pair["answer"]: spreads[pair["reference"]] for pair in pairs if pair["reference"] in spreads}

    def _output_targets(self, outputs: list[str]) -> dict[str, ChunkSource]:
        """The targets of each output, where they are known."""
        targets = self.handle.context.inputs.read_targets(self.input_set.id)
        by_output = {name: find_targets(name, outputs, targets) for name in outputs}
        return {name: partial(_split_chunks, array) for name, array in by_output.items() if array is not None}

    def _failed_outcome(self, id_: str, error: RoundtripError) -> ComparisonOutcome:
        """Tell what cannot be compared from what does not load; either says with which versions it was saved."""
        record, is_gone = error.to_json(), self._asked.find_removal(id_) is not None
        if place_of(id_):
            verdict, place = decide_verdict_of_failure(error), self._asked.places.get(id_)
            return ComparisonOutcome(verdict=verdict, error=record, place=place)
        if id_.startswith("a") and not is_gone and (versions := self.library.artifact(id_).version_changes):
            record["sentence"] += f" {versions}"
        is_misfit = isinstance(error, InputError) and not isinstance(error, UnknownName)
        verdict = Verdict.NOT_COMPARABLE if is_misfit else verdict_of_error(error)
        return ComparisonOutcome(verdict=verdict, error=record, source="" if is_gone else self._describe_source(id_))

    def compare_all_pairs(self, outcomes: dict[str, ComparisonOutcome]) -> ComparisonMatrix:
        """Compare all with all, of which the artifacts with the baseline are compared already."""
        rows, first_rows = len(next(self._asked.selected_rows())[1]), {}
        for id_ in outcomes:
            names, arrays = self._output_names[id_], self._store.read_first_rows(id_, rows)
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
