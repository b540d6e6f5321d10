"""Job: save a run in formats, side by side; none stops another.

A child that has saved a small model in one format saves it in the next: what goes wrong there is done once more in a
fresh child. Formats that begin with the same file follow each other in one child, which makes that file once. Each copy
is reloaded in fresh children; half a model is completed in the child that found its layers missing (see `core.reload`).
"""

import contextlib
import threading
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, TypedDict

from core.compare import Verdict
from core.copy_content import compute_content_hash
from core.environments.build import build_environment
from core.errors import (
    ChildDied,
    FormatError,
    RoundtripError,
    StorageFailed,
    TimedOut,
    TooLarge,
    error_from_json,
)
from core.evidence.records import Evidence
from core.formats import all_formats, get_format
from core.jobs.execution.job_handle import JobHandle, attempt, map_parallel
from core.jobs.participants import is_imported, snapshot_request
from core.library.commits import artifact_of
from core.library.records import Artifact
from core.record import now
from core.reload import gather_evidence
from core.runtimes.base import join_remarks
from core.runtimes.call_state import describe_state
from core.settings import MB
from core.worker import OutputFolder
from core.worker.child_errors import explain_save_crash
from core.worker.child_pool import ChildPool
from core.worker.model_loading import source_with_signature, source_with_snapshot
from core.worker.protocol import Frame

MAX_KEPT_BYTES = 64 * 2**20  # of a model's weights, up to which it stays in memory between two formats
REFUSALS = (FormatError, ChildDied, TimedOut, TooLarge)  # errors that stand in the matrix in place of a copy
STATE_PROGRESS = {"waiting": 0.0, "building": 0.1, "saving": 0.2, "reloading": 0.6, "done": 1.0, "failed": 1.0}


class SaveQueue:
    """Formats in their order. Safe to use from several threads, of which each is a line."""

    def __init__(self, keys: Iterable[str]):
        self._waiting = list(keys)
        self._begins_with = {format_.key: format_.begins_with for format_ in all_formats()}
        self._lines: dict[str, str] = {}  # in which a file has been made that formats begin with
        self._lock = threading.Lock()

    def take(self, line: str) -> str:
        """Return the next format for a line; empty when none waits.

        Those that begin with what another line has made are left to it, as long as there are others.
        """
        with self._lock:
            if not self._waiting:
                return ""
            key = next((key for key in self._waiting if self._is_for(key, line)), self._waiting[0])
            self._waiting.remove(key)
            if file := self._begins_with.get(key):
                self._lines.setdefault(file, line)
            return key

    def _is_for(self, key: str, line: str) -> bool:
        return self._lines.get(self._begins_with.get(key, ""), line) == line


class SaveRow(TypedDict, total=False):
    """What became of one format; a "done" one has an artifact, a "failed" one an error."""

    state: str  # a key of STATE_PROGRESS
    seconds: float
    error: dict[str, str]
    artifact: str
    bytes: int
    verdict: str
    changed_rows: int | None
    rows: int | None
    grade: dict[str, Any] | None  # see `core.grading.Grade`
    needs_code: bool
    reason: str  # why the artifact does not load, where it does not
    unverified: dict[str, str] | None  # the limit that kept it from being verified, if one did
    warning: str
    remark: str  # what the converter had to do otherwise than asked


class SaveResult(TypedDict):
    rows: dict[str, SaveRow]  # by format, in the order of the request


def run_save(handle: JobHandle) -> SaveResult:
    """Save the run in every chosen format, and note which formats refused it."""
    job = _SaveJob(handle)
    lines = [str(line) for line in range(handle.config.parallel)]
    map_parallel(job.save_in_line, lines, len(lines))
    refused = {key: {"created": now(), **row} for key, row in job.rows.items() if _is_refusal(row)}
    done = [key for key, row in job.rows.items() if row["state"] == "done"]
    with contextlib.suppress(StorageFailed):  # a note that finds no room does not undo what was stored
        handle.library.record_refusals(job.run.id, refused, done)
    return {"rows": job.rows}


def _is_refusal(row: SaveRow) -> bool:
    """Whether a format failed by what the model is; a full disk or a worker that is gone says nothing of it."""
    return row["state"] == "failed" and isinstance(error_from_json(row["error"]), REFUSALS)


class _SaveJob:
    def __init__(self, handle: JobHandle):
        self.handle, self.library = handle, handle.library
        self.run = self.library.run(handle.request["run"])
        self.snapshot = snapshot_request(self.library, self.run)
        self.rows: dict[str, SaveRow] = {key: {"state": "waiting"} for key in handle.request["formats"]}
        self.waiting = SaveQueue(self.rows)

    def save_in_line(self, line: str) -> None:
        """Save one format after another, in children of this line alone, until none waits."""
        with ChildPool(self.handle.worker) as children:
            while key := self.waiting.take(line):
                self._save_format(key, children)

    def _save_format(self, key: str, children: ChildPool) -> None:
        started = time.monotonic()
        row = attempt(lambda: self._find_earlier_row(key) or self._save_and_reload(key, children))
        if isinstance(row, RoundtripError):
            row = {"state": "failed", "error": row.to_json(), "seconds": time.monotonic() - started}
        self._report_row(key, row)

    def _find_earlier_row(self, key: str) -> SaveRow | None:
        """That of a copy which a worker stored before it was gone; None where none did."""
        id_ = self.library.find_earlier("a", artifact_of(self.run.id, key))
        return self._make_row(self.library.artifact(id_), self.library.evidence(id_)) if id_ else None

    def _report_row(self, key: str, row: SaveRow) -> None:
        self.rows[key] = row
        progress = sum(STATE_PROGRESS[row["state"]] for row in self.rows.values()) / len(self.rows)
        done = sum(row["state"] == "done" for row in self.rows.values())
        self.handle.report_progress(progress, f"{done} of {len(self.rows)} done", write_now=True, rows=self.rows)

    def _save_and_reload(self, key: str, children: ChildPool) -> SaveRow:
        """Save into staging, reload in fresh children, hash, flush and rename."""
        run, library, worker = self.run, self.library, self.handle.worker
        get_format(key).require_accepted(run.kind, run.weight_bytes, run.trust)
        if environment := get_format(key).environment:
            self._report_row(key, {"state": "building"})
            build_environment(self.handle.config, environment, is_cancelled=self.handle.is_cancelled)
        limits: dict[str, Any] = {**self.handle.limits, "sandboxed": is_imported(library, run)}
        with library.staging() as staged:
            folder = staged / "files"
            folder.mkdir()
            self._report_row(key, {"state": "saving"})
            options = self.handle.request["options"].get(key, {})
            original, reference = library.original(run), library.reference(run.id)
            samples = {} if run.demo else reference.head_within(self.handle.config.reply_mb * MB).inputs
            request = {**self.snapshot, **limits, "arrays": samples, "options": options}
            run_child = partial(self._run_child, children)
            try:
                reply = run_child("save", format=key, folder=OutputFolder(folder), converts=True, **request)
            except ChildDied as error:
                if explained := explain_save_crash(error, get_format(key).label, folder, run.weight_bytes):
                    raise explained from error
                raise
            saved = {"seconds": reply.message["seconds"], "remark": str(reply.message["remark"])}
            self._report_row(key, {"state": "reloading", "seconds": saved["seconds"]})
            source = source_with_signature(run.code_source, "")
            source = source_with_snapshot(source, run.kind, library.snapshot(run.id))
            evidence = gather_evidence(worker, key, folder, source, original, reference, **limits)
            facts = {"format": key, **saved, "options": options, "trust": run.trust}
            content = compute_content_hash(run_child, folder, **limits)
            facts |= {"made_from": run.brought.get("artifact"), "content": content}
            return self._make_row(library.commit_artifact(staged, run.id, evidence, **facts), evidence)

    def _make_row(self, artifact: Artifact, evidence: Evidence) -> SaveRow:
        row, best = _result_row(artifact, evidence), evidence.best
        state = describe_state(best.remembers, self.run.is_asked_as_sequence)
        row["remark"] = join_remarks(row["remark"], state)
        row["warning"] = " ".join(filter(None, (self.run.warning, best.warning, *best.left_out)))
        return row

    def _run_child(self, children: ChildPool, task: str, **request: Any) -> Frame:
        """Do a task in a child that may hold the live model already; in a fresh one where it is untrusted or large."""
        if request["sandboxed"] or self.run.weight_bytes > MAX_KEPT_BYTES:
            return self.handle.worker.run(task, **request)
        del request["sandboxed"]
        return children.run(task, **request)


def _result_row(artifact: Artifact, evidence: Evidence) -> SaveRow:
    return {
        "state": "done",
        "artifact": artifact.id,
        "bytes": artifact.bytes,
        "seconds": artifact.seconds,
        "verdict": evidence.best.verdict.value,
        "changed_rows": evidence.best.changed_rows,
        "rows": evidence.best.rows,
        "grade": evidence.best.grade.model_dump(mode="json") if evidence.best.grade else None,
        "needs_code": evidence.needs_code,
        "remark": artifact.remark,
        "reason": (evidence.best.error or {}).get("sentence", ""),
        "unverified": evidence.best.error if evidence.best.verdict is Verdict.NOT_VERIFIED else None,
    }
