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
from pathlib import Path
from typing import Any

from core.kept_process_lookup import (
    COMMAND_SUFFIX,
    HEAD,
    PROCESS_FILE,
    READY_FILE,
    SOCKET_NAME,
    environment_key,
    is_own_peer,
)
from core.kept_process_lookup import private_folder as find_private_folder

# Commands that need TensorFlow.
FORWARDED = {"train", "save", "import", "compare", "cost", "resume", "inspect", "diff"}


def forward_command(arguments: list[str]) -> int | None:
    """The exit status of a command that a warm process has done; None where there is none that could."""
    if not FORWARDED.intersection(arguments[:1]) or "--help" in arguments:
        return None
    if (connection := _connect()) is None:
        return None
    with connection:
        try:
            _hand_over(connection, arguments)
        except OSError:
            return None  # it ended just now, and has heard nothing of the whole
        return _await_end(connection)


def _connect() -> socket.socket | None:
    """A connection to the warm process that has this environment and these sources."""
    parent, key = find_private_folder(), environment_key()
    for file in parent.glob(f"*/{PROCESS_FILE}") if parent else ():
        if _read_environment(file) == key and (file.parent / READY_FILE).exists():
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with contextlib.suppress(OSError):
                connection.connect(str(file.with_name(SOCKET_NAME + COMMAND_SUFFIX)))
                if is_own_peer(connection):
                    return connection
            connection.close()
    return None


def _read_environment(file: Path) -> str:
    """The environment's key of a warm process; nothing where its file is gone, or being written."""
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads(file.read_bytes())["environment"])
    return ""


def _hand_over(connection: socket.socket, arguments: list[str]) -> None:
    """Hand over the command and the terminal. Raises OSError where nobody takes it."""
    socket.send_fds(connection, [b"\0"], [0, 1, 2])
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    text = json.dumps(request).encode()
    connection.sendall(HEAD.pack(len(text), 0) + text)


def _await_end(connection: socket.socket) -> int:
    """Wait for the end of the command; Ctrl-C is passed on."""
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
                print("The process that did this command was ended. Try again.", file=sys.stderr)
                return 1
            pid, status = message.get("hello", pid), message.get("exit")
    return status if status >= 0 else 128 - status


def _read_message(stream: Any) -> dict[str, Any] | None:
    with contextlib.suppress(OSError):
        head = stream.read(HEAD.size)
        if len(head) == HEAD.size:
            message: dict[str, Any] = json.loads(stream.read(HEAD.unpack(head)[0]))
            return message
    return None
