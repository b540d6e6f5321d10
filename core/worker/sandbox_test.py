"""The self-test: a confined child tries what it must not be able to do, and we look whether it got through."""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.errors import ChildDied, NotConfined, TimedOut
from core.record import now
from core.settings import Settings
from core.worker.child_handle import Child, not_confined_error
from core.worker.file_exchange import OUTPUT_FILE_MODE, create_staging_folder

SECONDS = 30.0  # that all attempts together may take
SECRET = b"nobody outside of this folder may read this"

# What each attempt is, in words that stand after "It could ...".
ATTEMPT_DESCRIPTIONS = {
    "read-secret": "read a file of the library",
    "read-system": "read the system's own files",
    "read-environment": "read the environment of the app",
    "list-library": "list the library's folders",
    "write-outside": "write beside the library",
    "write-secret": "write into a file of the library",
    "write-lent": "write into the file that it was lent",
    "cut-lent": "cut the file that it was lent",
    "delete-lent": "delete the file that it was lent",
    "rename-lent": "move the file that it was lent",
    "link-lent": "give the file that it was lent a second name",
    "mode-of-lent": "change the mode of the file that it was lent",
    "time-of-lent": "change the time of the file that it was lent",
    "symlink": "leave a link to another file",
    "connect-tcp": "connect over TCP",
    "connect-udp": "send over UDP",
    "connect-unix": "connect to a socket in a folder",
    "connect-abstract": "connect to a socket without a folder",
    "execute": "start a program",
    "fork": "start another process",
    "signal": "send a signal to the app",
    "signal-parent": "send a signal to the worker",
    "trace": "read the app's memory",
    "new-namespace": "begin a namespace of its own",
    "mount": "mount a file system",
    "memory": "use more memory than it may",
    "file-size": "write a longer file than it may",
    "limits": "set its own limits",
}


# Of these, something has happened when the files that were set out are not as they were.
FILE_CHANGING_ATTEMPTS = {
    "write-outside",
    "write-secret",
    "write-lent",
    "cut-lent",
    "delete-lent",
    "mode-of-lent",
    "time-of-lent",
}


class EscapeAttempt(BaseModel):
    """One attempt: whether it was blocked, what happened in a sentence, and the seconds that it took."""

    name: str
    blocked: bool
    sentence: str
    seconds: float = 0.0


class SandboxTest(BaseModel):
    """What a confined child tried, when, and what became of it; `detail` says why there could be no test."""

    probes: list[EscapeAttempt]
    created: str
    seconds: float
    detail: str = ""

    @property
    def blocked(self) -> bool:
        """Whether everything was: only then is what was brought in run."""
        return all(probe.blocked for probe in self.probes)

    @property
    def sentence(self) -> str:
        """The verdict, in a sentence."""
        if self.blocked:
            return f"Everything that a confined process tried was blocked: {len(self.probes)} attempts."
        got_through = [probe.sentence for probe in self.probes if not probe.blocked]
        return f"Not everything is blocked here. {' '.join(got_through)}"

    def require_all_blocked(self) -> None:
        """Raises NotConfined when not everything was blocked."""
        if not self.blocked:
            raise not_confined_error(f"{self.sentence} {self.detail}".strip())


def run_escape_attempts(open_child: Callable[[], Child], config: Settings) -> SandboxTest:
    """Have a confined child try everything, once. Raises WorkerError when no child can be had at all."""
    started = time.perf_counter()
    try:
        probes, detail = _run_attempts(open_child, config), ""
    except (NotConfined, ChildDied, TimedOut) as error:  # it never came to an attempt, or ended under one
        sentence = "A process could not be confined on this system, so nothing is blocked."
        probes, detail = (
            [EscapeAttempt(name="confine", blocked=False, sentence=sentence)],
            error.detail or error.sentence,
        )
    return SandboxTest(probes=probes, created=now(), seconds=time.perf_counter() - started, detail=detail)


def _run_attempts(open_child: Callable[[], Child], config: Settings) -> list[EscapeAttempt]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_staging_folder(config.home))
        traps = stack.enter_context(open_socket_traps())
        child = stack.enter_context(open_child())
        lent, before = _create_bait_files(folder), _stat_files(folder)
        targets = traps.addresses | {"app": os.getpid(), "outside": str(folder), "secret": str(folder / "secret")}
        targets |= {"lent": lent / "file", "program": lent / "program"}
        targets |= {
            "scratch": str(child.file_exchange.folder / "out" / "tried"),
            "scratch_folder": str(child.file_exchange.folder / "out"),
        }
        told = child.request("attempt", seconds=SECONDS, targets=targets).message["attempts"]
        seen = traps.reached_attempts() | (set() if _stat_files(folder) == before else FILE_CHANGING_ATTEMPTS)
    return [_attempt_result(name, told.get(name), name in seen) for name in ATTEMPT_DESCRIPTIONS]


@contextlib.contextmanager
def _staging_folder(home: Path) -> Iterator[Path]:
    folder = create_staging_folder(home, "trap")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _attempt_result(name: str, reply: Any, has_effect: bool) -> EscapeAttempt:
    """A child's word counts only against it: what we saw ourselves counts more."""
    words = ATTEMPT_DESCRIPTIONS[name]
    refused = isinstance(reply, dict) and reply.get("refused") is True and not has_effect
    how = str(reply.get("how", "")) if isinstance(reply, dict) else "no answer"
    seconds = float(reply["seconds"]) if isinstance(reply, dict) else 0.0
    sentence = f"It could not {words} ({how})." if refused else f"It could {words}."
    return EscapeAttempt(name=name, blocked=refused, sentence=sentence, seconds=seconds)


def _create_bait_files(folder: Path) -> Path:
    """A secret, and a folder to lend with a file and with what would be started, if it were a program."""
    lent = folder / "lent"
    lent.mkdir()
    (folder / "secret").write_bytes(SECRET)
    (lent / "file").write_bytes(SECRET)
    (lent / "program").write_bytes(b"\0 no program")
    (lent / "program").chmod(OUTPUT_FILE_MODE | 0o111)
    return lent


def _stat_files(folder: Path) -> list[tuple[str, int, int, int]]:
    found = sorted(path for path in folder.rglob("*") if not path.is_socket())
    return [(str(one), one.stat().st_size, one.stat().st_mode, one.stat().st_mtime_ns) for one in found]


class SocketTraps:
    """Sockets of each kind, of which none may ever be reached."""

    def __init__(self, sockets: dict[str, socket.socket], addresses: dict[str, Any]):
        self._sockets = sockets
        self.addresses = addresses

    def reached_attempts(self) -> set[str]:
        """The names of the attempts that have arrived at their trap."""
        return {f"connect-{name}" for name, trap in self._sockets.items() if _has_connection(trap)}


def _has_connection(trap: socket.socket) -> bool:
    trap.setblocking(False)
    try:
        trap.accept()[0].close() if trap.type == socket.SOCK_STREAM else trap.recv(1)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def open_socket_traps() -> Iterator[SocketTraps]:
    """Listen where a confined child will try to connect, as long as this lasts."""
    local, unix = ("127.0.0.1", 0), getattr(socket, "AF_UNIX", None)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rt-"))
        addresses: dict[str, Any] = {"unix": f"{folder}/trap", "abstract": f"roundtrip-{secrets.token_hex(8)}"}
        sockets = {}
        wanted = {"tcp": (socket.AF_INET, socket.SOCK_STREAM, local), "udp": (socket.AF_INET, socket.SOCK_DGRAM, local)}
        if unix is not None:
            wanted |= {"unix": (unix, socket.SOCK_STREAM, addresses["unix"])}
            wanted |= {"abstract": (unix, socket.SOCK_STREAM, "\0" + addresses["abstract"])}
        for name, (family, kind, address) in wanted.items():
            sockets[name] = stack.enter_context(socket.socket(family, kind))
            sockets[name].bind(address)
            if kind == socket.SOCK_STREAM:
                sockets[name].listen(1)
        addresses |= {name: sockets[name].getsockname()[1] for name in ("tcp", "udp")}
        yield SocketTraps(sockets, addresses)
