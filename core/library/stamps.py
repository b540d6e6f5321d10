"""When the folders of a library last changed, one number each: what the catalog is held against."""

import contextlib
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from core.library import marks
from core.library.entries import ID

AT_ONCE = 50  # folders
PAUSE = 0.005  # seconds
OF_AN_ARTIFACT = ("artifact.json", "evidence.json", marks.FILE)
OF_A_RUN = ("run.json", marks.FILE)


class Stamps(NamedTuple):
    """Artifacts and runs with their stamps; another stamp says that a record was touched."""

    artifacts: dict[str, int]
    runs: dict[str, int] = {}

    def of(self, id_: str, run: str) -> int:
        """The stamp of a row, which shows what its run says too."""
        return hash((self.artifacts.get(id_, 0), self.runs.get(run, 0)))


def all_stamps(home: Path, pointing: Mapping[str, tuple[str, ...]], gently: bool = False) -> Stamps:
    """Of all folders that have an id for a name; `pointing` has the aliases of each artifact.

    `gently` pauses again and again: whoever asks the same process for something meanwhile need not wait for this.
    """
    return Stamps(
        {name: _artifact(home, name, pointing) for name in _names(home / "artifacts", gently)},
        {name: _stamp(home / "runs" / name, OF_A_RUN) for name in _names(home / "runs", gently)},
    )


def stamps_of(home: Path, ids: Iterable[str], runs: Iterable[str], pointing: Mapping[str, tuple[str, ...]]) -> Stamps:
    """Of some artifacts, and of some runs."""
    return Stamps(
        {name: _artifact(home, name, pointing) for name in ids},
        {name: _stamp(home / "runs" / name, OF_A_RUN) for name in runs},
    )


def _names(folder: Path, gently: bool) -> Iterator[str]:
    for at, name in enumerate(os.listdir(folder)):
        if gently and at % AT_ONCE == 0:
            time.sleep(PAUSE)
        if ID.fullmatch(name):
            yield name


def _artifact(home: Path, name: str, pointing: Mapping[str, tuple[str, ...]]) -> int:
    stamp = _stamp(home / "artifacts" / name, OF_AN_ARTIFACT)
    return hash((stamp, zlib.crc32("\n".join(pointing[name]).encode()))) if name in pointing else stamp


def _stamp(folder: Path, names: tuple[str, ...]) -> int:
    facts: list[int] = []
    for path in (str(folder), *(f"{folder}{os.sep}{name}" for name in names)):
        with contextlib.suppress(OSError):  # missing, or removed just now: the row that is read anew will say so
            found = os.stat(path)
            facts += [found.st_mtime_ns, found.st_size]
        facts.append(-1)
    return hash(tuple(facts))
