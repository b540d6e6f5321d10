"""A forked child: what it is asked for, how the forkserver sees it, which are lost, and what one does until its end."""

import importlib
import os
import select
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from core.system import die_with_parent
from core.worker import serve
from core.worker.protocol import read_frame, write_frame

MAX_DESCRIPTORS = 2**20  # descriptors; more than a process is allowed anywhere
COMMANDS = "core.__main__"  # what does a whole command, which is above this package: only its name is known here


class ForkRequest(NamedTuple):
    """What a connection to a socket asks for: a child "own" or "sandboxed", or one that does a "command"; and where it
    keeps its files, by its process id."""

    kind: str
    folders: str

    def folder(self, pid: int) -> str:
        return os.path.join(self.folders, str(pid))


@dataclass
class ForkedChild:
    """A child as the forkserver sees it."""

    pid: int
    connection: socket.socket
    folder: str
    stderr: bytes = b""

    def kill(self) -> None:
        """Kill it and its group, or itself where it has not made one yet."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):  # it ended a moment ago
                kill(self.pid, signal.SIGKILL)


class HangUps:
    """Tells which children have lost their app: nothing else may be read here from a channel that is the child's."""

    def __init__(self) -> None:
        self._epoll = select.epoll()  # of Linux, where alone a fork is safe with TensorFlow loaded
        self._children: dict[int, ForkedChild] = {}

    def fileno(self) -> int:
        return self._epoll.fileno()

    def watch(self, child: ForkedChild) -> None:
        self._children[child.connection.fileno()] = child
        self._epoll.register(child.connection.fileno(), select.EPOLLRDHUP)

    def forget(self, child: ForkedChild) -> None:
        if self._children.pop(child.connection.fileno(), None):
            self._epoll.unregister(child.connection.fileno())

    def kill_lost(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            child = self._children[descriptor]
            self.forget(child)
            child.kill()


def run_child(connection: socket.socket, stderr_pipe: int, request: ForkRequest, is_spare: bool) -> None:
    """Cut every tie to the forkserver, serve, and end without its clean-up: the forkserver deletes the folder."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        die_with_parent()
        os.setsid()
        if request.kind == "command":
            _say_hello(connection.fileno())
            status = _do_command(connection, stderr_pipe)
        else:
            channel = _close_other_descriptors(connection, stderr_pipe)
            _serve_channel(_await_connection(channel) if is_spare else channel, request)
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


def _say_hello(channel: int) -> None:
    """Report the process id.

    The child may come to run untrusted code: it does so before it has been sent anything, by itself, so that nothing of
    its own can come before, and only once it can be ended by its group.
    """
    with os.fdopen(channel, "wb", closefd=False) as stream:
        write_frame(stream, {"hello": os.getpid()})


def _await_connection(channel: int) -> int:
    """Start TensorFlow, then wait for a connection; returns its descriptor. Raises BrokenPipeError where none comes."""
    serve.start_tensorflow()
    serve.warm_up_once()
    with socket.socket(fileno=channel) as waiting:
        _, descriptors, _, _ = socket.recv_fds(waiting, 1, 1)
    if not descriptors:
        raise BrokenPipeError
    return descriptors[0]


def _serve_channel(channel: int, request: ForkRequest) -> None:
    _say_hello(channel)
    is_sandboxed, folder = request.kind == "sandboxed", request.folder(os.getpid())
    tempfile.tempdir = folder
    for name in ("in", "out") if is_sandboxed else ("",):
        os.makedirs(os.path.join(folder, name))
    with os.fdopen(channel, "rb", closefd=False) as requests, os.fdopen(channel, "wb", closefd=False) as replies:
        serve.serve_requests(requests, replies, folder if is_sandboxed else "")


def _do_command(connection: socket.socket, stderr_pipe: int) -> int:
    """Do the command of whoever has connected, in its terminal; returns the exit status."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    kept = sorted((2, connection.fileno(), stderr_pipe))  # the end of the last tells the forkserver of ours
    for first, last in zip(kept, [*kept[1:], MAX_DESCRIPTORS], strict=True):
        os.closerange(first + 1, last)
    with connection.makefile("rb") as stream:
        frame = read_frame(stream, subject="A command")
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    try:
        importlib.import_module(COMMANDS).run_forwarded(frame.message if frame else {})
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _close_other_descriptors(connection: socket.socket, stderr_pipe: int) -> int:
    """Close all descriptors but the standard three, now on the pipe, and the channel, which is returned."""
    channel = os.dup(connection.fileno())
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, stderr_pipe), (2, stderr_pipe)):
        os.dup2(source, target)
    os.closerange(3, channel)
    os.closerange(channel + 1, MAX_DESCRIPTORS)
    return channel
