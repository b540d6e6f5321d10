"""Files lent to a sandboxed child and collected from it, and the paths that its replies must not name."""

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
OUTPUT_FILE_MODE = 0o644  # mode of the files that are collected
REDACTED = "…"
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class OutputFolder:
    """An empty folder for a child to fill: an argument of a request, filled when the reply comes."""

    path: Path


@dataclass
class FileExchange:
    """Two folders on the library's own disk: `in`, which the child reads, and `out`, which it fills."""

    folder: Path
    lent_bytes: int = 0
    _lent_paths: dict[Path, str] = field(default_factory=dict)
    _output_folders: list[tuple[Path, Path]] = field(default_factory=list)

    def make(self) -> None:
        """Make both folders. Raises OSError."""
        for name in ("in", "out"):
            (self.folder / name).mkdir(parents=True)

    def lend(self, path: Path) -> str:
        """Make a file, or a folder with all files below it, readable for the child; returns its path there.

        Raises OSError.
        """
        if path not in self._lent_paths:
            target = self.folder / "in" / str(len(self._lent_paths)) / path.name
            target.parent.mkdir()
            _link_tree(path, target)
            self._lent_paths[path] = str(target)
            self.lent_bytes += sum(file.stat().st_size for file in (target, *target.rglob("*")) if file.is_file())
        return self._lent_paths[path]

    def create_output_folder(self, output: OutputFolder) -> str:
        """Make a folder for the child to fill; `collect` copies its files to `output.path`."""
        folder = self.folder / "out" / f"filled-{len(self._output_folders)}"
        folder.mkdir()
        self._output_folders.append((folder, output.path))
        return str(folder)

    def collect(self, max_bytes: int) -> None:
        """Copy the files that the child has written to where they were requested.

        Copies, because the child may still have its own files open. Raises WorkerError for anything but plain files,
        and for more than `max_bytes`.
        """
        for folder, destination in self._output_folders:
            _copy_files(folder, destination, max_bytes)
            shutil.rmtree(folder)
        self._output_folders.clear()

    def discard_outputs(self) -> None:
        """Collect nothing of a request that failed."""
        self._output_folders.clear()

    def redact_paths(self, value: Any) -> Any:
        """A reply without the paths of this machine."""
        if isinstance(value, str):
            for path in (str(self.folder), str(PROJECT), sys.prefix, sys.base_prefix + "/lib"):
                value = value.replace(path, REDACTED)
            return value
        if isinstance(value, dict):
            return {self.redact_paths(key): self.redact_paths(item) for key, item in value.items()}
        return [self.redact_paths(item) for item in value] if isinstance(value, list) else value


def create_staging_folder(home: Path, purpose: str) -> Path:
    """Make a folder on the library's disk, named so that the library deletes it once this process is gone.

    Where that disk is full or read-only, it is a temporary folder: what lies there can be loaded all the same. Raises
    OSError.
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
    """An argument of a request with every `Path` and `OutputFolder` in it, however deep, as a path for the child."""
    if isinstance(value, Path):
        return replace_path(value)
    if isinstance(value, OutputFolder):
        return replace_output(value)
    if isinstance(value, dict):
        return {key: substitute_paths(item, replace_path, replace_output) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute_paths(item, replace_path, replace_output) for item in value]
    return value


def _link_tree(source: Path, target: Path) -> None:
    """Hard-link a file, or the files below a folder: the very bytes that were hashed. Symbolic links are left out."""
    if not source.is_dir():
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # another disk, another owner, or a file system without such links
            shutil.copyfile(source, target)
        return
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
                _link_tree(Path(entry.path), target / entry.name)


def _copy_files(source: Path, destination: Path, max_bytes: int) -> None:
    files = [*_plain_files(source)]
    total = sum(size for _, size in files)
    if len(files) > MAX_OUTPUT_FILES or total > max_bytes:
        raise WorkerError(
            "A confined process has written more than it may.",
            received=f"{len(files):,} files, {total:,} bytes",
            cure="Raise ROUNDTRIP_CONFINED_FILE_MB if the model is as large as that.",
        )
    for path, size in files:
        target = destination / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(path, target, size)


def _plain_files(folder: Path) -> Iterator[tuple[Path, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if not entry.name.isprintable() or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
                raise WorkerError("A confined process has left something behind that is no plain file.")
            if stat.S_ISDIR(status.st_mode):
                yield from _plain_files(Path(entry.path))
            else:
                yield Path(entry.path), status.st_size


def _copy_file(source: Path, target: Path, size: int) -> None:
    """At most `size` bytes of a file that may still be written to."""
    with (
        os.fdopen(os.open(source, _READ_FLAGS), "rb") as reader,
        os.fdopen(os.open(target, _CREATE_FLAGS, OUTPUT_FILE_MODE), "wb") as writer,
    ):
        while size > 0 and (chunk := reader.read(min(size, 2**20))):
            writer.write(chunk)
            size -= len(chunk)
