"""Building of environments: on demand, once for each lock and release of Python, whole or not at all.

An environment lies in a folder of the cache that is named by the hash of its lock and the release of Python. It is
built in a folder beside and renamed when it is whole; whoever else wants it meanwhile waits. What a builder that was
killed leaves behind is deleted by the next one.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from core.environments.base import Environment
from core.environments.interpreters import find_interpreter
from core.environments.npm_packages import install_npm_packages
from core.environments.uv import run_uv
from core.errors import NotBuilt
from core.library.storage import delete_folder, size_on_disk, translate_disk_errors
from core.settings import Settings
from core.worker.child_errors import cancelled_error
from core.worker.child_handle import POLL_SECONDS, CancelCheck, never_cancelled

RECORD = "built.json"  # in the folder of an environment, written last
VENV = "venv"
BIN = "Scripts" if os.name == "nt" else "bin"
# Beside the main index lies another build of a release, with a name of its own (2.13.0+cpu), which uv takes for newer.
# It breaks the lines of what it says by their width.
OTHER_BUILD = re.compile(r"no\s+hashes\s+were\s+provided\s+or\s+computed\s+for:\s+\S+==\S+\+")

Report = Callable[[float, str], None]  # share of the work that is done, and what is being done


class BuiltEnvironment(NamedTuple):
    """An environment on the disk."""

    folder: Path
    seconds: float
    bytes: int

    @property
    def python(self) -> Path:
        return self.folder / VENV / BIN / ("python.exe" if os.name == "nt" else "python")


def environment_folder(config: Settings, environment: Environment) -> Path:
    return config.environments_folder / environment.folder_name


def find_built(config: Settings, environment: Environment) -> BuiltEnvironment | None:
    """Return an environment that is built; None where it is not, or not whole."""
    folder = environment_folder(config, environment)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        built = BuiltEnvironment(folder, float(record["seconds"]), int(record["bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return built if built.python.exists() else None


def is_unchanged(built: BuiltEnvironment) -> bool:
    """Whether the files of an environment are those that were installed; what Python compiled of them is none.

    Our own packages have no fingerprint: whoever installed them may change them.
    """
    try:
        files = json.loads((built.folder / RECORD).read_text(encoding="utf-8"))["files"]
        return bool(files is None or files == _fingerprint(built.folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def build_environment(
    config: Settings,
    environment: Environment,
    report: Report = lambda share, note: None,
    is_cancelled: CancelCheck = never_cancelled,
) -> BuiltEnvironment:
    """Return an environment, which is built where it is not.

    Raises NotBuilt, PackageMissing, Damaged, StorageFailed, TimedOut and Cancelled; nothing is left of it then.
    """
    if built := find_built(config, environment):
        return built
    cache, name = config.environments_folder, environment.folder_name
    with translate_disk_errors():
        cache.mkdir(parents=True, exist_ok=True)
        with _build_lock(cache / f"{name}.lock", report, is_cancelled):
            if built := find_built(config, environment):  # by whom we waited for
                return built
            _delete_leftovers(cache, name)
            with tempfile.TemporaryDirectory(prefix=f"{name}.part-", dir=cache, ignore_cleanup_errors=True) as staged:
                _install(config, environment, Path(staged), report, is_cancelled)
                os.rename(Path(staged) / "whole", cache / name)
    built = find_built(config, environment)
    if built is None:
        raise NotBuilt("It was removed while it was built.", received=environment.label, cure="Build it again.")
    return built


@contextlib.contextmanager
def _build_lock(path: Path, report: Report, is_cancelled: CancelCheck) -> Iterator[None]:
    """Hold the lock of an environment. Raises Cancelled while another builder holds it."""
    lock, is_waiting = FileLock(path), False
    while True:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=POLL_SECONDS)
            break
        if not is_waiting:
            report(0.0, "Waiting for who is building it already")
            is_waiting = True
        if is_cancelled():
            raise cancelled_error()
    with lock:
        yield


def _delete_leftovers(cache: Path, name: str) -> None:
    """Delete what builders that were killed have left, and an environment that is not whole. The lock is held."""
    for leftover in (cache / name, *cache.glob(f"{name}.part-*")):
        delete_folder(leftover)


def _install(
    config: Settings, environment: Environment, staged: Path, report: Report, is_cancelled: CancelCheck
) -> None:
    """Make the environment in `staged / "whole"`, with its record."""
    started, folder = time.monotonic(), staged / "whole"
    folder.mkdir()
    (staged / "uv.toml").touch()  # the settings of this project are none; the user's and the system's count
    run = partial(run_uv, label=environment.label, seconds=config.environment_seconds, is_cancelled=is_cancelled)
    python = find_interpreter(environment.release)
    report(0.02, f"{environment.label}: making room for it")
    # Relocatable, as it is renamed.
    run("venv", "--project", staged, "--no-project", "--relocatable", "--python", python, folder / VENV)
    report(0.05, f"{environment.label}: fetching packages, {environment.megabytes:,} MB on the disk")
    options = ("--require-hashes", "--no-build", "--python", folder / VENV, environment.lock_path)
    sync = partial(run, "pip", "sync", "--project", staged, *options)
    try:
        sync()
    except NotBuilt as error:
        if not OTHER_BUILD.search(error.detail):
            raise
        sync(main_index=True)
    if environment.npm_lock:
        report(0.9, f"{environment.label}: fetching packages of npm")
        with tempfile.TemporaryDirectory(dir=staged) as fetched:
            install_npm_packages(
                environment.npm_lock,
                folder / VENV,
                Path(fetched),
                label=environment.label,
                seconds=config.environment_seconds,
                is_cancelled=is_cancelled,
            )
    report(0.95, f"{environment.label}: checking")
    seconds = time.monotonic() - started
    record = {"seconds": seconds, "bytes": size_on_disk(folder), "files": _fingerprint(folder)}
    (folder / RECORD).write_text(json.dumps(record) + "\n", encoding="utf-8")


def _fingerprint(folder: Path) -> str:
    """Hash names, sizes and times of all that was installed; a bit that flips on the disk is not seen."""
    digest = hashlib.sha256()
    for root, folders, files in os.walk(folder / VENV):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            path = os.path.join(root, name)
            status = os.lstat(path)
            digest.update(f"{os.path.relpath(path, folder)}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def remove_environment(config: Settings, environment: Environment) -> int:
    """Delete an environment; returns the bytes that were freed, 0 where there was none. Raises StorageFailed."""
    folder, name = environment_folder(config, environment), environment.folder_name
    if not folder.exists():
        return 0
    with translate_disk_errors(), FileLock(folder.with_name(f"{name}.lock")):
        size = size_on_disk(folder)
        with contextlib.suppress(FileNotFoundError):  # somebody else has removed it
            os.rename(folder, folder.with_name(f"{name}.part-{secrets.token_hex(4)}"))  # not half an environment
        _delete_leftovers(folder.parent, name)
    return size
