"""Locks of environments, made of their requirements by uv: every package with its hashes, and no address."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.environments.base import PIN, Environment
from core.environments.uv import run_uv
from core.errors import InputError, NotBuilt
from core.worker.child_handle import never_cancelled

# For all systems and processors at once; what has no wheel is none, and what was locked before counts for nothing.
OPTIONS = ("--universal", "--generate-hashes", "--only-binary", ":all:", "--no-header", "--no-annotate", "--upgrade")
NOWHERE = "python_version < '3'"  # a marker that no release of Python meets
SECONDS = 600.0  # in which one lock is made
ADDRESS = re.compile(r"https?:|file:|--index|--find-links|--extra-index| @ ")


class LockRequirements(NamedTuple):
    """What a lock is made of: its file, requirements, what is left out, and the oldest release of Python."""

    path: Path
    requirements: tuple[str, ...]
    leaves_out: tuple[str, ...]
    python: str


def list_locks(environments: Iterable[Environment]) -> list[LockRequirements]:
    """Return the locks of environments, each once. Raises InputError where two that share one require other things."""
    locks: dict[Path, LockRequirements] = {}
    for environment in environments:
        oldest = min(environment.pythons, key=lambda release: [int(part) for part in release.split(".")])
        lock = LockRequirements(environment.lock_path, environment.requirements, environment.leaves_out, oldest)
        if locks.setdefault(lock.path, lock) != lock:
            cure = "Give them the same requirements, or one a lock of its own."
            raise InputError("Two environments share a lock and differ.", received=environment.key, cure=cure)
    return list(locks.values())


def make_lock(lock: LockRequirements) -> bool:
    """Resolve a lock anew, and replace its file; returns whether it has changed.

    Raises NotBuilt where it does not resolve, PackageMissing and TimedOut; the file is as it was then.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = _resolve(lock, folder)
    if ADDRESS.search(text):
        cure = "Take it out of the requirements."
        raise NotBuilt("The lock would hold an address.", received=lock.path.stem, cure=cure)
    before = lock.path.read_text(encoding="utf-8") if lock.path.exists() else ""
    if before != text:
        new = lock.path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, lock.path)
    return before != text


def _resolve(lock: LockRequirements, folder: Path) -> str:
    given, overrides, target = folder / "requirements.in", folder / "overrides.txt", folder / "lock.txt"
    given.write_text("\n".join(lock.requirements) + "\n", encoding="utf-8")
    overrides.write_text("".join(f"{name}; {NOWHERE}\n" for name in lock.leaves_out), encoding="utf-8")
    (folder / "uv.toml").touch()  # the settings of this project are none
    places = ("--project", folder, "--override", overrides, "--output-file", target, given)
    arguments = ("pip", "compile", *OPTIONS, "--python-version", lock.python, *places)
    run_uv(*arguments, label=lock.path.stem, seconds=SECONDS, is_cancelled=never_cancelled, main_index=True)
    return target.read_text(encoding="utf-8")


def describe_changes(before: str, after: str) -> Iterator[str]:
    """Say which pins of a lock came, and which went, a line each."""
    old, new = ({f"{name} {version}" for name, version in PIN.findall(text)} for text in (before, after))
    yield from (f"- {pin}" for pin in sorted(old - new))
    yield from (f"+ {pin}" for pin in sorted(new - old))
