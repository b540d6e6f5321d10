"""What a sandboxed child must not be able to do, tried by one: what untrusted code would begin with.

An attempt that gets through does no harm: it is aimed at what the check made for it, or takes no effect.
"""

import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

Targets = dict[str, Any]  # files, folders, ports and processes, by what they are

EXCESSIVE_BYTES = 64 * 2**30  # bytes: more memory, and a longer file, than any sandboxed child may have
PTRACE_SEIZE = 0x4206  # which, unlike attaching, does not stop the process that is traced
# How a system refuses. That something is not there, or does not answer, is no refusal.
REFUSAL_ERRNOS = {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EROFS, errno.ENOSYS, errno.ENOMEM, errno.EFBIG}
UNIX, INET = socket.AF_UNIX if hasattr(socket, "AF_UNIX") else 0, socket.AF_INET
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
ALL_PERMISSIONS = 0o777
CLONE_NEWUSER = 0x10000000


class AttemptReply(TypedDict):
    """Whether one attempt was refused, with which errno's name, and its seconds; untrusted where it comes from."""

    refused: bool
    how: str
    seconds: float


def attempt_escapes(report: Any, arrays: Any, *, targets: Targets) -> tuple[dict[str, dict[str, AttemptReply]], None]:
    """Task: try everything on the targets that the check made; returns a reply for each attempt."""
    return {"attempts": {name: _try_attempt(attempt.action, targets) for name, attempt in ATTEMPTS.items()}}, None


def _try_attempt(action: Callable[[Targets], Any], targets: Targets) -> AttemptReply:
    started, number = time.perf_counter(), 0
    try:
        action(targets)
    except MemoryError:
        number = errno.ENOMEM
    except OSError as error:
        number = error.errno or 0
    seconds = time.perf_counter() - started
    return {"refused": number in REFUSAL_ERRNOS, "how": errno.errorcode.get(number, "done"), "seconds": seconds}


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _write(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def _connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(address)
        connection.send(b"x")


def _fork(targets: Targets) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _call(name: str, *arguments: Any) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _write_large_file(targets: Targets) -> None:
    with open(targets["scratch"], "wb") as file:
        file.truncate(EXCESSIVE_BYTES)


def _raise_limits(targets: Targets) -> None:
    import resource

    limits = (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)
    if any(resource.getrlimit(limit)[0] == resource.RLIM_INFINITY for limit in limits):
        return
    for limit in limits:
        try:
            resource.setrlimit(limit, resource.getrlimit(limit))
        except ValueError as error:  # Python's word for "not permitted"
            raise PermissionError(errno.EPERM, str(error)) from error


class Attempt(NamedTuple):
    """`description` is in words that stand after "It could ..."."""

    description: str
    action: Callable[[Targets], Any]


ATTEMPTS = {
    "read-secret": Attempt("read a file of the library", lambda to: _read(to["secret"])),
    "read-system": Attempt("read the system's own files", lambda to: _read("/etc/passwd")),
    "read-environment": Attempt("read the environment of the app", lambda to: _read(f"/proc/{to['app']}/environ")),
    "list-library": Attempt("list the library's folders", lambda to: os.listdir(to["outside"])),
    "write-outside": Attempt("write beside the library", lambda to: _write(os.path.join(to["outside"], "written"))),
    "write-secret": Attempt("write into a file of the library", lambda to: _write(to["secret"])),
    "write-lent": Attempt("write into the file that it was lent", lambda to: _write(to["lent"])),
    "cut-lent": Attempt("cut the file that it was lent", lambda to: os.truncate(to["lent"], 0)),
    "delete-lent": Attempt("delete the file that it was lent", lambda to: os.unlink(to["lent"])),
    "rename-lent": Attempt("move the file that it was lent", lambda to: os.rename(to["lent"], to["scratch"])),
    "link-lent": Attempt(
        "give the file that it was lent a second name", lambda to: os.link(to["lent"], to["scratch"] + "-link")
    ),
    "mode-of-lent": Attempt(
        "change the mode of the file that it was lent", lambda to: os.chmod(to["lent"], ALL_PERMISSIONS)
    ),
    "time-of-lent": Attempt("change the time of the file that it was lent", lambda to: os.utime(to["lent"], (0, 0))),
    "symlink": Attempt("leave a link to another file", lambda to: os.symlink(to["secret"], to["scratch"] + "-symlink")),
    "connect-tcp": Attempt("connect over TCP", lambda to: _connect(INET, STREAM, ("127.0.0.1", to["tcp"]))),
    "connect-udp": Attempt("send over UDP", lambda to: _connect(INET, DATAGRAM, ("127.0.0.1", to["udp"]))),
    "connect-unix": Attempt("connect to a socket in a folder", lambda to: _connect(UNIX, STREAM, to["unix"])),
    "connect-abstract": Attempt(
        "connect to a socket without a folder", lambda to: _connect(UNIX, STREAM, "\0" + to["abstract"])
    ),
    # No program, so that nothing would start.
    "execute": Attempt("start a program", lambda to: os.execv(to["program"], ["program"])),
    "fork": Attempt("start another process", _fork),
    "signal": Attempt("send a signal to the app", lambda to: os.kill(to["app"], 0)),
    "signal-parent": Attempt("send a signal to the worker", lambda to: os.kill(os.getppid(), 0)),
    "trace": Attempt("read the app's memory", lambda to: _call("ptrace", PTRACE_SEIZE, to["app"], None, None)),
    "new-namespace": Attempt("begin a namespace of its own", lambda to: _call("unshare", CLONE_NEWUSER)),
    "mount": Attempt(
        "mount a file system", lambda to: _call("mount", b"none", to["scratch_folder"].encode(), b"tmpfs", 0, None)
    ),
    "memory": Attempt("use more memory than it may", lambda to: bytearray(EXCESSIVE_BYTES)),
    "file-size": Attempt("write a longer file than it may", _write_large_file),
    "limits": Attempt("set its own limits", _raise_limits),
}
