"""What is known of this machine and its processes: identity, hardware, memory."""

import contextlib
import os
import platform
import signal
import socket
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypedDict

import psutil

START_TIME_TOLERANCE = 1.0  # seconds by which two readings of one process's start may differ
CPUINFO = Path("/proc/cpuinfo")
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
# Variables by which engines compute with fewer of a processor's instructions than it has.
INSTRUCTION_LIMITS = ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS")
# Those that decide which kernels an engine takes, as kernels of Linux call them: of x86, then of ARM.
INSTRUCTION_SETS = (
    *("sse4_1", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"),
    *("asimd", "asimddp", "sve", "i8mm", "bf16"),
)
MEMORY_LIMIT_FILES = ("memory.max", "memory.limit_in_bytes")  # of a control group, in the kernel's new and old way


class Machine(TypedDict):
    """What a result was computed on, without names of users or networks; `memory` in bytes."""

    processor: str
    cores: int
    processors: int
    memory: int
    system: str


@cache
def _start_time(pid: int) -> float:
    return psutil.Process(pid).create_time()


def process_start_time() -> float:
    """Return when this process began, in seconds since 1970."""
    return _start_time(os.getpid())  # a forked child has another pid, which is not in the cache


def is_process_alive(pid: int, started: float) -> bool:
    """Whether the process of this pid still runs that `started` then (s): pids are reused."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < START_TIME_TOLERANCE
    except psutil.Error:
        return False


def describe_machine() -> Machine:
    """Return the processor, its cores, the memory and the operating system of this machine."""
    return {
        "processor": _processor_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "processors": psutil.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def list_instruction_sets() -> tuple[str, ...]:
    """Return those of `INSTRUCTION_SETS` that this processor has; empty where the system does not say so."""
    with contextlib.suppress(OSError):
        lines = CPUINFO.read_text().splitlines()
        flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
        return tuple(name for name in INSTRUCTION_SETS if name in flags)
    return ()


@cache
def has_exact_8_bit_products() -> bool:
    """Return whether this processor is known to add products of 8-bit integers in 32 bits.

    Those of the kind x86 have an instruction for it where they name one of VNNI or AMX; without, runtimes add in 16
    bits, which may be too few (see `reduce_range` of ONNX Runtime's quantizer). All of ARM's 64-bit ones add exactly.
    """
    if platform.machine().lower() in ("aarch64", "arm64"):
        return True
    with contextlib.suppress(OSError):
        flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "")
        return any(flag.endswith("vnni") or flag == "amx_int8" for flag in flags.split())
    return False


def send_small_messages_at_once() -> None:
    """Have what connects to this process from now on be sent small messages without waiting for others to join them.

    Of a socket that Streamlit has bound, asyncio does not know that it is TCP, so the second message of a page would
    wait 40 ms for the browser's word that the first has come (Nagle's algorithm and delayed acknowledgement).
    """
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.fd >= 0:
            with socket.socket(fileno=os.dup(connection.fd)) as listener:  # accepted ones take the option from it
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def usable_memory() -> int:
    """Bytes of memory that this process and its children may use together: the machine's, or their control group's."""
    return min([psutil.virtual_memory().total, *_cgroup_memory_limits()])


def _cgroup_memory_limits() -> list[int]:
    """The memory limits of the control groups that this process is in, as far as the system shows them."""
    with contextlib.suppress(OSError):
        groups = [line.split(":", 2) for line in (PROC / "self/cgroup").read_text().splitlines()]
        folders = [CGROUPS / kind / path.lstrip("/") for _, kind, path in groups if kind in ("", "memory")]
        folders += [CGROUPS, CGROUPS / "memory"]  # as a container sees its own
        return [
            limit for folder in folders for name in MEMORY_LIMIT_FILES if (limit := _read_cgroup_limit(folder / name))
        ]
    return []


def _read_cgroup_limit(path: Path) -> int | None:
    """The limit that a file holds; None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def find_session(leader: int) -> list[int]:
    """The process ids of the session that `leader` opened: itself and whatever it has started."""
    if not hasattr(os, "getsid"):
        return [leader]
    members = []
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == leader:
                members.append(pid)
    return members


def read_resident_memory(pid: int) -> int:
    """Resident memory of a process in bytes; 0 for a process that is gone."""
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def read_proportional_memory(pid: int) -> int:
    """Resident memory of a process in bytes, of which shared pages are divided among those that share them.

    All of its resident memory where the system does not tell. 0 for a process that is gone.
    """
    with suppress(OSError, LookupError, ValueError):
        text = (PROC / str(pid) / "smaps_rollup").read_text()
        return int(text.split("\nPss:")[1].split()[0]) * 1024
    return read_resident_memory(pid)


def kill_group(pid: int) -> None:
    """Kill a process that leads a group, with all that it has started; where there are no groups, itself."""
    with contextlib.suppress(OSError):  # it has ended
        os.killpg(pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(pid, signal.SIGTERM)


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that no child outlives a killed app."""
    if sys.platform.startswith("linux"):
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
