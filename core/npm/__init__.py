"""Packages of npm: locks of them, and how the files that a lock names come onto the disk, checked twice."""

from core.npm.lock import Lock, LockedPackage, compute_integrity, has_integrity, is_fingerprint, read_lock
from core.npm.tarballs import NPM_VARIABLES, NPM_WHEEL, find_bundled_npm, pack_command, write_packages

__all__ = [
    "NPM_VARIABLES",
    "NPM_WHEEL",
    "Lock",
    "LockedPackage",
    "compute_integrity",
    "find_bundled_npm",
    "has_integrity",
    "is_fingerprint",
    "pack_command",
    "read_lock",
    "write_packages",
]
