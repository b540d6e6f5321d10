"""Packages of npm: locks of them, and how the files that a lock names come onto the disk, checked twice."""

from core.npm.lock import Lock, LockedPackage, compute_integrity, has_integrity, is_fingerprint, read_lock
from core.npm.tarballs import NPM_WHEEL, find_bundled_npm, run_npm_pack, write_packages

__all__ = [
    "NPM_WHEEL",
    "Lock",
    "LockedPackage",
    "compute_integrity",
    "find_bundled_npm",
    "has_integrity",
    "is_fingerprint",
    "read_lock",
    "run_npm_pack",
    "write_packages",
]
