"""Check of the sandbox, app side: a sandboxed child tries to escape, and we look whether it got through."""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from core.errors import ChildDied, NotConfined, TimedOut
from core.record import now
from core.sandbox.escape_attempts import ATTEMPTS
from core.settings import Settings
from core.worker.child_errors import not_confined_error
from core.worker.child_handle import Child
from core.worker.file_exchange import OUTPUT_FILE_MODE, create_staging_folder

SECONDS = 30.0  # that all attempts together may take
SECRET = b"nobody outside of this folder may read this"

# Attempts that got through when the bait files have changed.
FILE_CHANGING_ATTEMPTS = {"write-outside", "write-secret", "mode-of-lent", "time-of-lent"}
FILE_CHANGING_ATTEMPTS |= {"write-lent", "cut-lent", "delete-lent"}


class EscapeAttempt(BaseModel):
    """One attempt: whether it was blocked, what happened in a sentence, and the seconds that it took."""

    name: str
    blocked: bool
    sentence: str
    seconds: float = 0.0


class SandboxCheck(BaseModel):
    """What a sandboxed child tried, when, and with what result; `detail` says why there could be no check."""

    probes: list[EscapeAttempt]
    created: str
    seconds: float
    detail: str = ""

    @property
    def blocked(self) -> bool:
        """Whether everything was: only then are untrusted files loaded."""
        return all(probe.blocked for probe in self.probes)

    @property
    def sentence(self) -> str:
        """The result, in a sentence."""
        if self.blocked:
            return f"Everything that a confined process tried was blocked: {len(self.probes)} attempts."
        successes = [probe.sentence for probe in self.probes if not probe.blocked]
        return f"Not everything is blocked here. {' '.join(successes)}"

    def require_all_blocked(self) -> None:
        """Raises NotConfined when not everything was blocked."""
        if not self.blocked:
            raise not_confined_error(f"{self.sentence} {self.detail}".strip())


def run_escape_attempts(open_child: Callable[[], Child], config: Settings) -> SandboxCheck:
    """Have a sandboxed child try everything, once. Raises WorkerError when no child can be had at all."""
    started, detail = time.perf_counter(), ""
    try:
        probes = _run_attempts(open_child, config)
    except (NotConfined, ChildDied, TimedOut) as error:  # it never came to an attempt, or ended under one
        sentence = "A process could not be confined on this system, so nothing is blocked."
        probes = [EscapeAttempt(name="confine", blocked=False, sentence=sentence)]
        detail = error.detail or error.sentence
    return SandboxCheck(probes=probes, created=now(), seconds=time.perf_counter() - started, detail=detail)


def _run_attempts(open_child: Callable[[], Child], config: Settings) -> list[EscapeAttempt]:
    with _bait_folder(config.home) as folder, open_socket_traps() as traps, open_child() as child:
        before, output = _stat_files(folder), child.file_exchange.folder / "out"
        targets = traps.addresses | {"app": os.getpid(), "outside": str(folder), "secret": str(folder / "secret")}
        targets |= {"lent": folder / "lent" / "file", "program": folder / "lent" / "program"}
        targets |= {"scratch": str(output / "tried"), "scratch_folder": str(output)}
        replies = child.request("attempt", seconds=SECONDS, targets=targets).message["attempts"]
        effects = traps.reached_attempts() | (set() if _stat_files(folder) == before else FILE_CHANGING_ATTEMPTS)
    return [_attempt_result(name, replies.get(name), name in effects) for name in ATTEMPTS]


def _attempt_result(name: str, reply: Any, has_effect: bool) -> EscapeAttempt:
    """An untrusted reply counts only against the sandbox: what we saw ourselves counts more."""
    words = ATTEMPTS[name].description
    blocked = isinstance(reply, dict) and reply.get("refused") is True and not has_effect
    how = str(reply.get("how", "")) if isinstance(reply, dict) else "no answer"
    seconds = float(reply["seconds"]) if isinstance(reply, dict) else 0.0
    sentence = f"It could not {words} ({how})." if blocked else f"It could {words}."
    return EscapeAttempt(name=name, blocked=blocked, sentence=sentence, seconds=seconds)


@contextlib.contextmanager
def _bait_folder(home: Path) -> Iterator[Path]:
    """A folder with a secret, and with a folder to lend: a file, and what would be started if it were a program."""
    folder = create_staging_folder(home, "trap")
    try:
        lent = folder / "lent"
        lent.mkdir()
        (folder / "secret").write_bytes(SECRET)
        (lent / "file").write_bytes(SECRET)
        (lent / "program").write_bytes(b"\0 no program")
        (lent / "program").chmod(OUTPUT_FILE_MODE | 0o111)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stat_files(folder: Path) -> list[tuple[str, int, int, int]]:
    files = [(str(path), path.stat()) for path in sorted(folder.rglob("*")) if not path.is_socket()]
    return [(path, status.st_size, status.st_mode, status.st_mtime_ns) for path, status in files]


class SocketTraps(NamedTuple):
    """Sockets of each kind, of which none may ever be reached."""

    sockets: dict[str, socket.socket]
    addresses: dict[str, Any]

    def reached_attempts(self) -> set[str]:
        """The names of the attempts that have arrived at their trap."""
        return {f"connect-{name}" for name, trap in self.sockets.items() if _has_connection(trap)}


def _has_connection(trap: socket.socket) -> bool:
    trap.setblocking(False)
    try:
        trap.accept()[0].close() if trap.type == socket.SOCK_STREAM else trap.recv(1)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def open_socket_traps() -> Iterator[SocketTraps]:
    """Listen where a sandboxed child will try to connect, as long as this lasts."""
    local = ("127.0.0.1", 0)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rt-"))
        addresses: dict[str, Any] = {"unix": f"{folder}/trap", "abstract": f"roundtrip-{secrets.token_hex(8)}"}
        kinds: dict[str, tuple[int, int, Any]] = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, local),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, local),
        }
        if hasattr(socket, "AF_UNIX"):
            kinds["unix"] = socket.AF_UNIX, socket.SOCK_STREAM, addresses["unix"]
            kinds["abstract"] = socket.AF_UNIX, socket.SOCK_STREAM, "\0" + addresses["abstract"]
        sockets = {}
        for name, (family, kind, address) in kinds.items():
            sockets[name] = stack.enter_context(socket.socket(family, kind))
            sockets[name].bind(address)
            if kind == socket.SOCK_STREAM:
                sockets[name].listen(1)
        addresses |= {name: sockets[name].getsockname()[1] for name in ("tcp", "udp")}
        yield SocketTraps(sockets, addresses)
