"""The programs that build environments: each is run to its end, within a limit of time, and can be cancelled."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from core.errors import TimedOut
from core.system import kill_group
from core.worker.child_errors import cancelled_error
from core.worker.child_handle import POLL_SECONDS, CancelCheck

MAX_OUTPUT_BYTES = 2**16  # of what a program says that are read


def run_program(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    label: str,
    seconds: float,
    is_cancelled: CancelCheck,
) -> tuple[int, str]:
    """Run a program to its end; returns its exit status, and the end of what it said.

    Raises TimedOut and Cancelled; it has ended in any case.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
        )
        try:
            status = _await(process, label, seconds, is_cancelled)
        finally:
            _end(process)
        return status, _read_tail(output)


def _await(process: subprocess.Popen[bytes], label: str, seconds: float, is_cancelled: CancelCheck) -> int:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(POLL_SECONDS)
        if is_cancelled():
            raise cancelled_error()
        if time.monotonic() > deadline:
            raise TimedOut(
                f"Building took longer than its limit of {seconds:g} seconds, and was stopped.",
                received=label,
                cure="Build it again: what was fetched is kept; or raise ROUNDTRIP_ENVIRONMENT_SECONDS.",
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it has started, where it has not ended."""
    if process.poll() is None:
        kill_group(process.pid)
        process.wait()


def _read_tail(file: BinaryIO) -> str:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - MAX_OUTPUT_BYTES))
    return file.read().decode("utf-8", "replace")
