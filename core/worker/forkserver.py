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
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from core.kept_process_lookup import COMMAND_SUFFIX, PROCESS_FILE, READY_FILE, is_own_peer
from core.sandbox.limits import CONFINED_SUFFIX, die_with_parent
from core.settings import get_settings
from core.worker import serve
from core.worker.file_exchange import create_staging_folder
from core.worker.forked_child import SPARES, ForkedChild, ForkRequest, HangUps, SpareChildren
from core.worker.kept_process import locked
from core.worker.protocol import encode_frame, read_frame, write_frame

MAX_DESCRIPTORS = 2**20  # descriptors; more than a process is allowed anywhere
STDERR_LIMIT = 4000  # bytes of a child's standard error that are kept
COMMANDS = "core.__main__"  # what does a whole command, which is above this package: only its name is known here
REAP_EVERY = 0.01  # seconds between two looks at a child that has closed its standard error and not ended yet


def main(socket_path: str, exchange_folders: str, idle_seconds: str = "", modules: str = "") -> None:
    if idle_seconds:
        with _as_kept_process(Path(socket_path).parent) as exchange_folders:
            listeners = _open_listeners(socket_path, exchange_folders)
            listeners[_listen(f"{socket_path}{COMMAND_SUFFIX}")] = ForkRequest("command", os.path.dirname(socket_path))
            import_everything()
            _announce(Path(socket_path).parent, exchange_folders)
            _serve_connections(listeners, float(idle_seconds), modules.split(","))
    else:
        listeners = _open_listeners(socket_path, exchange_folders)
        import_everything()
        print("ready", flush=True)
        _serve_connections(listeners)


@contextmanager
def _as_kept_process(folder: Path) -> Iterator[str]:
    """A folder for file exchanges; at the end, also when it is stopped, nothing of this process is left."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    exchange_folders = create_staging_folder(get_settings().home, "boxes")
    try:
        yield str(exchange_folders)
    finally:
        for path in (folder, exchange_folders):
            shutil.rmtree(path, ignore_errors=True)


def _announce(folder: Path, exchange_folders: str) -> None:
    """Say that this process can fork, at once and whole."""
    (folder / "new").write_text(exchange_folders, encoding="utf-8")
    (folder / "new").rename(folder / READY_FILE)


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
                elif _may_end(selector, listeners):
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


def _may_end(selector: selectors.BaseSelector, listeners: Iterable[socket.socket]) -> bool:
    """Whether nobody has come at the last moment; from then on nobody finds this process."""
    folder = Path(next(iter(listeners)).getsockname()).parent
    with locked(folder.parent):
        if selector.select(0):
            return False
        (folder / PROCESS_FILE).unlink()
        return True


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
        _run_child(connection, stderr_write, request, is_spare)
    os.close(stderr_write)
    return pid, stderr_read


def _run_child(connection: socket.socket, stderr_pipe: int, request: ForkRequest, is_spare: bool) -> None:
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
        frame = read_frame(stream, 0, "A command")
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


def import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import tensorflow as tf

    import core.worker.tasks.registry  # noqa: F401  all tasks, with what they import

    # Lazily loaded parts of TensorFlow and Keras that every child would otherwise load by itself.
    tf.saved_model, tf.train, tf.function, keras.saving, keras.models  # noqa: B018
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main(*sys.argv[1:])
