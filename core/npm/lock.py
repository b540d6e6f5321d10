"""A lock: packages of npm by name, version and hash, and the files of each that are wanted. No addresses.

Hashes are Subresource Integrity (W3C): "sha512-" and the SHA-512 in base 64, as npm writes them too.
"""

import base64
import hashlib
import hmac
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FINGERPRINT_DIGITS = 16


def is_fingerprint(name: str) -> bool:
    """Whether a folder has the name that the fingerprint of a lock gives it."""
    return len(name) == FINGERPRINT_DIGITS and set(name) <= set("0123456789abcdef")


class LockedPackage(BaseModel):
    """A package: the hash of its tarball, and the hash of each wanted file by its path in the package."""

    name: str
    version: str
    integrity: str
    files: dict[str, str]

    @property
    def tarball(self) -> str:
        """The file name that npm gives the tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def spec(self) -> str:
        """The package as npm is asked for it."""
        return f"{self.name}@{self.version}"


class Lock(BaseModel):
    """All packages, and the hash by which what was made from this lock is known."""

    model_config = ConfigDict(frozen=True)

    packages: tuple[LockedPackage, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any package or file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:FINGERPRINT_DIGITS]

    @cached_property
    def files(self) -> dict[str, str]:
        """The hash of every file, by the name of its package and its path in it."""
        return {f"{package.name}/{path}": hash_ for package in self.packages for path, hash_ in package.files.items()}


@lru_cache(maxsize=16)
def read_lock(path: Path) -> Lock:
    """Read a lock that is a part of this project."""
    return Lock.model_validate_json(path.read_text(encoding="utf-8"))


def compute_integrity(content: bytes) -> str:
    """Return the hash of some bytes as the lock writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def has_integrity(content: bytes, integrity: str) -> bool:
    """Whether some bytes have the hash that the lock states."""
    return hmac.compare_digest(compute_integrity(content), integrity)
