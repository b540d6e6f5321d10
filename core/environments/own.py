"""The packages that Roundtrip itself is installed with, as an environment: files are asked here as they are elsewhere.

It is in no list of environments, as there is nothing to build or to remove.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import sys
import sysconfig
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from core.environments.base import KERAS_FORMATS, ONNX_FORMATS, Environment
from core.environments.build import RECORD, VENV, BuiltEnvironment
from core.library.storage import translate_disk_errors, write_text_atomically
from core.settings import Settings

HERE = "here"
REQUIRED = re.compile(r"[^\w.-]")  # what ends the name in a requirement
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "onnxruntime")


class OwnEnvironment(Environment):
    """It has no lock: the packages that answer, and what they require, stand for one."""

    @property
    def folder_name(self) -> str:
        text = json.dumps([sys.version, sys.prefix, _installed()])
        return f"own-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def lock_sha256(self) -> str:
        """SHA-256 of the release of Python, and of the names and versions of its packages and what they require."""
        return hashlib.sha256(json.dumps([sys.version, list_with_required(PACKAGES)]).encode()).hexdigest()


@cache
def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def list_with_required(names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those of these packages that are installed, and of all that they require, by name."""
    versions, waiting = {}, list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        with contextlib.suppress(PackageNotFoundError):
            if name not in versions:
                found = distribution(name)
                versions[name] = found.version
                waiting += [REQUIRED.split(text)[0] for text in found.requires or () if "extra ==" not in text]
    return dict(sorted(versions.items()))


@cache
def _installed() -> tuple[str, ...]:
    """The names of all distributions with their versions, as their folders have them: none of them is opened."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    names = (path.name for folder in folders for path in folder.glob("*.*-info"))
    return tuple(sorted(names))


def own_environment() -> Environment:
    """The packages of this installation."""
    versions = _versions()
    return OwnEnvironment(
        key=HERE,
        label=f"Keras {versions.get('keras', '')} (here)",
        requirements=tuple(f"{name}=={number}" for name, number in versions.items()),
        takes=KERAS_FORMATS | ONNX_FORMATS,
        script="own_files",
        megabytes=0,
        good_for="What Roundtrip itself runs.",
        variables={"KERAS_BACKEND": "tensorflow"},
        forks=True,
    )


def find_own(config: Settings) -> BuiltEnvironment:
    """Return the packages of this installation as if they had been built. Raises StorageFailed."""
    folder = config.environments_folder / own_environment().folder_name
    with translate_disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / VENV).is_symlink():
            link = folder / f"{VENV}.{secrets.token_hex(8)}"
            link.symlink_to(sys.prefix)
            os.replace(link, folder / VENV)
        if not (folder / RECORD).is_file():
            write_text_atomically(folder / RECORD, json.dumps({"seconds": 0.0, "bytes": 0, "files": None}))
    return BuiltEnvironment(folder, 0.0, 0)
