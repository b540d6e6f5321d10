"""The work of jobs that look after the library: verify, rebuild, repair."""

from typing import Any

from core.context import AppContext
from core.health import rebuild, repair, verify
from core.jobs.runner import JobHandle


def verify_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Verify the entries of the request, or all; gives how many were looked at, and each that is not as it was kept."""
    rows = verify(context.library, handle.job.request["ids"], handle.tell, handle.cancelled)
    return {
        "entries": len(rows),
        "bytes": sum(row.bytes for row in rows),
        "wrong": [row._asdict() for row in rows if not row.intact],
        "remarks": [row._asdict() for row in rows if row.remark],
    }


def rebuild_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Make the catalog anew; gives a `Rebuilt` as JSON."""
    handle.tell(note="Reading every record")
    return rebuild(context.library)._asdict()


def repair_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Put the library in order, or say what would be done; gives every `Mended` as JSON."""
    asked = handle.job.request
    handle.tell(note="Looking for what is out of order")
    return {"mended": [one._asdict() for one in repair(context.library, asked["quarantine"], asked["dry_run"])]}
