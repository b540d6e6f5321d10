"""What a confined child must not be able to do, tried by one: each attempt is what a stranger's code would begin with.

An attempt that gets through does no harm: it is aimed at what the self-test made for it, or takes no effect.
"""

import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any

Reply = tuple[dict[str, Any], None]

EXCESSIVE_BYTES = 64 * 2**30  # bytes: more memory, and a longer file, than any confined child may have
PTRACE_SEIZE = 0x4206  # which, unlike attaching, does not stop whoever is traced
# How a system says no. That something is not there, or does not answer, is no such word.
REFUSAL_ERRNOS = {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EROFS, errno.ENOSYS, errno.ENOMEM, errno.EFBIG}


def attempt_escapes(report: Any, arrays: Any, *, targets: dict[str, Any]) -> Reply:
    """Try everything on the targets that the self-test made; gives by name whether it was refused, how, in seconds."""
    return {"attempts": {name: _try_attempt(do, targets) for name, do in ATTEMPTS.items()}}, None


def _try_attempt(action: Callable[[dict[str, Any]], Any], targets: dict[str, Any]) -> dict[str, Any]:
    started, how = time.perf_counter(), 0
    try:
        action(targets)
    except MemoryError:
        how = errno.ENOMEM
    except OSError as error:
        how = error.errno or 0
    found = {"refused": how in REFUSAL_ERRNOS, "how": errno.errorcode.get(how, "done")}
    return found | {"seconds": time.perf_counter() - started}


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _write(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def _connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as one:
        one.settimeout(1)
        one.connect(address)
        one.send(b"x")


def _fork(targets: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _call(name: str, *arguments: Any) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _allocate_memory(targets: dict[str, Any]) -> None:
    bytearray(EXCESSIVE_BYTES)


def _write_large_file(targets: dict[str, Any]) -> None:
    with open(targets["scratch"], "wb") as file:
        file.truncate(EXCESSIVE_BYTES)


def _raise_limits(targets: dict[str, Any]) -> None:
    import resource

    limits = (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)
    if any(resource.getrlimit(one)[0] == resource.RLIM_INFINITY for one in limits):
        return
    for one in limits:
        try:
            resource.setrlimit(one, resource.getrlimit(one))
        except ValueError as error:  # so Python says that it is not permitted
            raise PermissionError(errno.EPERM, str(error)) from error


UNIX, INET = socket.AF_UNIX if hasattr(socket, "AF_UNIX") else 0, socket.AF_INET
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
ALL_PERMISSIONS = 0o777
CLONE_NEWUSER = 0x10000000

ATTEMPTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "read-secret": lambda to: _read(to["secret"]),
    "read-system": lambda to: _read("/etc/passwd"),
    "read-environment": lambda to: _read(f"/proc/{to['app']}/environ"),
    "list-library": lambda to: os.listdir(to["outside"]),
    "write-outside": lambda to: _write(os.path.join(to["outside"], "written")),
    "write-secret": lambda to: _write(to["secret"]),
    "write-lent": lambda to: _write(to["lent"]),
    "cut-lent": lambda to: os.truncate(to["lent"], 0),
    "delete-lent": lambda to: os.unlink(to["lent"]),
    "rename-lent": lambda to: os.rename(to["lent"], to["scratch"]),
    "link-lent": lambda to: os.link(to["lent"], to["scratch"] + "-link"),
    "mode-of-lent": lambda to: os.chmod(to["lent"], ALL_PERMISSIONS),
    "time-of-lent": lambda to: os.utime(to["lent"], (0, 0)),
    "symlink": lambda to: os.symlink(to["secret"], to["scratch"] + "-symlink"),
    "connect-tcp": lambda to: _connect(INET, STREAM, ("127.0.0.1", to["tcp"])),
    "connect-udp": lambda to: _connect(INET, DATAGRAM, ("127.0.0.1", to["udp"])),
    "connect-unix": lambda to: _connect(UNIX, STREAM, to["unix"]),
    "connect-abstract": lambda to: _connect(UNIX, STREAM, "\0" + to["abstract"]),
    "execute": lambda to: os.execv(to["program"], ["program"]),  # which is none, so that nothing would start
    "fork": _fork,
    "signal": lambda to: os.kill(to["app"], 0),
    "signal-parent": lambda to: os.kill(os.getppid(), 0),
    "trace": lambda to: _call("ptrace", PTRACE_SEIZE, to["app"], None, None),
    "new-namespace": lambda to: _call("unshare", CLONE_NEWUSER),
    "mount": lambda to: _call("mount", b"none", to["scratch_folder"].encode(), b"tmpfs", 0, None),
    "memory": _allocate_memory,
    "file-size": _write_large_file,
    "limits": _raise_limits,
}
