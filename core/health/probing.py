"""What the library's disk can do, tried on a file of our own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import LibraryError, RoundtripError
from core.explain import translate
from core.library import files

LINKS = "links files"
LINK_CURE = "Files that a sandboxed process may read are then copied instead, which takes room and time."


def probe(home: Path) -> Iterator[tuple[str, RoundtripError | None]]:
    """Each thing that the library asks of its disk, and why it does not do it, where it does not."""
    try:
        with files.staging(home) as folder:
            for name, attempt in ATTEMPTS.items():
                yield name, _tried(attempt, folder)
    except RoundtripError as error:
        yield "can be written", error


def _tried(attempt: Callable[[Path], object], folder: Path) -> RoundtripError | None:
    try:
        attempt(folder)
    except OSError as error:
        return translate(error, LibraryError)
    return None


def _write(folder: Path) -> None:
    (folder / "one").write_bytes(b"1")


def _rename(folder: Path) -> None:
    os.rename(folder / "one", folder / "two")
    files.flush(folder)


ATTEMPTS: dict[str, Callable[[Path], object]] = {
    "can be written": _write,
    "keeps what is written": lambda folder: files.flush(folder / "one"),
    "renames in one step": _rename,
    LINKS: lambda folder: os.link(folder / "two", folder / "three"),
}
