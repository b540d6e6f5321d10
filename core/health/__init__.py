"""Is everything as it was kept? What verifies, rebuilds and repairs a library, and what says how this machine does."""

from core.health.diagnostics import HealthCheck, check_sandbox, run_diagnostics
from core.health.repairs import RebuildResult, RepairResult, rebuild_catalog, repair_library
from core.health.verification import (
    EntryVerification,
    VerificationReport,
    read_last_report,
    verify_entries,
    verify_entry,
)

__all__ = [
    "EntryVerification",
    "HealthCheck",
    "RebuildResult",
    "RepairResult",
    "VerificationReport",
    "check_sandbox",
    "read_last_report",
    "rebuild_catalog",
    "repair_library",
    "run_diagnostics",
    "verify_entries",
    "verify_entry",
]
