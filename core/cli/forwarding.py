"""Have a command done by the warm process that an earlier one has left, in which all that it imports is loaded.

The command keeps its terminal, its folder and its environment: a process forked for it takes them over, and this one
waits for its end. Nothing is imported here that takes time.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any

from core.kept import COMMAND_SUFFIX, HEAD, PROCESS_FILE, READY_FILE, SOCKET_NAME, environment_key, is_own_peer
from core.kept import private_folder as find_private_folder

# Commands that need TensorFlow.
FORWARDED = {"train", "save", "import", "compare", "cost", "resume", "inspect", "diff"}


def forward_command(arguments: list[str]) -> int | None:
    """The exit status of a command that a warm process has done; None where there is none that could."""
    if not FORWARDED.intersection(arguments[:1]) or "--help" in arguments:
        return None
    with contextlib.suppress(OSError):
        connection = _connect()
        if connection:
            with connection:
                return _have_done(connection, arguments)
    return None


def _connect() -> socket.socket | None:
    """A connection to the warm process that has this environment and these sources."""
    parent, key = find_private_folder(), environment_key()
    for file in parent.glob(f"*/{PROCESS_FILE}") if parent else ():
        if json.loads(file.read_bytes()).get("environment") == key and (file.parent / READY_FILE).exists():
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with contextlib.suppress(OSError):
                connection.connect(str(file.with_name(SOCKET_NAME + COMMAND_SUFFIX)))
                if is_own_peer(connection):
                    return connection
            connection.close()
    return None


def _have_done(connection: socket.socket, arguments: list[str]) -> int:
    """Hand the command over, and wait for its end; Ctrl-C is passed on."""
    socket.send_fds(connection, [b"\0"], [0, 1, 2])
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    text = json.dumps(request).encode()
    connection.sendall(HEAD.pack(len(text), 0) + text)
    with connection.makefile("rb") as stream:
        pid, status = None, None
        while status is None:
            try:
                message = _read_message(stream)
            except KeyboardInterrupt:
                if pid is not None:
                    os.kill(pid, signal.SIGINT)
                continue
            if message is None:
                return 1
            pid, status = message.get("hello", pid), message.get("exit")
    return status if status >= 0 else 128 - status


def _read_message(stream: Any) -> dict[str, Any] | None:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    message: dict[str, Any] = json.loads(stream.read(HEAD.unpack(head)[0]))
    return message


def do_forwarded(request: dict[str, Any]) -> None:
    """Do a command in a process that was forked for it: with the arguments, the folder and the environment given."""
    from core.__main__ import run_command
    from core.settings import get_settings

    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    get_settings.cache_clear()
    sys.argv[1:] = request["arguments"]
    run_command()
