"""The warm process: imports TensorFlow once, runs no op, and forks a child for every connection.

`python -m core.worker.warm SOCKET` listens on a Unix socket. Each connection is one child, and the connection is that
child's channel. When a child ends, its last frame is ours: `{"exit": status, "said": the end of its stderr}`. Standard
input is the lifeline: when it closes, the app is gone, and so is everything here.
"""

import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from core.worker import child
from core.worker.channel import write_frame
from core.worker.limits import die_with_parent

SAID_LIMIT = 4000  # bytes of a child's standard error that are kept
REAP_EVERY = 0.01  # seconds between two looks at a child that has closed its standard error and not ended yet


@dataclass
class Running:
    """A child as the warm process sees it."""

    pid: int
    connection: socket.socket
    said: bytes = b""


def main(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    _import_everything()
    print("ready", flush=True)
    _loop(listener)


def _import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import tensorflow as tf

    import core.worker.tasks  # noqa: F401

    # Lazily loaded parts of TensorFlow and Keras that every child would otherwise load by itself.
    tf.saved_model, tf.train, tf.function, keras.saving, keras.models  # noqa: B018
    gc.collect()
    gc.freeze()


def _loop(listener: socket.socket) -> None:
    children: dict[int, Running] = {}
    silent: list[Running] = []  # those that say no more: they have ended, or are about to
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(REAP_EVERY if silent else None):
                if key.fileobj is listener:
                    _fork(listener, selector, children)
                elif key.fileobj is sys.stdin:
                    _end([*children.values(), *silent])
                elif _has_fallen_silent(key.fd, children):
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    silent.append(children.pop(key.fd))
            silent = [one for one in silent if not _reaped(one)]


def _fork(listener: socket.socket, selector: selectors.BaseSelector, children: dict[int, Running]) -> None:
    connection, _ = listener.accept()
    said_read, said_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_child(connection, said_write)
    os.close(said_write)
    # The child may come to run a stranger's code: who it is, is said by us, before it has been asked anything.
    with suppress(OSError), connection.makefile("wb") as stream:
        write_frame(stream, {"hello": pid})
    children[said_read] = Running(pid, connection)
    selector.register(said_read, selectors.EVENT_READ)


def _become_child(connection: socket.socket, said: int) -> None:
    """Cut every tie to the warm process, serve, and end without its clean-up."""
    status = 1
    try:
        die_with_parent()
        os.setsid()
        tempfile.tempdir = _own_folder(os.getpid())
        os.mkdir(tempfile.tempdir)
        keep = os.dup(connection.fileno())
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, said), (2, said)):
            os.dup2(source, target)
        os.closerange(3, keep)
        os.closerange(keep + 1, 4096)
        with os.fdopen(keep, "rb", closefd=False) as stream_in, os.fdopen(keep, "wb", closefd=False) as stream_out:
            child.serve(stream_in, stream_out)
        status = 0
    except BrokenPipeError:
        status = 0  # the app hung up: there is nobody left to tell
    except BaseException:  # noqa: BLE001  its end is all that is left to report
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _own_folder(pid: int) -> str:
    """Where a child keeps temporary files: it ends without clean-up, so somebody else must delete them."""
    return os.path.join(os.path.dirname(sys.argv[1]), str(pid))


def _has_fallen_silent(pipe: int, children: dict[int, Running]) -> bool:
    """Keep the end of what a child says; true when it will say no more."""
    said = os.read(pipe, 65_536)
    children[pipe].said = (children[pipe].said + said)[-SAID_LIMIT:]
    return not said


def _reaped(one: Running) -> bool:
    """Whether a silent child has ended; then its status is passed on, as the last frame of its channel."""
    pid, status = os.waitpid(one.pid, os.WNOHANG)
    if pid == 0:
        return False
    shutil.rmtree(_own_folder(one.pid), ignore_errors=True)
    message = {"exit": os.waitstatus_to_exitcode(status), "said": one.said.decode(errors="replace")}
    # The app hangs up first on most children; then there is nobody to tell.
    with suppress(OSError), one.connection, one.connection.makefile("wb") as stream:
        write_frame(stream, message)
    return True


def _end(children: list[Running]) -> None:
    for one in children:
        with suppress(ProcessLookupError):  # it ended a moment ago
            os.killpg(one.pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
