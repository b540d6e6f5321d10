"""Packages of npm in an environment: fetched by the npm that its own Node.js brings, and checked against its lock."""

import shutil
from functools import partial
from pathlib import Path

from core.environments.programs import run_program
from core.error_translation import translate_npm_error
from core.npm import Lock, find_bundled_npm, run_npm_pack, write_packages
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
    run = partial(run_program, label=label, seconds=seconds, is_cancelled=is_cancelled)
    status, text = run_npm_pack(find_bundled_npm(venv, CURE), lock.packages, tarballs, run)
    if status:
        raise translate_npm_error(text, label)
    write_packages(lock.packages, tarballs, venv / FOLDER, CURE)
    shutil.rmtree(tarballs, ignore_errors=True)
