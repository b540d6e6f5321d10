"""The work of a saving job: each format in a child of its own, side by side, and none stops another."""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.context import AppContext
from core.errors import Cancelled, ChildDied, FormatError, StorageFailed, TimedOut, WorkerError, error_from_json
from core.evidence import Evidence
from core.explain import translate
from core.formats import get_format
from core.jobs.participants import is_imported
from core.jobs.runner import JobHandle
from core.library.records import Artifact, Run
from core.record import now
from core.reload import gather_evidence
from core.worker import OutputFolder
from core.worker.model_loading import source_with_signature

RECORD_BYTES = 2**16  # bytes that a copy has beside its weights, at the least
STATE_PROGRESS = {"waiting": 0.0, "saving": 0.2, "reloading": 0.6, "done": 1.0, "failed": 1.0}


def run_save(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Save the run in every chosen format; gives `{"rows": {format: row}}`, in the order of the request."""
    request = handle.job.request
    run = context.library.run(request["run"])
    rows = {key: {"state": "waiting"} for key in request["formats"]}

    def tell(key: str, row: dict[str, Any]) -> None:
        rows[key] = row
        done = sum(STATE_PROGRESS[one["state"]] for one in rows.values()) / len(rows)
        finished = sum(one["state"] == "done" for one in rows.values())
        handle.report_progress(done, f"{finished} of {len(rows)} done", write_now=True, rows=rows)

    snapshot = context.library.snapshot(run.id)
    with ThreadPoolExecutor(max_workers=context.config.parallel) as pool:
        futures = [pool.submit(_save_format, context, handle, run, snapshot, key, tell) for key in rows]
        for future in futures:
            future.result()
    refused = {key: {"created": now(), **row} for key, row in rows.items() if _is_refusal(row)}
    with contextlib.suppress(StorageFailed):  # a note that finds no room does not undo what was kept
        context.library.record_refusals(run.id, refused, [key for key, row in rows.items() if row["state"] == "done"])
    return {"rows": rows}


def _is_refusal(row: dict[str, Any]) -> bool:
    """Whether a format failed by what the model is; a full disk or a worker that is gone says nothing of it."""
    return row["state"] == "failed" and isinstance(error_from_json(row["error"]), (FormatError, ChildDied, TimedOut))


def _save_format(context: AppContext, handle: JobHandle, run: Run, snapshot: Path, key: str, report_row: Any) -> None:
    started = time.monotonic()
    try:
        report_row(key, _save_and_reload(context, handle, run, snapshot, key, report_row))
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  whatever stops one format must not stop the others
        said = translate(error, WorkerError).to_json()
        report_row(key, {"state": "failed", "error": said, "seconds": time.monotonic() - started})


def _save_and_reload(
    context: AppContext, handle: JobHandle, run: Run, snapshot: Path, key: str, report_row: Any
) -> dict[str, Any]:
    """Saved into staging, reloaded in fresh children, hashed, flushed, renamed; gives the row of the result."""
    get_format(key).require_accepted(run.kind, run.weight_bytes)
    limits = {"seconds": context.config.child_seconds, "cancelled": handle.is_cancelled}
    limits |= {"sandboxed": is_imported(context.library, run)}
    with context.library.staging() as staged:
        folder = staged / "files"
        folder.mkdir()
        report_row(key, {"state": "saving"})
        options = handle.job.request["options"].get(key, {})
        original, reference = context.library.original(run), context.library.reference(run.id)
        asked = {
            "source": run.code_source,
            "kind": run.kind,
            "snapshot": snapshot,
            "format": key,
            "folder": OutputFolder(folder),
        }
        asked |= {"options": options, "arrays": {} if run.demo else reference.inputs}
        with _translate_full_disk(folder, run):
            seconds = context.worker.run("save", converts=True, **limits, **asked).message["seconds"]
        report_row(key, {"state": "reloading", "seconds": seconds})
        evidence = gather_evidence(
            context.worker, key, folder, source_with_signature(run.code_source, ""), original, reference, **limits
        )
        facts = {"format": key, "seconds": seconds, "options": options, "trust": run.trust}
        facts |= {"made_from": run.brought.get("artifact")}
        row = _result_row(context.library.commit_artifact(staged, run.id, evidence, **facts), evidence)
        return row | {"warning": f"{run.warning} {evidence.best.warning}".strip()}


@contextlib.contextmanager
def _translate_full_disk(folder: Path, run: Run) -> Iterator[None]:
    """Say that the disk is full where a process ended while it wrote, and there is no room for what it was to write:
    HDF5 brings its process down by that, without a word."""
    try:
        yield
    except ChildDied as error:
        if shutil.disk_usage(folder).free > run.weight_bytes + RECORD_BYTES:
            raise
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise translate(full, WorkerError) from error


def _result_row(artifact: Artifact, evidence: Evidence) -> dict[str, Any]:
    return {
        "state": "done",
        "artifact": artifact.id,
        "bytes": artifact.bytes,
        "seconds": artifact.seconds,
        "verdict": evidence.best.verdict.value,
        "changed_rows": evidence.best.changed_rows,
        "rows": evidence.best.rows,
        "needs_code": evidence.needs_code,
        "reason": (evidence.best.error or {}).get("sentence", ""),
    }
