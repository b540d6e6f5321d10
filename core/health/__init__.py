"""Is everything as it was kept? What verifies, rebuilds and repairs a library, and what says how this machine does."""

from core.health.doctor import Check, doctor, sandbox
from core.health.rebuilding import Rebuilt, rebuild
from core.health.repairing import Mended, repair
from core.health.verifying import Found, Verified, last_verified, verify, verify_one

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
