"""The work of a comparing job: everybody is asked the same inputs, a chunk at a time, and held against the baseline."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from core.arrays import Arrays
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
from core.context import AppContext
from core.errors import (
    Cancelled,
    Gone,
    InputError,
    LibraryError,
    RoundtripError,
    UnknownName,
    WorkerError,
    is_transient,
)
from core.evidence import ReloadOutcome, match_by_hash
from core.explain import translate
from core.inputs import InputSet
from core.jobs.participants import (
    load_participant,
    map_input_names,
    rename_arrays,
    require_has_been_run,
    resolve_code_sources,
    run_id_of,
)
from core.jobs.runner import JobHandle
from core.library.prediction_store import CHUNK_ROWS, PredictionStore, evict_predictions, rows_per_chunk
from core.record import installed_versions
from core.runtimes.reference import Reference
from core.system import describe_machine


class ComparisonOutcome(ReloadOutcome):
    """An outcome of a comparison: also every number by output, and what should be known of how the copy answers."""

    outputs: list[dict[str, Any]] = []
    remark: str = ""

    @property
    def has_predictions(self) -> bool:
        """Whether there are answers to look at."""
        return self.error is None

    @property
    def is_transient(self) -> bool:
        """Whether it was stopped by what need not be the copy's fault, and may not happen again."""
        return is_transient(self.error)


def build_compare_request(
    context: AppContext,
    artifacts: Iterable[str],
    rows: int | None,
    sources: dict[str, str],
    baseline: str | None,
    inputs: str | None,
) -> dict[str, Any]:
    """What a comparison is asked. Raises InputError, UnknownName, and Damaged where held-out rows are."""
    ids = list(dict.fromkeys(artifacts))
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to compare.")
    if rows is not None and rows < 1:
        raise InputError("At least one row must be compared.", received=rows, cure="Choose 1 row or more.")
    baseline = baseline or run_id_of(context, ids[0])
    require_has_been_run(context.library, [baseline, *ids])  # before anybody looks for rows to ask
    asked = (
        context.inputs.read(inputs)
        if inputs
        else context.inputs.add_held_out(context.library, run_id_of(context, baseline), rows)
    )
    ids = [id_ for id_ in ids if id_ != baseline]
    if not ids:
        raise InputError(
            "A copy cannot be held against itself.",
            received=baseline,
            cure="Choose another copy beside it, or the live model as the baseline.",
        )
    resolved = resolve_code_sources(context.library, [baseline, *ids], sources)
    return {"artifacts": ids, "baseline": baseline, "inputs": asked.id, "sources": resolved}


def run_compare(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Ask the baseline and all artifacts; gives `{"baseline", "inputs", "rows", "outcomes": {id: Compared}, "matrix",
    "machine", "versions"}`.

    Answers are kept beside the job (see `Jobs.answers`), by whoever gave them.
    """
    evict_predictions(context.job_store, context.config.answers_mib * 2**20)
    comparison = _ComparisonJob(context, handle)
    facts = comparison.predict_all()
    artifacts = handle.job.request["artifacts"]
    with ThreadPoolExecutor(max_workers=context.config.parallel) as pool:
        judged = pool.map(lambda id_: comparison.compare_artifact(id_, facts[id_]), artifacts)
        outcomes = dict(zip(artifacts, judged, strict=True))
    return {
        "baseline": comparison.baseline,
        "inputs": comparison.input_set.id,
        "rows": comparison.input_set.rows,
        "outcomes": {id_: outcome.model_dump(mode="json") for id_, outcome in outcomes.items()},
        "matrix": comparison.compare_all_pairs(
            {id_: outcome for id_, outcome in outcomes.items() if outcome.has_predictions}
        ),
        "machine": describe_machine(),
        "versions": installed_versions(),
    }


class _ComparisonJob:
    """One comparison under way: who is asked what, and the answers so far."""

    def __init__(self, context: AppContext, handle: JobHandle):
        self.context, self.handle = context, handle
        request = handle.job.request
        self.baseline, self.artifacts = request["baseline"], request["artifacts"]
        self.input_set: InputSet = context.inputs.read(request["inputs"])
        # Read now: what is removed meanwhile stops its own row, and nothing else.
        self.runs = {one: context.library.run(run_id_of(context, one)) for one in (self.baseline, *self.artifacts)}
        self.run = self.runs[self.baseline]
        self.predictions: PredictionStore = context.predictions(handle.job.id)
        self._references: dict[str, Reference] = {}
        self._reference_lock = threading.Lock()
        self._chunk_rows = rows_per_chunk(self._row_bytes())
        self._rows_done: dict[str, int] = {}
        self._output_names: dict[str, dict[str, str]] = {}

    def _row_bytes(self) -> float:
        """How many bytes a row of inputs has, or of the run's answers where those are more."""
        inputs = sum(one.bytes for one in self.input_set.files if one.path.startswith("input-")) / self.input_set.rows
        try:
            known = self._reference(self.run.id)
        except LibraryError:  # of a damaged run new inputs can still be asked
            return inputs
        return max(inputs, sum(array.nbytes for array in known.predictions.values()) / known.rows)

    def predict_all(self) -> dict[str, dict[str, Any] | RoundtripError]:
        """The facts of everybody's reload, or why there are none. Raises what stopped the baseline, and Cancelled."""
        asked = list(dict.fromkeys([self.baseline, *self.artifacts]))
        if self._has_stored_predictions():
            asked.remove(self.baseline)
            kept = self._reference(self.run.id).predictions
            self.predictions.write_chunk(
                self.baseline, 0, {name: array[self._row_index] for name, array in kept.items()}
            )
        with ThreadPoolExecutor(max_workers=self.context.config.parallel) as pool:
            facts = dict(zip(asked, pool.map(self._predict, asked), strict=True))
        if isinstance(facts.get(self.baseline), RoundtripError):
            raise facts[self.baseline]
        return facts

    @property
    def _row_index(self) -> list[int]:
        """Which rows of the reference are meant, where held-out rows are asked."""
        return self.input_set.origin["index"]

    def _has_stored_predictions(self) -> bool:
        """Whether the live model's answers to these inputs were kept at the end of its training."""
        return self._is_held_out and self.input_set.origin["run"] == self.baseline

    def _reference(self, run_id: str) -> Reference:
        """Read once: a large one takes long to be held against its hash and unpacked."""
        with self._reference_lock:
            if run_id not in self._references:
                self._references[run_id] = self.context.library.reference(run_id)
            return self._references[run_id]

    def _predict(self, id_: str) -> dict[str, Any] | RoundtripError:
        try:
            return self._predict_in_chunks(id_)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  what stops one artifact is its own row's result; the others go on
            return self._find_removal(id_) or translate(error, WorkerError)

    def _find_removal(self, id_: str) -> Gone | None:
        """That a copy is not there any more, where it is not: then that is why it did not answer."""
        try:
            self.context.library.folder(id_)
        except UnknownName:
            cure = "Restore it from the trash, then compare again."
            return Gone("It was removed while it was compared.", received=id_, cure=cure)
        return None

    def _predict_in_chunks(self, id_: str) -> dict[str, Any]:
        source = self.handle.job.request["sources"].get(id_, "none")
        names = map_input_names(self.context.library, id_, [one["name"] for one in self.input_set.columns])
        row = rename_arrays(self.context.inputs.read_rows(self.input_set.id, slice(0, 1)), names)
        cancelled = self.handle.is_cancelled
        with load_participant(self.context, id_, source, row, cancelled, variables=True) as loaded:
            asked = (rename_arrays(chunk, names) for chunk in self._input_chunks())
            given = loaded.predict_chunks(asked, cancelled=cancelled)
            for (first, chosen), answers in zip(self._selected_rows(), given, strict=True):
                self.predictions.write_chunk(id_, first, {name: array[chosen] for name, array in answers.items()})
                self._report_progress(id_, first + len(chosen))
        pairs = self.context.library.evidence(id_).best.input_pairs if names else loaded.facts["input_pairs"]
        return loaded.facts | {"input_pairs": pairs}

    def _input_chunks(self) -> Iterator[Arrays]:
        """What is asked together. Of held-out rows whole batches are asked, as the live model was: the same computation
        gives the same bits."""
        if not self._is_held_out:
            yield from self.context.inputs.iter_chunks(self.input_set.id, self._chunk_rows)
            return
        inputs = self._reference(self.input_set.origin["run"]).head_in_whole_batches(max(self._row_index) + 1).inputs
        for start in sorted({row // self._chunk_rows * self._chunk_rows for row in self._row_index}):
            yield {name: array[start : start + self._chunk_rows] for name, array in inputs.items()}

    def _selected_rows(self) -> Iterator[tuple[int, np.ndarray]]:
        """For each chunk the first of its rows that is meant, counted among those, and which rows of it are."""
        index = np.array(self._row_index) if self._is_held_out else np.arange(self.input_set.rows)
        firsts = np.flatnonzero(np.diff(index // self._chunk_rows, prepend=-1))
        for first, rows in zip(firsts, np.split(index, firsts[1:]), strict=True):
            yield int(first), rows % self._chunk_rows

    @property
    def _is_held_out(self) -> bool:
        return self.input_set.origin["kind"] == "held-out"

    def _report_progress(self, id_: str, rows: int) -> None:
        self._rows_done[id_] = min(rows, self.input_set.rows)
        share = sum(self._rows_done.values()) / (self.input_set.rows * len({self.baseline, *self.artifacts}))
        done = sum(rows == self.input_set.rows for rows in self._rows_done.values())
        self.handle.report_progress(0.95 * share, f"{done} of {len(self.artifacts)} have answered")

    def compare_artifact(self, id_: str, facts: dict[str, Any] | RoundtripError) -> ComparisonOutcome:
        """Hold one artifact's answers against the baseline's, and keep how far each row is."""
        if isinstance(facts, RoundtripError):
            return self._failed_outcome(id_, facts)
        try:
            found = self._compare_with_baseline(id_)
        except InputError as error:
            return self._failed_outcome(id_, error)
        return ComparisonOutcome(
            **found.to_json(),
            load_seconds=facts["load_seconds"],
            first_seconds=facts["first_seconds"],
            weights=match_by_hash(self.context.library.original(self.runs[id_]).weights, facts["weights"]),
            inputs=facts["inputs"],
            input_pairs=facts["input_pairs"],
            remark=facts["remark"],
        )

    def _compare_with_baseline(self, id_: str) -> Comparison:
        reference, classes = self.predictions.output_sources(self.baseline), bool(self.run.labels) or None
        sides, targets = (reference, self.predictions.output_sources(id_)), self._output_targets(list(reference))
        found = compare_streams(*sides, classes, targets, reference_std=self._output_spreads)
        self.predictions.write_row_distances(id_, found.changed, found.distance)
        self._output_names[id_] = {pair.answer: pair.reference for pair in found.pairs}
        return found

    @cached_property
    def _output_spreads(self) -> dict[str, float]:
        """How far the run's known answers spread, by output of the baseline: one row alone does not tell."""
        try:
            known = std_by_output(self._reference(self.run.id).predictions)
        except LibraryError:  # as above; then the rows asked must tell
            return {}
        if self.baseline == self.run.id:
            return known
        pairs = self.context.library.evidence(self.baseline).best.pairs
        return {pair["answer"]: known[pair["reference"]] for pair in pairs if pair["reference"] in known}

    def _output_targets(self, outputs: list[str]) -> dict[str, ChunkSource] | None:
        """The truth for each output, where it is known."""
        targets = self.context.inputs.read_targets(self.input_set.id)
        named = {name: find_targets(name, outputs, targets) for name in outputs}
        return {name: lambda array=array: _split_chunks(array) for name, array in named.items() if array is not None}

    def _failed_outcome(self, id_: str, error: RoundtripError) -> ComparisonOutcome:
        """What cannot be compared is told from what does not load; either says with which versions it was saved."""
        said = error.to_json()
        gone = self._find_removal(id_)
        if id_.startswith("a") and not gone and (others := self.context.library.artifact(id_).version_changes):
            said["sentence"] += f" {others}"
        fits = not isinstance(error, InputError) or isinstance(error, UnknownName)
        return ComparisonOutcome(verdict=Verdict.DOES_NOT_LOAD if fits else Verdict.NOT_COMPARABLE, error=said)

    def compare_all_pairs(self, outcomes: dict[str, ComparisonOutcome]) -> dict[str, Any]:
        """All against all: `{"ids", "rows", "cells"}`.

        A cell with the baseline is the outcome itself, on all rows; of the others the first chunk is compared.
        """
        others = {id_: outcome for id_, outcome in outcomes.items() if id_ != self.baseline}
        rows, first = len(next(self._selected_rows())[1]), {}
        for id_ in others:
            named = self._output_names[id_]
            first[id_] = {
                named[n]: array for n, array in self.predictions.read_first_rows(id_, rows).items() if n in named
            }
        cells: list[Mapping[str, Any]] = [self._baseline_cell(id_, outcome) for id_, outcome in others.items()]
        cells += compare_all(first, bool(self.run.labels) or None, self._output_spreads)
        return {"ids": [self.baseline, *others], "rows": self.input_set.rows, "cells": cells}

    def _baseline_cell(self, id_: str, outcome: ComparisonOutcome) -> dict[str, Any]:
        """An outcome as `compare_all` says a pair."""
        said = outcome.model_dump(mode="json", include={"verdict", "changed_rows", "rows", "error"})
        return {"a": self.baseline, "b": id_, "max_abs": to_jsonable(outcome.max_abs)} | said


def _split_chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[start : start + CHUNK_ROWS] for start in range(0, len(array), CHUNK_ROWS))
