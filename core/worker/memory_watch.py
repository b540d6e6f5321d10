"""The memory that a child uses: the app's watch over it, and the peak that a process reads of itself."""

import math
import time
from pathlib import Path

from core.system import find_session, read_proportional_memory, read_resident_memory

LOOK_SECONDS = 0.2  # seconds between two looks; a look takes milliseconds
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # the command by which the kernel counts the peak anew
STATUS = Path("/proc/self/status")


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
