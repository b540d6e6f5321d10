"""Policy of the sandbox: paths that a child may read and write, its limits, and the order in which it confines itself.

It may read the Python installation, our own sources, and what runtimes need of the system.
"""

import ctypes
import os
import site
import struct
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, TypedDict

from core.sandbox import landlock, seccomp
from core.sandbox.limits import set_limits
from core.settings import PROJECT, Settings

LIBRARY_PATHS = ("/lib", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib")
DEVICE_PATHS = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
CONFIG_PATHS = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
PROC_PATHS = ("cpuinfo", "meminfo", "self", "stat", "sys/vm/overcommit_memory", "version")
SYS_PATHS = ("bus/cpu", "bus/node", "devices/system", "kernel/mm")
# Writing to it resets what is counted of this process's memory, and nothing else.
CLEAR_REFS_FILE = "/proc/self/clear_refs"
CONFINED = b"confined\n"  # what a program's output begins with: said before anything untrusted runs
LOADER_PATTERNS = ("lib/ld-*.so*", "lib64/ld-*.so*", "lib/*/ld-*.so*")  # what starts a program with shared libraries

CAPABILITY_VERSION_3 = 0x20080522  # the third version of the kernel's description of a process's capabilities
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 23, 24, 47, 4

_handles_untrusted = [False]


def mark_untrusted() -> None:
    """Note that all that this process loads from now on may be untrusted."""
    _handles_untrusted[0] = True


def handles_untrusted() -> bool:
    """Whether what this process loads may be untrusted.

    It is then sandboxed, unless ROUNDTRIP_RUN_UNCONFINED lets it run without where the system has no sandbox.
    """
    return _handles_untrusted[0]


def readable_paths(library: Path) -> list[Path]:
    """Files and folders that may be read, with all below them; none of them contains the folder `library`."""
    python = leave_out_private(map(Path, _python_paths()), library)
    system = [*LIBRARY_PATHS, *DEVICE_PATHS, *CONFIG_PATHS]
    system += [f"/proc/{name}" for name in PROC_PATHS] + [f"/sys/{name}" for name in SYS_PATHS]
    return [*map(Path, system), *python, PROJECT / "core"]


def leave_out_private(paths: Iterable[Path], library: Path) -> list[Path]:
    """Leave out paths, without links in them, that contain this project, the home or the folder `library`."""
    private = (PROJECT.resolve(), Path.home().resolve(), library.resolve())
    return [path for path in paths if not any(folder.is_relative_to(path) for folder in private)]


def writable_paths() -> list[Path]:
    """Files that may be written as they are."""
    return [Path("/dev/null"), Path(CLEAR_REFS_FILE)]


def _python_paths() -> set[str]:
    """Where Python imports from."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {*sys.path, *site.getsitepackages(), os.path.join(sys.base_prefix, "lib"), os.path.join(sys.prefix, "lib")}
    return {os.path.realpath(path) for path in paths if path}


def confine(readable_folder: Path, writable_folder: Path, config: Settings) -> None:
    """Confine this process for the rest of its life: beside Python it reads one folder, and fills the other.

    Raises OSError where the kernel cannot, or where another thread runs already, which would not be confined.
    """
    mark_untrusted()
    os.environ["TMPDIR"] = os.environ["HOME"] = os.environ["KERAS_HOME"] = str(writable_folder)
    _give_up_rights(config)
    landlock.restrict([*readable_paths(config.home), readable_folder], writable_paths(), [writable_folder])
    seccomp.install_filter()


class ConfinedProgram(NamedTuple):
    """A program to become in the sandbox: its command and environment, and what it may read, fill and start."""

    command: Sequence[str]
    environment: Mapping[str, str]
    readable: Sequence[Path]
    writable_folder: Path
    programs: Sequence[Path] = ()


def become_confined(program: ConfinedProgram, config: Settings) -> NoReturn:
    """Become a program that is confined as `confine` confines; its standard output begins with `CONFINED`.

    What it asks the kernel to execute is checked by the path of the file: its own command, the programs that are named
    and the system's loaders of shared libraries are executed, and no other file. Whatever runs that way is confined
    like itself. Raises OSError where the kernel cannot.
    """
    _give_up_rights(config)
    loaders = [path for pattern in LOADER_PATTERNS for path in Path("/").glob(pattern)]
    executable = [Path(program.command[0]), *program.programs, *loaders]
    readable = [*readable_paths(config.home), *program.readable]
    landlock.restrict(readable, writable_paths(), [program.writable_folder], executable)
    seccomp.install_filter(may_become_program=True, may_start_programs=bool(program.programs))
    os.write(sys.stdout.fileno(), CONFINED)
    os.execve(program.command[0], [*program.command], dict(program.environment))


class ForkPolicy(TypedDict):
    """How a process that a program forks confines itself as `confine` does: with these modules of ours, and paths."""

    modules: list[str]
    readable: list[str]
    writable: list[str]
    fillable: str


def build_fork_policy(readable: Sequence[Path], fillable: Path, config: Settings) -> ForkPolicy:
    """Return what each process that a program forks may read, beside Python, and which folder it may fill."""
    return {
        "modules": [str(landlock.__file__), str(seccomp.__file__)],
        "readable": [str(path) for path in (*readable_paths(config.home), *readable)],
        "writable": [str(path) for path in writable_paths()],
        "fillable": str(fillable),
    }


def become_forking(command: Sequence[str], environment: Mapping[str, str], config: Settings) -> NoReturn:
    """Become a program that loads nothing untrusted itself, within the limits of a confined one and without rights.

    Each process that it forks confines itself (see `ForkPolicy`); its standard output begins with `CONFINED`, too.
    Raises OSError where the kernel cannot.
    """
    _give_up_rights(config)
    os.write(sys.stdout.fileno(), CONFINED)
    os.execve(command[0], [*command], dict(environment))


def _give_up_rights(config: Settings) -> None:
    """Take on limits, and give up all that root can. Raises OSError where another thread would keep them."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError("there is another thread, which would not be confined")
    set_limits(config)
    _drop_capabilities()
    seccomp.set_no_new_privileges()


def _drop_capabilities() -> None:
    """Drop all capabilities: a process of root still reads root's files, and can do nothing else that root can."""
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    capability = 0
    while library.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused where there is none to drop
        capability += 1
    header, nothing = struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24)
    if library.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the powers of this process could not be dropped")
