"""Jobs that maintain the library: verify, rebuild, repair."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypedDict, cast

from core.context import AppContext
from core.errors import RoundtripError
from core.health import VerificationReport, read_last_report, rebuild_catalog, repair_library, verify_entries
from core.jobs.execution.job_handle import JobHandle
from core.library import Library
from core.library.job_store import Job, JobStore
from core.settings import Settings
from core.text.numbers import format_size
from core.uploads import Uploads

log = logging.getLogger("roundtrip")


class VerifiedEntry(TypedDict):
    """The fields of an `EntryVerification`."""

    id: str
    state: str
    sentence: str
    remark: str
    bytes: int


class VerifyResult(TypedDict):
    entries: int
    artifacts: int
    runs: int
    bytes: int
    wrong: list[VerifiedEntry]  # not as they were stored
    remarks: list[VerifiedEntry]


class CatalogRebuild(TypedDict):
    """The fields of a `RebuildResult`."""

    before: int
    after: int
    differences: list[str]


class RepairedThing(TypedDict):
    """The fields of a `RepairResult`."""

    kind: str
    id: str
    state: str
    sentence: str


class RepairJobResult(TypedDict):
    mended: list[RepairedThing]


def run_verify(handle: JobHandle) -> VerifyResult:
    """Verify the entries of the request, or all."""
    rows = verify_entries(handle.library, handle.request["ids"], handle.report_progress, handle.is_cancelled)
    return {
        "entries": len(rows),
        "artifacts": sum(row.id.startswith("a") for row in rows),
        "runs": sum(row.id.startswith("r") for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "wrong": [cast(VerifiedEntry, row._asdict()) for row in rows if not row.is_intact],
        "remarks": [cast(VerifiedEntry, row._asdict()) for row in rows if row.remark],
    }


def run_rebuild(handle: JobHandle) -> CatalogRebuild:
    """Rebuild the catalog; gives what `rebuild_catalog` does."""
    handle.report_progress(note="Reading every record")
    before, after, differences = rebuild_catalog(handle.library)
    return {"before": before, "after": after, "differences": differences}


def run_repair(handle: JobHandle) -> RepairJobResult:
    """Repair the library, or say what would be done; gives every repair of `repair_library`."""
    handle.report_progress(note="Looking for what is out of order")
    repairs = repair_library(handle.library, handle.request["quarantine"], handle.request["dry_run"])
    return {"mended": [cast(RepairedThing, repair._asdict()) for repair in repairs]}


def delete_expired(context: AppContext) -> None:
    """Delete what has expired in the trash, of the uploads and in a team's store; raises nothing, and what one of these
    raises is logged and keeps none of the others from being done."""
    library, config = context.library, context.config
    steps: tuple[Callable[[], None], ...] = (
        lambda: empty_expired_trash(library, config.trash_days),
        lambda: delete_expired_uploads(context.uploads),
        lambda: delete_unlisted_entries(context.job_store, config),
        lambda: collect_unused_contents(library, config.unused_days, config),
    )
    for step in steps:
        try:
            step()
        except Exception:  # whatever it is: what calls this daily would end with it
            log.exception("What has expired was not all deleted; it is tried again in a day.")


def empty_expired_trash(library: Library, days: int) -> None:
    """Delete entries that have been in the trash for so many days, with 0 none; log what fails."""
    if not days:
        return
    try:
        if deleted := library.empty_trash(days):
            log.info("Deleted for good after %d days in the trash: %s", days, ", ".join(deleted))
    except RoundtripError as error:
        log.warning("The trash was not emptied: %s", error)


def delete_expired_uploads(uploads: Uploads) -> None:
    """Delete uploads that nobody continued or used; log what fails."""
    try:
        if count := uploads.delete_expired():
            log.info("Deleted uploads that nobody used for %g hours: %d", uploads.hours, count)
    except RoundtripError as error:
        log.warning("Uploads that have expired were not deleted: %s", error)


def delete_unlisted_entries(job_store: JobStore, config: Settings) -> None:
    """Delete from a team's store what no job lists that a worker made; log what fails."""
    if not config.is_team:
        return
    from core.queue import DatabaseJobStore  # which one machine need not import

    assert isinstance(job_store, DatabaseJobStore)
    try:
        job_store.delete_unlisted()
    except RoundtripError as error:
        log.warning("What no job lists was not deleted from the store: %s", error)


def collect_unused_contents(library: Library, days: int, config: Settings) -> None:
    """Delete contents of a team's store that were unused for so many days, with 0 none, once a day in all of the team;
    log what fails, also that workers of an earlier version run."""
    if not days or not config.is_team:
        return
    from core.jobs.execution.workers import require_no_earlier_workers  # which one machine need not import
    from core.queue import QueueDatabase

    try:
        require_no_earlier_workers(QueueDatabase(config.database_url))
        if (freed := library.entries.collect_if_due(days)).contents:
            size = format_size(freed.bytes)
            log.info("Deleted from the store what no entry had listed for %d days: %d, %s", days, freed.contents, size)
    except RoundtripError as error:
        log.warning("The contents of the store were not collected: %s", error)


def find_last_report(context: AppContext) -> VerificationReport | None:
    """Return how the last verification of everything ended; in a team it was a worker that did it, with a home of its
    own, so its job says so."""
    if not context.config.is_team or context.library.access.viewer_id is not None:
        return read_last_report(context.library)
    ended = (job for job in context.job_store.list_jobs("verify") if job.state == "done" and job.request["ids"] is None)
    return _report_of(context.job_store.read(job.id)) if (job := next(ended, None)) else None


def _report_of(job: Job) -> VerificationReport:
    began, ended = (datetime.fromisoformat(moment or job.created) for moment in (job.started, job.finished))
    facts = {name: job.result[name] for name in ("artifacts", "runs", "bytes", "wrong", "remarks")}
    seconds = (ended - began).total_seconds()
    return VerificationReport.model_validate({"schema": 1, "created": job.finished, "seconds": seconds, **facts})
