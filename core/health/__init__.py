"""Is everything as it was kept? What verifies, rebuilds and repairs a library, and what says how this machine does."""

from core.health.diagnostics import Check, doctor, sandbox
from core.health.repairs import Mended, Rebuilt, rebuild, repair
from core.health.verification import Found, Verified, last_verified, verify, verify_one

__all__ = [
    "Check",
    "Found",
    "Mended",
    "Rebuilt",
    "Verified",
    "doctor",
    "last_verified",
    "rebuild",
    "repair",
    "sandbox",
    "verify",
    "verify_one",
]
