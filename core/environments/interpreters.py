"""The interpreter in which an environment is built: one that is installed, and none is ever downloaded."""

import contextlib
import os
import re
import sys
from pathlib import Path


def find_interpreter(release: str) -> str:
    """Return what uv is told of the interpreter of a release of Python: ours, or one that pyenv has installed, by its
    path; else the release, for which uv looks.

    pyenv puts a program of each release on the search path that only refuses where that release is not chosen, and uv
    looks no further than it.
    """
    if release == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    with contextlib.suppress(OSError, RuntimeError):  # a folder that may not be read, or no home
        return next((str(path) for path in _list_interpreters_of_pyenv(release)), release)
    return release


def _list_interpreters_of_pyenv(release: str) -> list[Path]:
    """Return the interpreters of a release that pyenv has installed, the newest first; finished releases alone."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    patches = [re.fullmatch(rf"{re.escape(release)}\.(\d+)", path.name) for path in versions.glob(f"{release}.*")]
    numbers = sorted((int(match[1]) for match in patches if match), reverse=True)
    interpreters = [versions / f"{release}.{number}" / "bin" / f"python{release}" for number in numbers]
    return [path for path in interpreters if path.is_file()]
