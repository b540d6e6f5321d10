"""The warm process: imports TensorFlow once, runs no op, and forks a child for every connection.

`python -m core.worker.forkserver SOCKET BOXES` listens on a Unix socket, and on a second one, `SOCKET-confined`. Each
connection is one child, and the connection is that child's channel. A child of the second socket is confined before
it does anything else (see `core.sandbox`), in a folder of its own below BOXES. When a child ends, its last
frame is ours: `{"exit": status, "said": the end of its stderr}`. Standard input is the lifeline: when it closes, the
app is gone, and so is everything here.
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

from core.sandbox.limits import CONFINED_SUFFIX, die_with_parent
from core.worker import serve
from core.worker.protocol import encode_frame, write_frame

MAX_DESCRIPTORS = 2**20  # descriptors; more than a process is allowed anywhere
STDERR_LIMIT = 4000  # bytes of a child's standard error that are kept
REAP_EVERY = 0.01  # seconds between two looks at a child that has closed its standard error and not ended yet


@dataclass
class ForkedChild:
    """A child as the warm process sees it."""

    pid: int
    connection: socket.socket
    folder: str
    stderr: bytes = b""


def main(socket_path: str, exchange_folders: str) -> None:
    # By where its children keep their files: beside the socket, or in their boxes.
    listeners = {
        _listen(socket_path): os.path.dirname(socket_path),
        _listen(f"{socket_path}{CONFINED_SUFFIX}"): exchange_folders,
    }
    _import_everything()
    print("ready", flush=True)
    _serve_connections(listeners, exchange_folders)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    return listener


def _import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import tensorflow as tf

    import core.worker.tasks.save_reload  # noqa: F401

    # Lazily loaded parts of TensorFlow and Keras that every child would otherwise load by itself.
    tf.saved_model, tf.train, tf.function, keras.saving, keras.models  # noqa: B018
    gc.collect()
    gc.freeze()


def _serve_connections(listeners: dict[socket.socket, str], exchange_folders: str) -> None:
    children: dict[int, ForkedChild] = {}
    silent: list[ForkedChild] = []  # those that say no more: they have ended, or are about to
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(REAP_EVERY if silent else None):
                if folder := listeners.get(key.fileobj):
                    running, pipe = _fork_child(key.fileobj, folder, confined=folder == exchange_folders)
                    children[pipe] = running
                    selector.register(pipe, selectors.EVENT_READ)
                elif key.fileobj is sys.stdin:
                    _kill_children([*children.values(), *silent])
                elif _has_closed_stderr(key.fd, children):
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    silent.append(children.pop(key.fd))
            silent = [one for one in silent if not _reap_child(one)]


def _fork_child(listener: socket.socket, folders: str, confined: bool) -> tuple[ForkedChild, int]:
    """A child for the connection that waits, and the pipe on which it is heard."""
    connection, _ = listener.accept()
    said_read, said_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_child(connection, said_write, folders, confined)
    os.close(said_write)
    return ForkedChild(pid, connection, os.path.join(folders, str(pid))), said_read


def _run_child(connection: socket.socket, stderr_pipe: int, folders: str, confined: bool) -> None:
    """Cut every tie to the warm process, serve, and end without its clean-up.

    It ends so, too: somebody else must delete its folder.
    """
    status = 1
    try:
        die_with_parent()
        os.setsid()
        # The child may come to run a stranger's code: who it is, is said before it has been asked anything. And said by
        # itself, so that nothing of its own can come before, and only now that it can be ended by its group.
        with connection.makefile("wb") as stream:
            write_frame(stream, {"hello": os.getpid()})
        tempfile.tempdir = folder = os.path.join(folders, str(os.getpid()))
        for name in ("in", "out") if confined else ("",):
            os.makedirs(os.path.join(folder, name))
        keep = os.dup(connection.fileno())
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, stderr_pipe), (2, stderr_pipe)):
            os.dup2(source, target)
        os.closerange(3, keep)
        os.closerange(keep + 1, MAX_DESCRIPTORS)
        with os.fdopen(keep, "rb", closefd=False) as stream_in, os.fdopen(keep, "wb", closefd=False) as stream_out:
            serve.serve_requests(stream_in, stream_out, folder if confined else "")
        status = 0
    except BrokenPipeError:
        status = 0  # the app hung up: there is nobody left to tell
    except SystemExit:  # it could not be confined, which it has said
        status = 1
    except BaseException:  # noqa: BLE001  its end is all that is left to report
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _has_closed_stderr(pipe: int, children: dict[int, ForkedChild]) -> bool:
    """Keep the end of what a child says; true when it will say no more."""
    said = os.read(pipe, 65_536)
    children[pipe].stderr = (children[pipe].stderr + said)[-STDERR_LIMIT:]
    return not said


def _reap_child(child: ForkedChild) -> bool:
    """Whether a silent child has ended; then its status is passed on, as the last frame of its channel."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return False
    shutil.rmtree(child.folder, ignore_errors=True)
    message = {"exit": os.waitstatus_to_exitcode(status), "said": child.stderr.decode(errors="replace")}
    # The app hangs up first on most children; then there is nobody to tell. Nor is anybody waited for: what stands
    # unread in the channel of one must not keep us from all others.
    with suppress(OSError), child.connection:
        child.connection.send(b"".join(encode_frame(message)), socket.MSG_DONTWAIT)
    return True


def _kill_children(children: list[ForkedChild]) -> None:
    for one in children:
        with suppress(ProcessLookupError):  # it ended a moment ago
            os.killpg(one.pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
