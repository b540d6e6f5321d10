"""What the tests of several packages share: waiting, running commands, disks of their own, and settings."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from typer.testing import CliRunner

from core import __main__ as command_line
from core.errors import RoundtripError
from core.formats import FORMATS
from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import Settings


def wait_until_done(jobs: Jobs, job: Job) -> Job:
    """The job at its end, which must be a good one."""
    end = jobs.wait(job.id)
    assert end.state == "done", end.error
    return end


def run_command(*words: str) -> tuple[int, str, str]:
    """What a command ends with: status, output, errors."""
    ended = CliRunner().invoke(command_line.app, list(words))
    if isinstance(ended.exception, RoundtripError):  # what `main` prints
        return 1, ended.stdout, str(ended.exception)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


@contextlib.contextmanager
def mounted_tmpfs(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Make a file system that was mounted here read-only ("ro"), or writable again ("rw")."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def close_catalog(library: Library) -> None:
    """Close the connections of a catalog, also those of a look in the background, which is slow where others work."""
    for thread in threading.enumerate():
        if thread.name in ("store look", "catalog scan"):
            thread.join()
    library._catalog._engine.dispose()


def list_staged(home: Path) -> list[Path]:
    """What lies in the staging of a library, beside the boxes of a worker's confined children."""
    return [path for path in (home / "staging").iterdir() if "-boxes" not in path.name]


def fill_disk(path: Path) -> None:
    """Write until not one more byte fits."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        write_until_full(file)


def write_until_full(file: BinaryIO) -> None:
    while True:
        file.write(b"\0" * 4096)


CANCEL_SECONDS = 10  # in which what is cancelled has ended, on a machine that has other work, too
PAUSE_SECONDS = 0.01  # between two looks: a core that only looks is taken from what is waited for


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(PAUSE_SECONDS)


UPLOAD_SETTINGS = Settings(upload_mb=64)


def overwrite_file(path: Path, text: str) -> None:
    """Overwrite a file in place, as a careless program would, a second later than the last change."""
    later = path.stat().st_mtime_ns + 10**9
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(later, later))


def are_bit_identical(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """Whether two sets of arrays have the same names in the same order, dtypes, shapes and bits."""
    return list(left) == list(right) and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


def skip_formats_without_packages(items: list[pytest.Item]) -> None:
    """Skip the tests of formats, by their keys, that need a package that is not installed here."""
    reasons = {item.key: item.refusal_reason(sorted(item.accepts)[0]) for item in FORMATS if item.missing_packages}
    for item in items if reasons else ():
        params = item.callspec.params.values() if hasattr(item, "callspec") else ()
        for key in reasons.keys() & {value for value in params if isinstance(value, str)}:
            item.add_marker(pytest.mark.skip(reason=reasons[key]))
