"""Packages of npm in an environment: fetched by the npm that its own Node.js brings, and checked against its lock."""

import os
import shutil
from pathlib import Path

from core.environments.programs import run_program
from core.error_translation import translate_npm_error
from core.npm import NPM_VARIABLES, Lock, find_bundled_npm, pack_command, write_packages
from core.worker.child_handle import CancelCheck

FOLDER = "npm"  # beside the interpreter: a folder for each package
CURE = (
    "Connect to the network, or name a registry of npm that can be reached (npm_config_registry), then build it again."
)


def install_npm_packages(
    lock: Lock, venv: Path, staged: Path, *, label: str, seconds: float, is_cancelled: CancelCheck
) -> None:
    """Write the files of a lock into an environment whose Python packages are installed.

    `staged` is an empty folder for what is fetched. Raises NotBuilt with what npm said, PackageMissing, Damaged,
    TimedOut, and Cancelled.
    """
    tarballs = staged / "tarballs"
    tarballs.mkdir()
    command = pack_command(find_bundled_npm(venv, CURE), lock.packages, tarballs)
    variables = os.environ | NPM_VARIABLES
    status, text = run_program(command, variables, label=label, seconds=seconds, is_cancelled=is_cancelled)
    if status:
        raise translate_npm_error(text, label)
    write_packages(lock.packages, tarballs, venv / FOLDER, CURE)
    shutil.rmtree(tarballs, ignore_errors=True)
