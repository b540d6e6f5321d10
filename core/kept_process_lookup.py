"""How a command finds the warm process that an earlier one has left, without loading anything for it.

Such processes lie below a folder that is this user's alone, each in a folder of its own (see
`core.worker.kept_process`). What a command needs to be done in one is here and in `core.cli.forwarding`, and imports
nothing that takes time.
"""

import contextlib
import hashlib
import json
import os
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HEAD = struct.Struct(">IQ")  # before a frame: bytes of its JSON, and of its arrays (see `core.worker.protocol`)
PROCESS_FILE, READY_FILE, LOCK_FILE = "process.json", "ready", "lock"
SOCKET_NAME = "worker"
COMMAND_SUFFIX = "-command"  # the end of the name of the socket that takes whole commands
CREDENTIALS = struct.Struct("3i")  # pid, uid and gid, as Linux gives them of the other end of a socket
# What a process of ours sees of its environment, beside our own settings.
PASSED_VARIABLES = (
    *("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "HOME", "USERPROFILE"),
    *("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"),  # which are `core.system.INSTRUCTION_LIMITS`
)
PASSED_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def private_folder() -> Path | None:
    """The folder that is this user's alone; None where there can be none, as another user has taken its place."""
    if not (hasattr(os, "getuid") and hasattr(socket, "SO_PEERCRED")):
        return None
    folder = Path(tempfile.gettempdir()) / f"roundtrip-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return folder if is_private else None


def is_own_peer(connection: socket.socket) -> bool:
    """Whether a process of this user is at the other end of a Unix socket."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return bool(CREDENTIALS.unpack(data)[1] == os.getuid())


def environment_key() -> str:
    """What must be the same for a process to be of use to another: environment, packages, and our own sources."""
    names = {name for name in os.environ if name.upper() in PASSED_VARIABLES + PASSED_PROXY_VARIABLES}
    names |= {name for name in os.environ if name.startswith("ROUNDTRIP_")}
    packages = [(path, os.stat(path).st_mtime_ns) for path in sys.path if path.endswith("-packages")]
    root = Path(__file__).resolve().parent
    sources = max(path.stat().st_mtime_ns for path in root.rglob("*.py"))
    facts = [sys.executable, str(root), {name: os.environ[name] for name in names}, packages, sources]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def locked(parent: Path) -> Iterator[None]:
    """While this lasts no other process of this user starts or ends a kept process."""
    import fcntl  # which Windows has not

    with (parent / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
