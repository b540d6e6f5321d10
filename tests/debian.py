"""Packages of Debian that the tests use where they may be installed."""

import os
import shutil
import subprocess


def install_package(name: str) -> None:
    """Install a package of Debian, where this is a Debian whose packages may be installed; else do nothing."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", name]):
            subprocess.run(command, check=False, timeout=300, capture_output=True)
