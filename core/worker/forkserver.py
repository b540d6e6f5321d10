"""Process that imports TensorFlow once, runs no op, and forks a child for every connection.

`python -m core.worker.forkserver SOCKET FOLDER` listens on a Unix socket, and on a second one, `SOCKET-confined`. Each
connection is one child, and the connection is that child's channel. A child of the second socket confines itself before
it does anything else (see `core.sandbox`), with a file exchange of its own below FOLDER. When a child ends, the
forkserver sends its last frame: `{"exit": status, "said": the end of its stderr}`. Standard input is the lifeline: when
it closes, the app is gone, and so is everything here. With a number of seconds behind FOLDER there is no lifeline: it
stays after the app (see `core.worker.kept_process`), makes that folder itself, and ends once it has had no child for so
long. A child whose app has hung up is killed.
"""

import gc
import importlib
import os
import selectors
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from core.kept_process_lookup import COMMAND_SUFFIX, is_own_peer
from core.sandbox.limits import CONFINED_SUFFIX
from core.worker.forked_child import ForkedChild, ForkRequest, HangUps, run_child
from core.worker.imports import import_everything
from core.worker.kept_process import announce, as_kept_process, may_end
from core.worker.protocol import encode_frame

STDERR_LIMIT = 4000  # bytes of a child's standard error that are kept
REAP_EVERY = 0.01  # seconds between two looks at a child that has closed its standard error and not ended yet
SPARES = 2  # children that stand ready: two copies are compared most often


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


def main(socket_path: str, exchange_folders: str, idle_seconds: str = "", modules: str = "") -> None:
    if idle_seconds:
        with as_kept_process(Path(socket_path).parent) as exchange_folders:
            listeners = _open_listeners(socket_path, exchange_folders)
            listeners[_listen(f"{socket_path}{COMMAND_SUFFIX}")] = ForkRequest("command", os.path.dirname(socket_path))
            import_everything()
            announce(Path(socket_path).parent, exchange_folders)
            _serve_connections(listeners, float(idle_seconds), modules.split(","))
    else:
        listeners = _open_listeners(socket_path, exchange_folders)
        import_everything()
        print("ready", flush=True)
        _serve_connections(listeners)


def _open_listeners(socket_path: str, exchange_folders: str) -> dict[socket.socket, ForkRequest]:
    return {
        _listen(socket_path): ForkRequest("own", os.path.dirname(socket_path)),
        _listen(f"{socket_path}{CONFINED_SUFFIX}"): ForkRequest("sandboxed", exchange_folders),
    }


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    return listener


def _serve_connections(
    listeners: dict[socket.socket, ForkRequest], idle_seconds: float | None = None, modules: Sequence[str] = ()
) -> None:
    """Fork a child for every connection; until the lifeline closes, or until there was no child for `idle_seconds`.

    With these, `modules` are loaded and spare children made as soon as there is no child: nobody waits for that.
    """
    children: dict[int, ForkedChild] = {}  # by the pipe of their standard error
    ending: list[ForkedChild] = []  # those that have closed it: they have ended, or are about to
    hang_ups, has_served = HangUps(), False
    own = next(request for request in listeners.values() if request.kind == "own")
    fork_spare = partial(_fork_child, request=own, is_spare=True)
    spares = SpareChildren(fork_spare, 0 if idle_seconds is None else SPARES)
    with selectors.DefaultSelector() as selector:
        for listener, settings in listeners.items():
            selector.register(listener, selectors.EVENT_READ, settings)
        selector.register(hang_ups, selectors.EVENT_READ)
        if idle_seconds is None:
            selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            idle = 0.0 if has_served and (modules or not spares.is_full) else idle_seconds
            events = selector.select(REAP_EVERY if ending else None if children else idle)
            if not (events or children or ending):
                if has_served and (modules or not spares.is_full):
                    modules = _import_modules(modules)
                    spares.fill()
                elif may_end(selector, listeners):
                    return
            for key, _ in events:
                if isinstance(key.fileobj, socket.socket):
                    if not (forked := _accept_child(key.fileobj, key.data, spares)):
                        continue
                    (child, pipe), has_served = forked, True
                    children[pipe] = child
                    hang_ups.watch(child)
                    selector.register(pipe, selectors.EVENT_READ)
                elif key.fileobj is hang_ups:
                    hang_ups.kill_lost()
                elif key.fileobj is sys.stdin:
                    _kill_children([*children.values(), *ending])
                elif _has_closed_stderr(key.fd, children[key.fd]):
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    ending.append(children.pop(key.fd))
            ended = [child for child in ending if _reap_child(child, hang_ups)]
            ending = [child for child in ending if child not in ended]


def _import_modules(modules: Sequence[str]) -> Sequence[str]:
    """Load modules; nothing is left to be loaded."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    return ()


def _accept_child(
    listener: socket.socket, request: ForkRequest, spares: SpareChildren
) -> tuple[ForkedChild, int] | None:
    """Have a child for the connection that waits; returns it and the pipe of its standard error.

    None where the connection is not of this user.
    """
    connection, _ = listener.accept()
    if not is_own_peer(connection):
        connection.close()
        return None
    spare = spares.hand_over(connection) if request.kind == "own" else None
    pid, stderr = (spare.pid, spare.stderr) if spare else _fork_child(connection, request)
    return ForkedChild(pid, connection, request.folder(pid)), stderr


def _fork_child(connection: socket.socket, request: ForkRequest, is_spare: bool = False) -> tuple[int, int]:
    """Fork a child; returns its process id and the pipe of its standard error."""
    stderr_read, stderr_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        run_child(connection, stderr_write, request, is_spare)
    os.close(stderr_write)
    return pid, stderr_read


def _has_closed_stderr(pipe: int, child: ForkedChild) -> bool:
    """Keep the end of what a child writes to its standard error; true when nothing more will come."""
    data = os.read(pipe, 65_536)
    child.stderr = (child.stderr + data)[-STDERR_LIMIT:]
    return not data


def _reap_child(child: ForkedChild, hang_ups: HangUps) -> bool:
    """Whether a child has ended; then its status is passed on, as the last frame of its channel."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return False
    hang_ups.forget(child)
    shutil.rmtree(child.folder, ignore_errors=True)
    message = {"exit": os.waitstatus_to_exitcode(status), "said": child.stderr.decode(errors="replace")}
    # The app hangs up first on most children; then nobody is left to send to. Nor is anybody waited for: what stands
    # unread in the channel of one must not keep us from all others.
    with suppress(OSError), child.connection:
        child.connection.send(b"".join(encode_frame(message)), socket.MSG_DONTWAIT)
    return True


def _kill_children(children: list[ForkedChild]) -> None:
    for child in children:
        child.kill()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
