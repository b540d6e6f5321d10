"""The work of jobs that look after the library: verify, rebuild, repair."""

from typing import TYPE_CHECKING, Any

from core.health import rebuild, repair, verify

if TYPE_CHECKING:
    from core.jobs import Handle, Jobs


def verify_work(jobs: "Jobs", handle: "Handle") -> dict[str, Any]:
    """Verify the entries of the request, or all; gives how many were looked at, and each that is not as it was kept."""
    rows = verify(jobs.library, handle.job.request["ids"], handle.tell, handle.cancelled)
    return {
        "entries": len(rows),
        "bytes": sum(row.bytes for row in rows),
        "wrong": [row._asdict() for row in rows if not row.intact],
        "remarks": [row._asdict() for row in rows if row.remark],
    }


def rebuild_work(jobs: "Jobs", handle: "Handle") -> dict[str, Any]:
    """Make the catalog anew; gives a `Rebuilt` as JSON."""
    handle.tell(note="Reading every record")
    return rebuild(jobs.library)._asdict()


def repair_work(jobs: "Jobs", handle: "Handle") -> dict[str, Any]:
    """Put the library in order, or say what would be done; gives every `Mended` as JSON."""
    asked = handle.job.request
    handle.tell(note="Looking for what is out of order")
    return {"mended": [one._asdict() for one in repair(jobs.library, asked["quarantine"], asked["dry_run"])]}
