"""Health of a library and its machine: verify, repair, rebuild, diagnose."""

from core.health.diagnostics import HealthCheck, check_sandbox, run_diagnostics
from core.health.repairs import rebuild_catalog, repair_library
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
    "VerificationReport",
    "check_sandbox",
    "read_last_report",
    "rebuild_catalog",
    "repair_library",
    "run_diagnostics",
    "verify_entries",
    "verify_entry",
]
