"""Children as the forkserver sees them: what they are asked for, which are lost, and which stand ready."""

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

SPARES = 2  # children that stand ready: two copies are compared most often


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


class Fork(NamedTuple):
    """A fork, our end of its channel, and the pipe of its standard error."""

    pid: int
    channel: socket.socket
    stderr: int


class SpareChildren:
    """Children of our own that have started TensorFlow before anybody came, and wait for a connection.

    Args:
        fork: forks a child that waits for its connection on the channel given.
        count: how many stand ready; 0 for none.
    """

    def __init__(self, fork: Callable[[socket.socket], tuple[int, int]], count: int):
        self._fork, self._count = fork, count
        self._waiting: list[Fork] = []

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._count

    def fill(self) -> None:
        """Fork what is missing, while nobody waits."""
        while not self.is_full:
            ours, theirs = socket.socketpair()
            with theirs:
                self._waiting.append(Fork(*self._fork_with(ours, theirs)))

    def _fork_with(self, ours: socket.socket, theirs: socket.socket) -> tuple[int, socket.socket, int]:
        pid, stderr = self._fork(theirs)
        return pid, ours, stderr

    def hand_over(self, connection: socket.socket) -> Fork | None:
        """Give a connection to one of them; None where none stands ready."""
        while self._waiting:
            spare = self._waiting.pop(0)
            with suppress(OSError), spare.channel:
                socket.send_fds(spare.channel, [b"\0"], [connection.fileno()])
                return spare
            os.close(spare.stderr)
            os.waitpid(spare.pid, 0)  # it has ended
        return None
