"""Jobs that maintain the library: verify, rebuild, repair."""

import logging
from typing import TypedDict, cast

from core.errors import RoundtripError
from core.health import rebuild_catalog, repair_library, verify_entries
from core.jobs.job_handle import JobHandle
from core.library import Library
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
