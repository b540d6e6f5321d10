"""Packages that tests install from an index of Python's or a registry of npm's, where these can be reached."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.environments.uv import find_uv, uv_environment
from core.error_translation import translate_build_error, translate_npm_error
from core.errors import NotBuilt

SECONDS = 900
# What the sentences say of an index, a registry and an interpreter that are not here.
NOT_HERE = ("did not answer", "release of Python")


@contextlib.contextmanager
def skip_what_is_not_here() -> Iterator[None]:
    """Skip the test where nobody can be asked for packages, or for Python; any other reason not to build is raised."""
    try:
        yield
    except NotBuilt as error:
        if not is_not_here(error):
            raise
        pytest.skip(error.sentence)


def is_not_here(error: NotBuilt) -> bool:
    """Whether packages could not be installed for what this machine lacks, which says nothing of the packages."""
    return any(words in error.sentence for words in NOT_HERE)


def install_wheels(python: Path | str, folder: Path, *pins: str, constraints: Path | None = None) -> None:
    """Install packages into a folder, for the interpreter that will import them. Skips without an index.

    `constraints` is a lock whose versions are taken of what is in it.
    """
    options = ["--constraints", constraints] if constraints else []
    command = [find_uv(), "pip", "install", "--quiet", "--python", python, "--target", folder, *options, *pins]
    ended = subprocess.run(command, env=uv_environment(), capture_output=True, text=True, timeout=SECONDS)
    if ended.returncode:
        _skip_or_fail(translate_build_error(ended.stderr, "uv"), ended.stderr)


def install_npm_package(folder: Path, package: str) -> None:
    """Install a package of npm into a folder, and run no script of its. Skips without npm, and without a registry."""
    if not (npm := shutil.which("npm")):
        pytest.skip("there is no npm here")
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", package]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    if ended.returncode:
        _skip_or_fail(translate_npm_error(ended.stderr, "npm"), ended.stderr)


def _skip_or_fail(error: NotBuilt, printed: str) -> None:
    """Skip where nobody answered; else fail with what the program printed."""
    if is_not_here(error):
        pytest.skip(error.sentence)
    pytest.fail(printed[-2000:])
