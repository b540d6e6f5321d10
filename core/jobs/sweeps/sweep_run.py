"""A sweep under way: some models at a time, each row as soon as it is known, once more what a passing fault stopped."""

import contextlib
import contextvars
import threading
import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypedDict

from core.errors import Cancelled, StorageFailed
from core.jobs.execution.job_handle import POLL_SECONDS, JobHandle
from core.jobs.service import Jobs
from core.jobs.sweeps.sweep_imports import SweepImports
from core.jobs.sweeps.sweep_jobs import SweepJobs
from core.jobs.sweeps.sweep_model import ModelSweep
from core.sweep.models import SweptModel
from core.sweep.plan import SweepPlan
from core.sweep.row_store import AnswerStore, append_row
from core.sweep.rows import RowKey, SweepRow, exit_status, sort_rows, summarize_sweep
from core.sweep.size import list_row_keys

TEAM_AT_ONCE = 8  # jobs that are given to workers: what a person clicks goes before them
RETRY_SECONDS = 5.0  # before the first retry, doubled before each further: what passes takes its time
PROGRESS_ROWS = 20  # the last ones, which stand in the record while it runs


class SweepResult(TypedDict):
    """All rows as JSON of `SweepRow`, what is said of them, and the exit status for a pipeline."""

    headline: str
    exit_status: int
    rows: list[dict[str, Any]]


class Turn(NamedTuple):
    """A model, how often it was asked before, and from when on it is asked, on the monotonic clock."""

    model: SweptModel
    tries: int = 0
    due: float = 0.0

    def next(self) -> "Turn":
        """Return the turn after one that a passing fault stopped."""
        return Turn(self.model, self.tries + 1, time.monotonic() + RETRY_SECONDS * 2**self.tries)


class SweepRun:
    """The work of one sweep's job."""

    def __init__(self, handle: JobHandle, jobs: Jobs, plan: SweepPlan, models: list[SweptModel]):
        self._handle, self._plan, self._again = handle, plan, bool(handle.request["again"])
        self._work, self._answers = SweepJobs(jobs, handle), AnswerStore(jobs.library.home)
        self._imports = SweepImports(self._work, self._answers, self._again)
        self._folder = jobs.job_store.folder(handle.job.id)
        own_slots = max(2, jobs.config.parallel)
        self._at_once = plan.at_once or (TEAM_AT_ONCE if jobs.config.is_team else own_slots - 1)
        self._turns = deque(Turn(model) for model in models)
        self._lock, self._is_written = threading.Lock(), True
        self._rows: dict[RowKey, SweepRow] = {}
        self._last: deque[dict[str, Any]] = deque(maxlen=PROGRESS_ROWS)
        self._counts: Counter[str] = Counter()  # rows by status
        self._planned = {model.name: len(list_row_keys(plan, model)) or 1 for model in models}
        self._total = sum(self._planned.values())

    def execute(self) -> SweepResult:
        """Ask every model; returns all rows. Raises Cancelled."""
        running: dict[Future[list[SweepRow]], Turn] = {}
        with ThreadPoolExecutor(self._at_once) as pool:
            while self._turns or running:
                self._require_not_paused()
                for turn in self._take_due(self._at_once - len(running)):
                    running[pool.submit(contextvars.copy_context().run, self._ask, turn)] = turn
                done, _ = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                if not running:
                    time.sleep(POLL_SECONDS)
                self._write_progress()
                for future in done:
                    turn = running.pop(future)
                    if future.result():
                        self._turns.append(turn.next())
        rows = sort_rows(self._rows.values())
        dumped = [row.model_dump(mode="json") for row in rows]
        return {"headline": summarize_sweep(rows), "exit_status": exit_status(rows), "rows": dumped}

    def _take_due(self, most: int) -> list[Turn]:
        """Take the turns that are due; those of retries stand last, in about the order of their time."""
        now = time.monotonic()
        due: list[Turn] = []
        while len(due) < most and self._turns and self._turns[0].due <= now:
            due.append(self._turns.popleft())
        return due

    def _require_not_paused(self) -> None:
        """Raise Cancelled where a person stopped it; the jobs that run are stopped by who waits for them."""
        if self._handle.is_cancelled():
            raise Cancelled("It was stopped. What was found out is kept.", cure="Go on with it when you like.")

    def _ask(self, turn: Turn) -> list[SweepRow]:
        """Ask a model; returns its rows that a passing fault stopped and that are asked again."""
        passing, known, again = [], 0, self._again and not turn.tries
        for row in ModelSweep(self._work, self._plan, self._imports, self._answers, again).ask(turn.model):
            if row.is_passing and turn.tries < self._plan.retries:
                passing.append(row)
            else:
                known += 1
                self._add(row.model_copy(update={"tries": turn.tries + 1}))
        if not passing:
            self._settle(turn.model, known)
        return passing

    def _settle(self, model: SweptModel, rows: int) -> None:
        """Count the rows that a model has in place of those that were planned: one that is refused has a single one."""
        with self._lock:
            self._total += rows - self._planned[model.name]
            self._planned[model.name] = rows

    def _add(self, row: SweepRow) -> None:
        with self._lock:
            if row.key in self._rows:  # in a second turn those of the first are known
                return
            with contextlib.suppress(StorageFailed):  # the result has all rows; a later sweep asks anew
                append_row(self._folder, row)
            self._rows[row.key] = row
            self._last.append(row.model_dump(mode="json"))
            self._counts[row.status.value] += 1
            self._report(row)

    def _report(self, row: SweepRow) -> None:
        done, total = len(self._rows), max(self._total, 1)
        detail: dict[str, Any] = {"rows": list(self._last), "counts": dict(self._counts), "total": total}
        note, self._is_written = f"{done:,} of {total:,} rows: {row.model}", False
        self._handle.report_progress(min(done / total, 1.0), note, **detail)

    def _write_progress(self) -> None:
        """Write what was reported last, of which only some is: rows may come by the hundred, and then none for long."""
        with self._lock:
            is_due, self._is_written = not self._is_written, True
        if is_due:
            self._handle.report_progress(write_now=True)
