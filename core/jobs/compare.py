"""The work of a comparing job: everybody is asked the same inputs, a chunk at a time, and held against the baseline."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.compare import Comparison, Source, Verdict, compare_all, compare_streams, jsonable, spreads, target_of
from core.context import AppContext
from core.errors import Cancelled, Gone, InputError, LibraryError, RoundtripError, UnknownName, WorkerError, is_passing
from core.evidence import Outcome, match
from core.explain import translate
from core.inputs import InputSet
from core.jobs.participants import open_participant, renamed, renamed_inputs, require_run, resolve_sources, run_of
from core.jobs.runner import JobHandle
from core.library.prediction_store import CHUNK, Answers, make_room, rows_at_once
from core.record import versions
from core.runtimes.reference import Reference
from core.system import machine


class Compared(Outcome):
    """An outcome of a comparison: also every number by output, and what should be known of how the copy answers."""

    outputs: list[dict[str, Any]] = []
    remark: str = ""

    @property
    def answered(self) -> bool:
        """Whether there are answers to look at."""
        return self.error is None

    @property
    def passing(self) -> bool:
        """Whether it was stopped by what need not be the copy's fault, and may not happen again."""
        return is_passing(self.error)


def compare_request(
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
    baseline = baseline or run_of(context, ids[0])
    require_run(context.library, [baseline, *ids])  # before anybody looks for rows to ask
    asked = (
        context.inputs.read(inputs)
        if inputs
        else context.inputs.held_out(context.library, run_of(context, baseline), rows)
    )
    ids = [id_ for id_ in ids if id_ != baseline]
    if not ids:
        raise InputError(
            "A copy cannot be held against itself.",
            received=baseline,
            cure="Choose another copy beside it, or the live model as the baseline.",
        )
    resolved = resolve_sources(context.library, [baseline, *ids], sources)
    return {"artifacts": ids, "baseline": baseline, "inputs": asked.id, "sources": resolved}


def compare_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Ask the baseline and all artifacts; gives `{"baseline", "inputs", "rows", "outcomes": {id: Compared}, "matrix",
    "machine", "versions"}`.

    Answers are kept beside the job (see `Jobs.answers`), by whoever gave them.
    """
    make_room(context.journal, context.config.answers_mib * 2**20)
    comparison = _Comparison(context, handle)
    facts = comparison.ask_all()
    artifacts = handle.job.request["artifacts"]
    with ThreadPoolExecutor(max_workers=context.config.parallel) as pool:
        judged = pool.map(lambda id_: comparison.judge(id_, facts[id_]), artifacts)
        outcomes = dict(zip(artifacts, judged, strict=True))
    return {
        "baseline": comparison.baseline,
        "inputs": comparison.asked.id,
        "rows": comparison.asked.rows,
        "outcomes": {id_: outcome.model_dump(mode="json") for id_, outcome in outcomes.items()},
        "matrix": comparison.matrix({id_: outcome for id_, outcome in outcomes.items() if outcome.answered}),
        "machine": machine(),
        "versions": versions(),
    }


class _Comparison:
    """One comparison under way: who is asked what, and the answers so far."""

    def __init__(self, context: AppContext, handle: JobHandle):
        self.context, self.handle = context, handle
        request = handle.job.request
        self.baseline, self.artifacts = request["baseline"], request["artifacts"]
        self.asked: InputSet = context.inputs.read(request["inputs"])
        # Read now: what is removed meanwhile stops its own row, and nothing else.
        self.runs = {one: context.library.run(run_of(context, one)) for one in (self.baseline, *self.artifacts)}
        self.run = self.runs[self.baseline]
        self.answers: Answers = context.answers(handle.job.id)
        self._references: dict[str, Reference] = {}
        self._reading = threading.Lock()
        self._at_once = rows_at_once(self._row_bytes())
        self._rows_done: dict[str, int] = {}
        self._names: dict[str, dict[str, str]] = {}

    def _row_bytes(self) -> float:
        """How many bytes a row of inputs has, or of the run's answers where those are more."""
        inputs = sum(one.bytes for one in self.asked.files if one.path.startswith("input-")) / self.asked.rows
        try:
            known = self._reference(self.run.id)
        except LibraryError:  # of a damaged run new inputs can still be asked
            return inputs
        return max(inputs, sum(array.nbytes for array in known.answers.values()) / known.rows)

    def ask_all(self) -> dict[str, dict[str, Any] | RoundtripError]:
        """The facts of everybody's reload, or why there are none. Raises what stopped the baseline, and Cancelled."""
        asked = list(dict.fromkeys([self.baseline, *self.artifacts]))
        if self._is_kept():
            asked.remove(self.baseline)
            kept = self._reference(self.run.id).answers
            self.answers.write(self.baseline, 0, {name: array[self._index] for name, array in kept.items()})
        with ThreadPoolExecutor(max_workers=self.context.config.parallel) as pool:
            facts = dict(zip(asked, pool.map(self._ask, asked), strict=True))
        if isinstance(facts.get(self.baseline), RoundtripError):
            raise facts[self.baseline]
        return facts

    @property
    def _index(self) -> list[int]:
        """Which rows of the reference are meant, where held-out rows are asked."""
        return self.asked.origin["index"]

    def _is_kept(self) -> bool:
        """Whether the live model's answers to these inputs were kept at the end of its training."""
        return self._is_held_out and self.asked.origin["run"] == self.baseline

    def _reference(self, run_id: str) -> Reference:
        """Read once: a large one takes long to be held against its hash and unpacked."""
        with self._reading:
            if run_id not in self._references:
                self._references[run_id] = self.context.library.reference(run_id)
            return self._references[run_id]

    def _ask(self, id_: str) -> dict[str, Any] | RoundtripError:
        try:
            return self._ask_in_chunks(id_)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  what stops one artifact is its own row's result; the others go on
            return self._gone(id_) or translate(error, WorkerError)

    def _gone(self, id_: str) -> Gone | None:
        """That a copy is not there any more, where it is not: then that is why it did not answer."""
        try:
            self.context.library.folder(id_)
        except UnknownName:
            cure = "Restore it from the trash, then compare again."
            return Gone("It was removed while it was compared.", received=id_, cure=cure)
        return None

    def _ask_in_chunks(self, id_: str) -> dict[str, Any]:
        source = self.handle.job.request["sources"].get(id_, "none")
        names = renamed_inputs(self.context.library, id_, [one["name"] for one in self.asked.columns])
        row = renamed(self.context.inputs.take(self.asked.id, slice(0, 1)), names)
        cancelled = self.handle.cancelled
        with open_participant(self.context, id_, source, row, cancelled, variables=True) as loaded:
            asked = (renamed(chunk, names) for chunk in self._chunks())
            given = loaded.answer_each(asked, cancelled=cancelled)
            for (first, chosen), answers in zip(self._chosen(), given, strict=True):
                self.answers.write(id_, first, {name: array[chosen] for name, array in answers.items()})
                self._tell(id_, first + len(chosen))
        pairs = self.context.library.evidence(id_).best.input_pairs if names else loaded.facts["input_pairs"]
        return loaded.facts | {"input_pairs": pairs}

    def _chunks(self) -> Iterator[Arrays]:
        """What is asked together. Of held-out rows whole batches are asked, as the live model was: the same computation
        gives the same bits."""
        if not self._is_held_out:
            yield from self.context.inputs.chunks(self.asked.id, self._at_once)
            return
        inputs = self._reference(self.asked.origin["run"]).whole_batches(max(self._index) + 1).inputs
        for start in sorted({row // self._at_once * self._at_once for row in self._index}):
            yield {name: array[start : start + self._at_once] for name, array in inputs.items()}

    def _chosen(self) -> Iterator[tuple[int, np.ndarray]]:
        """For each chunk the first of its rows that is meant, counted among those, and which rows of it are."""
        index = np.array(self._index) if self._is_held_out else np.arange(self.asked.rows)
        firsts = np.flatnonzero(np.diff(index // self._at_once, prepend=-1))
        for first, rows in zip(firsts, np.split(index, firsts[1:]), strict=True):
            yield int(first), rows % self._at_once

    @property
    def _is_held_out(self) -> bool:
        return self.asked.origin["kind"] == "held-out"

    def _tell(self, id_: str, rows: int) -> None:
        self._rows_done[id_] = min(rows, self.asked.rows)
        share = sum(self._rows_done.values()) / (self.asked.rows * len({self.baseline, *self.artifacts}))
        done = sum(rows == self.asked.rows for rows in self._rows_done.values())
        self.handle.tell(0.95 * share, f"{done} of {len(self.artifacts)} have answered")

    def judge(self, id_: str, facts: dict[str, Any] | RoundtripError) -> Compared:
        """Hold one artifact's answers against the baseline's, and keep how far each row is."""
        if isinstance(facts, RoundtripError):
            return self._without_answers(id_, facts)
        try:
            found = self._against_baseline(id_)
        except InputError as error:
            return self._without_answers(id_, error)
        return Compared(
            **found.to_json(),
            load_seconds=facts["load_seconds"],
            first_seconds=facts["first_seconds"],
            weights=match(self.context.library.original(self.runs[id_]).weights, facts["weights"]),
            inputs=facts["inputs"],
            input_pairs=facts["input_pairs"],
            remark=facts["remark"],
        )

    def _against_baseline(self, id_: str) -> Comparison:
        reference, classes = self.answers.sources(self.baseline), bool(self.run.labels) or None
        sides, targets = (reference, self.answers.sources(id_)), self._targets(list(reference))
        found = compare_streams(*sides, classes, targets, spread=self._spread)
        self.answers.write_rows(id_, found.changed, found.distance)
        self._names[id_] = {pair.answer: pair.reference for pair in found.pairs}
        return found

    @cached_property
    def _spread(self) -> dict[str, float]:
        """How far the run's known answers spread, by output of the baseline: one row alone does not tell."""
        try:
            known = spreads(self._reference(self.run.id).answers)
        except LibraryError:  # as above; then the rows asked must tell
            return {}
        if self.baseline == self.run.id:
            return known
        pairs = self.context.library.evidence(self.baseline).best.pairs
        return {pair["answer"]: known[pair["reference"]] for pair in pairs if pair["reference"] in known}

    def _targets(self, outputs: list[str]) -> dict[str, Source] | None:
        """The truth for each output, where it is known."""
        targets = self.context.inputs.targets(self.asked.id)
        named = {name: target_of(name, outputs, targets) for name in outputs}
        return {name: lambda array=array: _chunked(array) for name, array in named.items() if array is not None}

    def _without_answers(self, id_: str, error: RoundtripError) -> Compared:
        """What cannot be compared is told from what does not load; either says with which versions it was saved."""
        said = error.to_json()
        gone = self._gone(id_)
        if id_.startswith("a") and not gone and (others := self.context.library.artifact(id_).other_versions):
            said["sentence"] += f" {others}"
        fits = not isinstance(error, InputError) or isinstance(error, UnknownName)
        return Compared(verdict=Verdict.DOES_NOT_LOAD if fits else Verdict.NOT_COMPARABLE, error=said)

    def matrix(self, outcomes: dict[str, Compared]) -> dict[str, Any]:
        """All against all: `{"ids", "rows", "cells"}`.

        A cell with the baseline is the outcome itself, on all rows; of the others the first chunk is compared.
        """
        others = {id_: outcome for id_, outcome in outcomes.items() if id_ != self.baseline}
        rows, first = len(next(self._chosen())[1]), {}
        for id_ in others:
            named = self._names[id_]
            first[id_] = {named[n]: array for n, array in self.answers.first(id_, rows).items() if n in named}
        cells = [self._cell(id_, outcome) for id_, outcome in others.items()]
        cells += compare_all(first, bool(self.run.labels) or None, self._spread)
        return {"ids": [self.baseline, *others], "rows": self.asked.rows, "cells": cells}

    def _cell(self, id_: str, outcome: Compared) -> dict[str, Any]:
        """An outcome as `compare_all` says a pair."""
        said = outcome.model_dump(mode="json", include={"verdict", "changed_rows", "rows", "error"})
        return {"a": self.baseline, "b": id_, "max_abs": jsonable(outcome.max_abs)} | said


def _chunked(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[start : start + CHUNK] for start in range(0, len(array), CHUNK))
