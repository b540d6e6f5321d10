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

MOST_FILES = 10_000  # that a child may leave behind
WRITTEN = 0o644  # mode of what is taken out
HIDDEN = "…"


@dataclass(frozen=True)
class Writes:
    """An empty folder that a child fills: as a value in a request, the child is given a folder to fill, and what is in
    it when the reply comes is put into `path`."""

    path: Path


@dataclass
class Box:
    """Two folders on the library's own disk: `in`, which the child reads, and `out`, which it fills."""

    folder: Path
    lent_bytes: int = 0
    _lent: dict[Path, str] = field(default_factory=dict)
    _writes: list[tuple[Path, Path]] = field(default_factory=list)

    def make(self) -> None:
        """Raises OSError."""
        for name in ("in", "out"):
            (self.folder / name).mkdir(parents=True)

    def lend(self, path: Path) -> str:
        """The same file, or folder with all files below it, where the child may read it. Raises OSError."""
        if path not in self._lent:
            here = self.folder / "in" / str(len(self._lent)) / path.name
            here.parent.mkdir()
            _link_all(path, here)
            self._lent[path] = str(here)
            self.lent_bytes += sum(one.stat().st_size for one in (here, *here.rglob("*")) if one.is_file())
        return self._lent[path]

    def scratch(self, writes: Writes) -> str:
        """A folder for the child to fill, whose content goes to `writes.path`."""
        here = self.folder / "out" / f"filled-{len(self._writes)}"
        here.mkdir()
        self._writes.append((here, writes.path))
        return str(here)

    def collect(self, most_bytes: int) -> None:
        """Copy what the child has filled to where it was asked for, plain files alone, and empty the scratch.

        Copies: the child may still hold its own files open. Raises WorkerError for anything that is no plain file, and
        for more than `most_bytes`.
        """
        for here, there in self._writes:
            _copy_out(here, there, most_bytes)
            shutil.rmtree(here)
        self._writes.clear()

    def forget(self) -> None:
        """What the child was to fill is not wanted any more: it failed."""
        self._writes.clear()

    def hide(self, value: Any) -> Any:
        """What a child said, without the paths of this machine."""
        if isinstance(value, str):
            for place in (str(self.folder), str(PROJECT), sys.prefix, sys.base_prefix + "/lib"):
                value = value.replace(place, HIDDEN)
            return value
        if isinstance(value, dict):
            return {self.hide(key): self.hide(one) for key, one in value.items()}
        return [self.hide(one) for one in value] if isinstance(value, list) else value

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def staged(home: Path, what: str) -> Path:
    """A new folder on the library's disk, named so that the library knows when nobody is there who used it.

    Where that disk is full or read-only, what lies there can be loaded all the same: then it is among the temporary
    files. Raises OSError.
    """
    folder = home / "staging" / f"{os.getpid()}-{psutil.Process().create_time():.2f}-{what}{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"roundtrip-{what}-"))
    return folder


def given(value: Any, path: Callable[[Path], str], writes: Callable[[Writes], str]) -> Any:
    """A request's value with every `Path` and `Writes` in it, however deep, as what a child is told instead."""
    if isinstance(value, Path):
        return path(value)
    if isinstance(value, Writes):
        return writes(value)
    if isinstance(value, dict):
        return {key: given(one, path, writes) for key, one in value.items()}
    return [given(one, path, writes) for one in value] if isinstance(value, list | tuple) else value


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


def _copy_out(here: Path, there: Path, most_bytes: int) -> None:
    found = [*_plain_files(here)]
    if len(found) > MOST_FILES or sum(size for _, size in found) > most_bytes:
        raise WorkerError(
            "A confined process has written more than it may.",
            received=f"{len(found):,} files, {sum(size for _, size in found):,} bytes",
            cure="Raise ROUNDTRIP_CONFINED_FILE_MIB if the model is as large as that.",
        )
    for path, size in found:
        target = there / path.relative_to(here)
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
    with os.fdopen(reading, "rb") as one, open(os.open(target, _NEW, WRITTEN), "wb") as other:
        while size > 0 and (chunk := one.read(min(size, 2**20))):
            other.write(chunk)
            size -= len(chunk)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
