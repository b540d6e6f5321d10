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
from core.compare import target_of
from core.context import AppContext
from core.disagreement import FOR_DATA, Budget, Find, Piece, Search, distance, scales_of
from core.errors import Cancelled, InputError, RoundtripError, TimedOut
from core.formats import get_format
from core.jobs.participants import Speaker, resolve_sources, run_of
from core.jobs.runner import JobHandle
from core.library import Library
from core.library.records import Run
from core.runtimes.reference import BATCH, Reference, under
from core.text.labels import live_words, marked
from core.worker.child_handle import Child
from core.worker.protocol import Frame

SAID_IN_FULL = 1000  # values of one answer that stand in the record; arrays beside it hold all


def name_of(library: Library, id_: str) -> str:
    """How one of the two is called in a sentence."""
    if id_.startswith("r"):
        return live_words(id_, library.run(id_))
    artifact = library.artifact(id_)
    return marked(f"{get_format(artifact.format).label} ({id_})", artifact)


def facts_of(run: Run, reference: Reference, search: Search, find: Find) -> dict[str, Any]:
    """One input for JSON: what both said, how far apart, where it came from, and how far from there.

    `said` are the classes that the two name, `truth` what is right for the row of the data, where that is one class or
    one value; `level` and `amount` are those of `core.disagreement.metric`.
    """
    scale = search.scales[find.output]
    return {
        "changed": find.changed,
        "level": find.level,
        "amount": find.amount,
        "output": find.output,
        "kind": scale.kind,
        "spread": scale.spread,
        "said": [_said(run, answer[find.output][0], scale.kind) for answer in find.answers],
        "answers": [_in_full(answer) for answer in find.answers],
        "split": find.split,
        "row": find.row,
        "steps": find.steps,
        "truth": _truth(run, reference, find, scale.kind),
        "distance": distance(find.point, search.seen),
    }


def _said(run: Run, answer: np.ndarray, kind: str) -> str | None:
    """The class that an answer names; None where it is a value, or not a number."""
    if kind != "class" or not np.isfinite(answer).all():
        return None
    at = int(answer.argmax())
    return run.labels[at] if len(run.labels) == answer.size else str(at)


def _truth(run: Run, reference: Reference, find: Find, kind: str) -> Any:
    targets = target_of(find.output, list(reference.answers), find.targets)
    if targets is None:
        return None
    if kind == "class":
        return _said(run, targets[0], kind)
    return targets.item() if targets.size == 1 else None


def _in_full(answers: Arrays) -> dict[str, Any]:
    """Values by output, None for what is not a number; longer answers are left to the arrays."""
    return {name: _listed(array[0]) for name, array in answers.items() if array.size <= SAID_IN_FULL}


def _listed(array: np.ndarray) -> Any:
    if array.dtype.kind not in "fc":
        return array.tolist()
    return np.where(np.isfinite(array), array.astype("O"), None).tolist()


def arrays_of(find: Find) -> Arrays:
    """The input, the row of the data where it began, and both answers to each: "input:", "origin:", "a:", "b:",
    "origin-a:" and "origin-b:" with the name."""
    began = find.began or find
    named = {"input": find.point.inputs, "origin": find.point.origin}
    named |= {"a": find.answers[0], "b": find.answers[1]}
    named |= {"origin-a": began.answers[0], "origin-b": began.answers[1]}
    return {f"{role}:{name}": array for role, arrays in named.items() for name, array in arrays.items()}


SIDES = ("a", "b")
PIECE_BYTES = 4 * 2**20  # of the data that are asked together
PIECE_ROWS = (64, 1024)  # and at least and at most so many rows
KEEP_EVERY = 0.3  # seconds between two pictures of the best so far


def disagree_request(
    context: AppContext, a: str, b: str, sources: dict[str, str], seconds: float, seed: int, evaluations: int | None
) -> dict[str, Any]:
    """What a search is asked. Raises InputError, UnknownName."""
    for id_ in (a, b):
        context.library.run(run_of(context, id_))
    if not 0 < seconds <= 3600:
        raise InputError("A search takes up to an hour.", received=seconds, cure="Choose 1 to 3,600 seconds.")
    if seed < 0 or (evaluations is not None and evaluations < 1):
        received = f"seed {seed}, evaluations {evaluations}"
        raise InputError("The seed or the number of inputs is too small.", received=received, cure="Choose more.")
    request = {"a": a, "b": b, "sources": resolve_sources(context.library, (a, b), sources)}
    return request | {"seconds": seconds, "seed": seed, "evaluations": evaluations}


def disagree_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Search, and keep the best input beside the job as it is found.

    Gives `{"run", "found", "data", "asked", "changed", "largest", "inputs", "notes", "seconds"}`: what was found, the
    best of the data alone (both as `core.jobs.disagreement.facts_of` says them), rows asked and answers changed by
    phase ("held-out", "training", "validation", "made"), the largest difference of all, and the id of the input set
    that was found ("" where not one number differed). Arrays are kept beside the job as
    `core.jobs.disagreement.arrays_of` names them."""
    return _Work(context, handle).do()


class _Work:
    def __init__(self, context: AppContext, handle: JobHandle):
        self.context, self.handle, self.request = context, handle, handle.job.request
        self.run: Run = context.library.run(run_of(context, self.request["a"]))
        self.reference: Reference = context.library.reference(self.run.id)
        self.notes: list[str] = []
        self._data: Future[Child] | None = None
        self._late = threading.Event()  # set where the data are waited for no longer
        self._kept: Find | None = None
        self._kept_at = 0.0

    def do(self) -> dict[str, Any]:
        self.handle.tell(0.0, "Loading both", at_once=True)
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=len(SIDES) + 1))
            self._data = pool.submit(self._open_data, stack) if self.run.demo else None
            sides = self._open(pool, stack)
            self._budget = Budget(self.request["seconds"], self.request["evaluations"])
            scales = scales_of(self.reference.answers, len(self.run.labels))

            def ask(inputs: Arrays) -> tuple[Arrays, Arrays]:
                left, right = pool.map(lambda side: side.answer(inputs), sides)
                return left, right

            search = Search(ask, scales, self._budget, self.request["seed"], self._hear)
            search.data(self._pieces())
            before = search.best
            search.steps()
        return self._result(search, before)

    def _open(self, pool: ThreadPoolExecutor, stack: contextlib.ExitStack) -> list["_Side"]:
        """Both loaded, side by side; if one does not come, the other is closed."""
        known = self.reference.head(BATCH)
        futures = [pool.submit(_Side, self.context, self.handle, self.request[key], known) for key in SIDES]
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
        if self._data is None:
            return
        try:
            yield from self._rest(self._awaited(), rows)
        except Cancelled:
            raise
        except RoundtripError as error:  # the held-out rows are enough to begin from
            self.notes.append(f"Only held-out rows were asked: the rest of the data could not be had. {error}")

    def _awaited(self) -> Child:
        """The child that has the data. Raises TimedOut where it is not ready within their share of the time that is
        left, and what stopped it."""
        left = self._budget.seconds_left - (1 - FOR_DATA) * self.request["seconds"]
        try:
            return self._data.result(max(left, 0.0))
        except TimeoutError as error:
            self._late.set()
            raise TimedOut("It was not there in time.", cure="Search for longer.") from error

    def _stopped(self) -> bool:
        return self._late.is_set() or self.handle.cancelled()

    def _open_data(self, stack: contextlib.ExitStack) -> Child:
        """A child that makes the data while the two are being loaded. Raises what stopped it."""
        child = stack.enter_context(self.context.worker.open(self._stopped))
        self._ask_data(child, "held-out", 0, 0)
        return child

    def _ask_data(self, child: Child, split: str, start: int, count: int) -> Frame:
        limits = {"seconds": self.context.config.child_seconds, "cancelled": self._stopped}
        asked = {"demo": self.run.demo, "settings": self.run.settings, "split": split}
        return child.ask("rows", start=start, count=count, **asked, **limits)

    def _rest(self, child: Child, rows: int) -> Iterator[Piece]:
        for split, start in (("held-out", self.reference.rows), ("training", 0), ("validation", 0)):
            of = start + 1
            while start < of:
                frame = self._ask_data(child, split, start, rows)
                of = frame.message["rows"]
                if start < of:
                    yield Piece(split, start, under("input:", frame.arrays), under("target:", frame.arrays))
                start += rows

    def _rows_in_piece(self) -> int:
        row_bytes = sum(array.nbytes for array in self.reference.inputs.values()) // self.reference.rows
        return int(np.clip(PIECE_BYTES // max(row_bytes, 1), *PIECE_ROWS))

    def _hear(self, search: Search) -> None:
        """Tell how far it is, with the best so far; a person's wish to stop is heard where the two are asked."""
        if search.best is not self._kept and time.monotonic() - self._kept_at > KEEP_EVERY:
            self._keep(search)
        told = {"asked": dict(search.asked), "changed": dict(search.changed), "largest": search.largest}
        told |= {"best": facts_of(self.run, self.reference, search, self._kept)} if self._kept else {}
        self.handle.tell(search.budget.done, _note(search.asked), seconds_left=search.budget.seconds_left, **told)

    def _keep(self, search: Search) -> None:
        self._kept, self._kept_at = search.best, time.monotonic()
        self.context.journal.keep_arrays(self.handle.job.id, arrays_of(search.best))

    def _result(self, search: Search, before: Find) -> dict[str, Any]:
        self._keep(search)
        return {
            "run": self.run.id,
            "found": facts_of(self.run, self.reference, search, search.best),
            "data": facts_of(self.run, self.reference, search, before),
            "asked": search.asked,
            "changed": search.changed,
            "largest": search.largest,
            "inputs": self._input_set(search.best),
            "notes": self.notes,
            "seconds": search.budget.seconds,
        }

    def _input_set(self, find: Find) -> str:
        """Keep what was found as inputs that every other copy can be asked too."""
        if not find.score:
            return ""
        origin = {"search": self.handle.job.id, "a": self.request["a"], "b": self.request["b"]}
        origin |= {"split": find.split, "row": find.row, "steps": find.steps}
        between = " and ".join(name_of(self.context.library, self.request[key]) for key in SIDES)
        words = f"Where {between} {'disagree' if find.changed else 'come closest to disagreeing'}"
        return self.context.inputs.found(find.point.inputs, origin, words).id


class _Side:
    """One of the two, loaded: asked with the inputs of the reference, it answers by the names of its outputs."""

    def __init__(self, context: AppContext, handle: JobHandle, id_: str, reference: Reference):
        self._name, self._cancelled = name_of(context.library, id_), handle.cancelled
        source = handle.job.request["sources"].get(id_, "none")
        with self._named():
            self._speaker = Speaker.open(context, id_, source, reference, cancelled=handle.cancelled)

    def answer(self, inputs: Arrays) -> Arrays:
        """All rows in one batch: two that compute alike must be given the chance to round alike."""
        rows = len(next(iter(inputs.values())))
        with self._named():
            return self._speaker.answer(inputs, batch=rows, cancelled=self._cancelled)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Whatever goes wrong is said with the name of the one with which it went wrong."""
        try:
            yield
        except Cancelled:
            raise
        except RoundtripError as error:
            error.sentence = f"{self._name[0].upper()}{self._name[1:]}: {error.sentence}"
            raise

    def close(self) -> None:
        self._speaker.close()


def _note(asked: dict[str, int]) -> str:
    made = asked.get("made", 0)
    data = f"Asked {sum(asked.values()) - made:,} rows of the data"
    return f"{data} and {made:,} made inputs" if made else data
