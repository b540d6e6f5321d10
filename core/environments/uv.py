"""uv, which builds environments: where it is, which index it asks, and how it is run."""

import contextlib
import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.environments.programs import run_program
from core.error_translation import translate_build_error
from core.errors import PackageMissing
from core.worker.child_handle import CancelCheck

PIP_SECONDS = 30  # in which pip has said what it is set to
# Variables of uv by the settings of pip that mean the same.
INDEX_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
SIDE_INDEXES = {"UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"}
PLACES = {"UV_INDEX", "UV_FIND_LINKS"}  # which are lists; what does not exist in one is left out, as pip leaves it out


def find_uv() -> str:
    """Return the path of uv. Raises PackageMissing."""
    if importlib.util.find_spec("uv"):
        import uv

        with contextlib.suppress(FileNotFoundError):
            return os.fspath(uv.find_uv_bin())
    if path := shutil.which("uv"):
        return path
    raise PackageMissing("uv, which builds environments, is not installed.", cure="Install it: pip install uv")


def run_uv(
    *arguments: str | Path,
    label: str,
    seconds: float,
    is_cancelled: CancelCheck,
    main_index: bool = False,
) -> None:
    """Run uv to its end, with `main_index` over that index alone.

    Raises NotBuilt with what it said, PackageMissing, TimedOut, and Cancelled; it has ended in any case.
    """
    command, variables = [find_uv(), *map(str, arguments)], uv_environment(main_index)
    status, text = run_program(command, variables, label=label, seconds=seconds, is_cancelled=is_cancelled)
    if status:
        raise translate_build_error(text, label)


def uv_environment(main_index: bool = False) -> dict[str, str]:
    """Variables of uv's process: the user's own, and pip's index where uv has been told of none.

    Nothing of Python's own gets in, and no interpreter is ever downloaded. With `main_index` no other index is asked:
    one that lacks some files of a release would take their hashes out of a lock.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    defaults = {"UV_LINK_MODE": "hardlink"}
    if not any(name in ours for name in INDEX_VARIABLES):
        defaults |= read_pip_index()
    if main_index:
        defaults, ours = ({name: each[name] for name in each.keys() - SIDE_INDEXES} for each in (defaults, ours))
    return defaults | ours | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


@functools.cache
def read_pip_index() -> dict[str, str]:
    """Return the index that pip is set to, as variables of uv; nothing where there is no pip to tell."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_pip_settings(ended.stdout)


def parse_pip_settings(text: str) -> dict[str, str]:
    """Return the variables of uv for what `pip config list` printed: the last line for a setting counts."""
    settings = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        with contextlib.suppress(ValueError):
            settings[name.rpartition(".")[2].strip()] = " ".join(shlex.split(value))
    named = {variable: settings[name] for name, variable in INDEX_SETTINGS.items() if settings.get(name)}
    kept = {name: " ".join(_existing(value.split())) if name in PLACES else value for name, value in named.items()}
    # As pip does, look for a package in all of them: which of two of one name is meant, the hashes of the lock say.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match"} | {name: value for name, value in kept.items() if value}


def _existing(places: list[str]) -> list[str]:
    """Leave out folders that are not there."""
    return [place for place in places if not _is_local(place) or Path(unquote(urlsplit(place).path)).exists()]


def _is_local(place: str) -> bool:
    return urlsplit(place).scheme in ("", "file")
