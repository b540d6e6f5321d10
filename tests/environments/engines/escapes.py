"""An engine that tries what a confined one must not be able to do; its error says what it could."""

import os
import socket
import subprocess
import sys
from pathlib import Path

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    done = [name for name, action in ATTEMPTS.items() if succeeds(action, kit)]
    raise ValueError(f"it could: {', '.join(done) or 'nothing'}; display {os.environ.get('DISPLAY')}")


def succeeds(action, kit):
    try:
        action(kit)
    except (OSError, PermissionError, subprocess.SubprocessError):
        return False
    return True


ATTEMPTS = {
    "read the system": lambda kit: Path("/etc/passwd").read_text(),
    "write into the kit": lambda kit: (kit / "written").write_text("x"),
    "connect": lambda kit: socket.socket().close(),
    "start a program": lambda kit: subprocess.run(["/bin/true"], check=True),
    "start itself": lambda kit: subprocess.run([sys.executable, "-c", ""], check=True),
    "read the kit": lambda kit: (kit / "inputs.npz").read_bytes(),
}
