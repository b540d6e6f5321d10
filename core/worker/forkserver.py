"""Process that imports TensorFlow once, runs no op, and forks a child for every connection.

`python -m core.worker.forkserver SOCKET FOLDER` listens on a Unix socket, and on a second one, `SOCKET-confined`. Each
connection is one child, and the connection is that child's channel. A child of the second socket confines itself before
it does anything else (see `core.sandbox`), with a file exchange of its own below FOLDER. When a child ends, the
forkserver sends its last frame: `{"exit": status, "said": the end of its stderr}`. Standard input is the lifeline: when
it closes, the app is gone, and so is everything here.
"""

import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from core.sandbox.limits import CONFINED_SUFFIX, die_with_parent
from core.worker import serve
from core.worker.protocol import encode_frame, write_frame
from core.worker.warmup import import_everything

MAX_DESCRIPTORS = 2**20  # descriptors; more than a process is allowed anywhere
STDERR_LIMIT = 4000  # bytes of a child's standard error that are kept
REAP_EVERY = 0.01  # seconds between two looks at a child that has closed its standard error and not ended yet


@dataclass
class ForkedChild:
    """A child as the forkserver sees it."""

    pid: int
    connection: socket.socket
    folder: str
    stderr: bytes = b""


def main(socket_path: str, exchange_folders: str) -> None:
    # Where the children of each keep their files, and whether they are sandboxed.
    listeners = {
        _listen(socket_path): (os.path.dirname(socket_path), False),
        _listen(f"{socket_path}{CONFINED_SUFFIX}"): (exchange_folders, True),
    }
    import_everything()
    print("ready", flush=True)
    _serve_connections(listeners)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    return listener


def _serve_connections(listeners: dict[socket.socket, tuple[str, bool]]) -> None:
    children: dict[int, ForkedChild] = {}  # by the pipe of their standard error
    ending: list[ForkedChild] = []  # those that have closed it: they have ended, or are about to
    with selectors.DefaultSelector() as selector:
        for listener, settings in listeners.items():
            selector.register(listener, selectors.EVENT_READ, settings)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(REAP_EVERY if ending else None):
                if isinstance(key.fileobj, socket.socket):
                    child, pipe = _fork_child(key.fileobj, *key.data)
                    children[pipe] = child
                    selector.register(pipe, selectors.EVENT_READ)
                elif key.fileobj is sys.stdin:
                    _kill_children([*children.values(), *ending])
                elif _has_closed_stderr(key.fd, children[key.fd]):
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    ending.append(children.pop(key.fd))
            ending = [child for child in ending if not _reap_child(child)]


def _fork_child(listener: socket.socket, folders: str, sandboxed: bool) -> tuple[ForkedChild, int]:
    """Fork a child for the connection that waits; returns it and the pipe of its standard error."""
    connection, _ = listener.accept()
    stderr_read, stderr_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_child(connection, stderr_write, folders, sandboxed)
    os.close(stderr_write)
    return ForkedChild(pid, connection, os.path.join(folders, str(pid))), stderr_read


def _run_child(connection: socket.socket, stderr_pipe: int, folders: str, sandboxed: bool) -> None:
    """Cut every tie to the forkserver, serve, and end without its clean-up: the forkserver deletes the folder."""
    status = 1
    try:
        die_with_parent()
        os.setsid()
        # The child may come to run untrusted code: it reports its process id before it has been sent anything, by
        # itself, so that nothing of its own can come before, and only now that it can be ended by its group.
        with connection.makefile("wb") as stream:
            write_frame(stream, {"hello": os.getpid()})
        tempfile.tempdir = folder = os.path.join(folders, str(os.getpid()))
        for name in ("in", "out") if sandboxed else ("",):
            os.makedirs(os.path.join(folder, name))
        channel = _close_other_descriptors(connection, stderr_pipe)
        with os.fdopen(channel, "rb", closefd=False) as requests, os.fdopen(channel, "wb", closefd=False) as replies:
            serve.serve_requests(requests, replies, folder if sandboxed else "")
        status = 0
    except BrokenPipeError:
        status = 0  # the app hung up: nobody is left to reply to
    except SystemExit:  # it could not confine itself, which it has reported
        status = 1
    except BaseException:  # noqa: BLE001  its end is all that is left to report
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _close_other_descriptors(connection: socket.socket, stderr_pipe: int) -> int:
    """Close all descriptors but the standard three, now on the pipe, and the channel, which is returned."""
    channel = os.dup(connection.fileno())
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, stderr_pipe), (2, stderr_pipe)):
        os.dup2(source, target)
    os.closerange(3, channel)
    os.closerange(channel + 1, MAX_DESCRIPTORS)
    return channel


def _has_closed_stderr(pipe: int, child: ForkedChild) -> bool:
    """Keep the end of what a child writes to its standard error; true when nothing more will come."""
    data = os.read(pipe, 65_536)
    child.stderr = (child.stderr + data)[-STDERR_LIMIT:]
    return not data


def _reap_child(child: ForkedChild) -> bool:
    """Whether a child has ended; then its status is passed on, as the last frame of its channel."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return False
    shutil.rmtree(child.folder, ignore_errors=True)
    message = {"exit": os.waitstatus_to_exitcode(status), "said": child.stderr.decode(errors="replace")}
    # The app hangs up first on most children; then nobody is left to send to. Nor is anybody waited for: what stands
    # unread in the channel of one must not keep us from all others.
    with suppress(OSError), child.connection:
        child.connection.send(b"".join(encode_frame(message)), socket.MSG_DONTWAIT)
    return True


def _kill_children(children: list[ForkedChild]) -> None:
    for child in children:
        with suppress(ProcessLookupError):  # it ended a moment ago
            os.killpg(child.pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
