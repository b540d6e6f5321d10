"""The work of a search for the input on which two disagree most: the data first, then small steps around it."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from core.compare import pair_outputs
from core.disagreement import Budget, Find, Piece, Search, distance, scales_of
from core.errors import Cancelled, RoundtripError
from core.formats import get_format
from core.formats.contract import Arrays
from core.formats.reference import BATCH, Reference
from core.library.records import Run
from core.work.opening import open_participant, run_of
from core.work.sources import renamed_inputs
from core.worker.loaded import Loaded

if TYPE_CHECKING:
    from core.jobs import Handle, Jobs

SIDES = ("a", "b")
PIECE_BYTES = 4 * 2**20  # of the data that are asked together
PIECE_ROWS = (64, 1024)  # and at least and at most so many rows
KEEP_EVERY = 0.3  # seconds between two pictures of the best so far
SAID_IN_FULL = 1000  # values of one answer that stand in the record; arrays beside it hold all


def disagree_work(jobs: "Jobs", handle: "Handle") -> dict[str, Any]:
    """Search, and keep the best input beside the job as it is found.

    Gives `{"run", "found", "data", "asked", "changed", "largest", "notes", "seconds"}`: what was found, the best of the
    data alone, rows asked and answers changed by phase ("held-out", "training", "validation", "made"), and the largest
    difference of all. Arrays are kept as "input:<name>" and "origin:<name>" (the row of the data where it began), and
    the answers to them by output as "a:", "b:", "origin-a:" and "origin-b:".
    """
    return _Work(jobs, handle).do()


class _Work:
    def __init__(self, jobs: "Jobs", handle: "Handle"):
        self.jobs, self.handle, self.request = jobs, handle, handle.job.request
        self.run: Run = jobs.library.run(run_of(jobs, self.request["a"]))
        self.reference: Reference = jobs.library.reference(self.run.id)
        self.notes: list[str] = []
        self._kept: Find | None = None
        self._kept_at = 0.0

    def do(self) -> dict[str, Any]:
        self.handle.tell(0.0, "Loading both", at_once=True)
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=len(SIDES)))
            sides = self._open(pool, stack)
            budget = Budget(self.request["seconds"], self.request["evaluations"])
            scales = scales_of(self.reference.answers, len(self.run.labels))

            def ask(inputs: Arrays) -> tuple[Arrays, Arrays]:
                left, right = pool.map(lambda side: side.answer(inputs), sides)
                return left, right

            search = Search(ask, scales, budget, self.request["seed"], self._hear)
            with contextlib.closing(self._pieces()) as pieces:
                search.data(pieces)
            before = search.best
            search.steps()
        return self._result(search, before)

    def _open(self, pool: ThreadPoolExecutor, stack: contextlib.ExitStack) -> list["_Side"]:
        """Both loaded, side by side; if one does not come, the other is closed."""
        known = self.reference.head(BATCH)
        futures = [pool.submit(_Side, self.jobs, self.handle, self.request[key], known) for key in SIDES]
        for future in futures:
            if future.exception() is None:
                stack.callback(future.result().close)
        return [future.result() for future in futures]

    def _pieces(self) -> Iterator[Piece]:
        """The held-out rows that the run keeps, then, of a demo's run, the rest of its data."""
        rows = self._rows_in_piece()
        for start in range(0, self.reference.rows, rows):
            inputs, targets = (
                {name: array[start : start + rows] for name, array in arrays.items()}
                for arrays in (self.reference.inputs, self.reference.targets)
            )
            yield Piece("held-out", start, inputs, targets)
        if self.run.demo is None:
            return
        try:
            yield from self._rest(rows)
        except Cancelled:
            raise
        except RoundtripError as error:  # the held-out rows are enough to begin from
            self.notes.append(f"Only held-out rows were asked: the rest of the data could not be had. {error}")

    def _rest(self, rows: int) -> Iterator[Piece]:
        cancelled = self.handle.cancelled
        with self.jobs.worker.open(cancelled) as child:
            for split, start in (("held-out", self.reference.rows), ("training", 0), ("validation", 0)):
                of = start + 1
                while start < of:
                    asked = {"demo": self.run.demo, "settings": self.run.settings, "split": split}
                    limits = {"seconds": self.jobs.config.child_seconds, "cancelled": cancelled}
                    frame = child.ask("rows", start=start, count=rows, **asked, **limits)
                    of = frame.message["rows"]
                    if start < of:
                        yield Piece(split, start, _under(frame.arrays, "input:"), _under(frame.arrays, "target:"))
                    start += rows

    def _rows_in_piece(self) -> int:
        row_bytes = sum(array.nbytes for array in self.reference.inputs.values()) // self.reference.rows
        return int(np.clip(PIECE_BYTES // max(row_bytes, 1), *PIECE_ROWS))

    def _hear(self, search: Search) -> None:
        """Tell how far it is, with the best so far; a person's wish to stop is heard where the two are asked."""
        if search.best is not self._kept and time.monotonic() - self._kept_at > KEEP_EVERY:
            self._keep(search)
        told = {"asked": dict(search.asked), "changed": dict(search.changed), "largest": search.largest}
        told |= {"best": self._facts(search, self._kept)} if self._kept else {}
        self.handle.tell(search.budget.done, _note(search.asked), **told)

    def _keep(self, search: Search) -> None:
        self._kept, self._kept_at = search.best, time.monotonic()
        self.jobs.journal.keep_arrays(self.handle.job.id, _arrays(search.best))

    def _result(self, search: Search, before: Find) -> dict[str, Any]:
        self._keep(search)
        return {
            "run": self.run.id,
            "found": self._facts(search, search.best),
            "data": self._facts(search, before),
            "asked": search.asked,
            "changed": search.changed,
            "largest": search.largest,
            "notes": self.notes,
            "seconds": search.budget.seconds,
        }

    def _facts(self, search: Search, find: Find) -> dict[str, Any]:
        """One input in words and numbers: what both said, how far apart, where it came from."""
        scale = search.scales[find.output]
        answers = [answer[find.output][0] for answer in find.answers]
        return {
            "changed": find.changed,
            "level": find.level,
            "amount": find.amount,
            "output": find.output,
            "kind": scale.kind,
            "spread": scale.spread,
            "said": [self._said(answer, scale.kind) for answer in answers],
            "answers": [_in_full(answer) for answer in find.answers],
            "split": find.split,
            "row": find.row,
            "steps": find.steps,
            "truth": self._truth(find, scale.kind),
            "distance": distance(find.point, search.seen),
        }

    def _said(self, answer: np.ndarray, kind: str) -> str | None:
        """The class that an answer names; None where it is a value, or not a number."""
        if kind != "class" or not np.isfinite(answer).all():
            return None
        at = int(answer.argmax())
        return self.run.labels[at] if len(self.run.labels) == answer.size else str(at)

    def _truth(self, find: Find, kind: str) -> Any:
        """What is right for the row of the data, where that is one class or one value."""
        at = list(self.reference.answers).index(find.output)
        targets = find.targets.get(find.output, list(find.targets.values())[at] if at < len(find.targets) else None)
        if targets is None:
            return None
        if kind == "class":
            return self._said(targets[0], kind)
        return targets.item() if targets.size == 1 else None


class _Side:
    """One of the two, loaded: asked with the inputs of the reference, it answers by the names of its outputs."""

    def __init__(self, jobs: "Jobs", handle: "Handle", id_: str, reference: Reference):
        self._name, self._cancelled = _name(jobs, id_), handle.cancelled
        self._inputs = renamed_inputs(jobs.library, id_, reference.inputs)
        source = handle.job.request["sources"].get(id_, "none")
        with self._named():
            self._loaded: Loaded = open_participant(jobs, id_, source, cancelled=handle.cancelled)
        try:
            with self._named():
                pairs = pair_outputs(reference.answers, self._answered(reference.inputs))
            self._outputs = {pair.reference: pair.answer for pair in pairs}
        except BaseException:
            self.close()
            raise

    def answer(self, inputs: Arrays) -> Arrays:
        with self._named():
            answers = self._answered(inputs)
        return {name: answers[own] for name, own in self._outputs.items()}

    def _answered(self, inputs: Arrays) -> Arrays:
        """All rows in one batch: two that compute alike must be given the chance to round alike."""
        rows = len(next(iter(inputs.values())))
        own = {self._inputs.get(name, name): array for name, array in inputs.items()}
        return self._loaded.answer(own, batch=rows, cancelled=self._cancelled)[0]

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Whatever goes wrong is said with the name of the one with which it went wrong."""
        try:
            yield
        except Cancelled:
            raise
        except RoundtripError as error:
            error.sentence = f"{self._name}: {error.sentence}"
            raise

    def close(self) -> None:
        self._loaded.close()


def _name(jobs: "Jobs", id_: str) -> str:
    if id_.startswith("r"):
        return f"The live model of {id_}"
    return f"{get_format(jobs.library.artifact(id_).format).label} ({id_})"


def _note(asked: dict[str, int]) -> str:
    made = asked.get("made", 0)
    data = f"Asked {sum(asked.values()) - made:,} rows of the data"
    return f"{data} and {made:,} made inputs" if made else data


def _arrays(find: Find) -> Arrays:
    began = find.began or find
    named = {"input": find.point.inputs, "origin": find.point.origin}
    named |= {"a": find.answers[0], "b": find.answers[1]}
    named |= {"origin-a": began.answers[0], "origin-b": began.answers[1]}
    return {f"{role}:{name}": array for role, arrays in named.items() for name, array in arrays.items()}


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _in_full(answers: Arrays) -> dict[str, Any]:
    """Values by output, None for what is not a number; longer answers are left to the arrays."""
    return {name: _listed(array[0]) for name, array in answers.items() if array.size <= SAID_IN_FULL}


def _listed(array: np.ndarray) -> Any:
    if array.dtype.kind not in "fc":
        return array.tolist()
    return np.where(np.isfinite(array), array.astype("O"), None).tolist()
