"""The box of a confined child, seen from the app: what it is lent, what it leaves behind, and how it is hidden."""

import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from core.errors import WorkerError
from core.settings import PROJECT

MAX_OUTPUT_FILES = 10_000  # that a child may leave behind
OUTPUT_FILE_MODE = 0o644  # mode of what is taken out
REDACTED = "…"


@dataclass(frozen=True)
class OutputFolder:
    """An empty folder that a child fills: as a value in a request, the child is given a folder to fill, and what is in
    it when the reply comes is put into `path`."""

    path: Path


@dataclass
class FileExchange:
    """Two folders on the library's own disk: `in`, which the child reads, and `out`, which it fills."""

    folder: Path
    lent_bytes: int = 0
    _lent_paths: dict[Path, str] = field(default_factory=dict)
    _output_folders: list[tuple[Path, Path]] = field(default_factory=list)

    def make(self) -> None:
        """Raises OSError."""
        for name in ("in", "out"):
            (self.folder / name).mkdir(parents=True)

    def lend(self, path: Path) -> str:
        """The same file, or folder with all files below it, where the child may read it. Raises OSError."""
        if path not in self._lent_paths:
            here = self.folder / "in" / str(len(self._lent_paths)) / path.name
            here.parent.mkdir()
            _link_all(path, here)
            self._lent_paths[path] = str(here)
            self.lent_bytes += sum(one.stat().st_size for one in (here, *here.rglob("*")) if one.is_file())
        return self._lent_paths[path]

    def create_output_folder(self, output: OutputFolder) -> str:
        """A folder for the child to fill, whose content goes to `writes.path`."""
        here = self.folder / "out" / f"filled-{len(self._output_folders)}"
        here.mkdir()
        self._output_folders.append((here, output.path))
        return str(here)

    def collect(self, max_bytes: int) -> None:
        """Copy what the child has filled to where it was asked for, plain files alone, and empty the scratch.

        Copies: the child may still hold its own files open. Raises WorkerError for anything that is no plain file, and
        for more than `most_bytes`.
        """
        for here, there in self._output_folders:
            _copy_out(here, there, max_bytes)
            shutil.rmtree(here)
        self._output_folders.clear()

    def discard_outputs(self) -> None:
        """What the child was to fill is not wanted any more: it failed."""
        self._output_folders.clear()

    def redact_paths(self, value: Any) -> Any:
        """What a child said, without the paths of this machine."""
        if isinstance(value, str):
            for place in (str(self.folder), str(PROJECT), sys.prefix, sys.base_prefix + "/lib"):
                value = value.replace(place, REDACTED)
            return value
        if isinstance(value, dict):
            return {self.redact_paths(key): self.redact_paths(one) for key, one in value.items()}
        return [self.redact_paths(one) for one in value] if isinstance(value, list) else value

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def create_staging_folder(home: Path, purpose: str) -> Path:
    """A new folder on the library's disk, named so that the library knows when nobody is there who used it.

    Where that disk is full or read-only, what lies there can be loaded all the same: then it is among the temporary
    files. Raises OSError.
    """
    folder = home / "staging" / f"{os.getpid()}-{psutil.Process().create_time():.2f}-{purpose}{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"roundtrip-{purpose}-"))
    return folder


def substitute_paths(
    value: Any, replace_path: Callable[[Path], str], replace_output: Callable[[OutputFolder], str]
) -> Any:
    """A request's value with every `Path` and `Writes` in it, however deep, as what a child is told instead."""
    if isinstance(value, Path):
        return replace_path(value)
    if isinstance(value, OutputFolder):
        return replace_output(value)
    if isinstance(value, dict):
        return {key: substitute_paths(one, replace_path, replace_output) for key, one in value.items()}
    return (
        [substitute_paths(one, replace_path, replace_output) for one in value]
        if isinstance(value, list | tuple)
        else value
    )


def _link_all(source: Path, target: Path) -> None:
    """The same files below another folder: the very bytes that were hashed. A link is not followed and not lent."""
    if not source.is_dir():
        return _link(source, target)
    target.mkdir()
    for one in os.scandir(source):
        if one.is_dir(follow_symlinks=False) or one.is_file(follow_symlinks=False):
            _link_all(Path(one.path), target / one.name)
    return None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another disk, another owner, or a file system without such links
        shutil.copyfile(source, target)


def _copy_out(source: Path, destination: Path, max_bytes: int) -> None:
    found = [*_plain_files(source)]
    if len(found) > MAX_OUTPUT_FILES or sum(size for _, size in found) > max_bytes:
        raise WorkerError(
            "A confined process has written more than it may.",
            received=f"{len(found):,} files, {sum(size for _, size in found):,} bytes",
            cure="Raise ROUNDTRIP_CONFINED_FILE_MIB if the model is as large as that.",
        )
    for path, size in found:
        target = destination / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(path, target, size)


def _plain_files(folder: Path) -> Iterator[tuple[Path, int]]:
    for one in os.scandir(folder):
        facts = one.stat(follow_symlinks=False)
        if not one.name.isprintable() or not (stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode)):
            raise WorkerError("A confined process has left something behind that is no plain file.")
        if stat.S_ISDIR(facts.st_mode):
            yield from _plain_files(Path(one.path))
        else:
            yield Path(one.path), facts.st_size


def _copy(source: Path, target: Path, size: int) -> None:
    """At most `size` bytes of a file that may still be written to."""
    reading = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(reading, "rb") as one, open(os.open(target, _CREATE_FLAGS, OUTPUT_FILE_MODE), "wb") as other:
        while size > 0 and (chunk := one.read(min(size, 2**20))):
            other.write(chunk)
            size -= len(chunk)


_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
