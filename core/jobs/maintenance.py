"""The work of jobs that look after the library: verify, rebuild, repair."""

from typing import Any

from core.context import AppContext
from core.health import rebuild_catalog, repair_library, verify_entries
from core.jobs.runner import JobHandle


def run_verify(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Verify the entries of the request, or all; gives how many were looked at, and each that is not as it was kept."""
    rows = verify_entries(context.library, handle.job.request["ids"], handle.report_progress, handle.is_cancelled)
    return {
        "entries": len(rows),
        "bytes": sum(row.bytes for row in rows),
        "wrong": [row._asdict() for row in rows if not row.is_intact],
        "remarks": [row._asdict() for row in rows if row.remark],
    }


def run_rebuild(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Make the catalog anew; gives a `Rebuilt` as JSON."""
    handle.report_progress(note="Reading every record")
    return rebuild_catalog(context.library)._asdict()


def run_repair(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Put the library in order, or say what would be done; gives every `Mended` as JSON."""
    asked = handle.job.request
    handle.report_progress(note="Looking for what is out of order")
    return {"mended": [one._asdict() for one in repair_library(context.library, asked["quarantine"], asked["dry_run"])]}
