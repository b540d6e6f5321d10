"""Start processes of ours with the little that they see of our environment; their priority, memory and end."""

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from core.kept_process_lookup import PASSED_PROXY_VARIABLES, PASSED_VARIABLES
from core.settings import PROJECT, Settings
from core.system import find_session, read_proportional_memory, read_resident_memory

EXIT_WAIT_SECONDS = 1.0  # seconds in which a killed forkserver, whose children end first, ends too
# A library that starts threads when it is imported would leave them outside of the sandbox.
SINGLE_THREAD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LOWERED_PRIORITY = 10  # steps of priority that a long computation stands behind whoever waits for a page
LOOK_SECONDS = 0.2  # seconds between two looks; a look takes milliseconds
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # the command by which the kernel counts the peak anew
STATUS = Path("/proc/self/status")


def worker_environment(config: Settings) -> dict[str, str]:
    """All that a worker process sees of our environment."""
    names = {name for name in os.environ if name.upper() in PASSED_VARIABLES + PASSED_PROXY_VARIABLES}
    settings = config.model_dump(exclude={"database_url", "store_url"})  # which may hold secrets; no child needs them
    environment = {name: os.environ[name] for name in names}
    environment |= {f"ROUNDTRIP_{name.upper()}": str(value) for name, value in settings.items()}
    return environment | {
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(config.home / "cache" / "keras"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ORT_DISABLE_TELEMETRY": "1",  # see `core.runtimes.onnx.import_onnxruntime`
        # Children share one machine and must agree bit for bit: they compute on the CPU.
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def start_process(
    config: Settings,
    module: str,
    *arguments: Path | str,
    has_pipes: bool = True,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a module of ours in a session of its own, with pipes, or cut off from us."""
    stream = subprocess.PIPE if has_pipes else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=stream,
        stdout=stream,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=PROJECT,
        env=worker_environment(config) | dict(variables or {}),
    )


def pipes_of(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    """What a process writes, and what it reads."""
    return cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)


def end_process(process: subprocess.Popen[bytes] | None) -> None:
    """Kill a process, if it still runs, and close its pipes."""
    if process:
        with contextlib.suppress(BrokenPipeError), process:  # what it was still to read is lost with it
            process.kill()


def lower_priority() -> None:
    """Let other processes go first: for work that nobody waits for by the second.

    A sandboxed child may not, and goes on as it is.
    """
    if hasattr(os, "setpriority"):
        with suppress(PermissionError):
            # The group is this child alone; so its other threads follow it.
            os.setpriority(os.PRIO_PGRP, 0, LOWERED_PRIORITY)


class MemoryWatch:
    """Looks at a child's memory a few times a second while somebody waits for its reply.

    Memory that it shares with the warm process, or with its own processes, is counted once. A child cannot leave its
    session: the seccomp filter of a sandboxed one forbids that.
    """

    def __init__(self) -> None:
        self._next_look = math.inf  # set when somebody begins to wait: a short request is not looked at

    def is_exceeded(self, pid: int | None, limit: int) -> bool:
        """Whether the processes of a child's session use more than `limit` bytes; False between two looks."""
        now = time.monotonic()
        if self._next_look == math.inf:
            self._next_look = now + LOOK_SECONDS
        if pid is None or now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        processes = find_session(pid)
        # The exact measure takes longer, and is never more than the other.
        return all(sum(map(read, processes)) > limit for read in (read_resident_memory, read_proportional_memory))


def reset_peak_memory() -> int | None:
    """Have the system count this process's peak resident memory anew; returns the present value in bytes.

    None where the system offers no such count: only Linux does.
    """
    try:
        CLEAR.write_text(RESET_PEAK)
        return read_process_status("VmRSS")
    except (OSError, LookupError):
        return None


def read_process_status(field: str) -> int:
    """A size in this process's status, in bytes. Raises LookupError where there is no such line."""
    values = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
    return int(values[field].split()[0]) * 1024
