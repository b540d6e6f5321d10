"""Files as a person hands them over: laid on the library's disk under names of ours, told apart by their endings."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.errors import InputError
from core.library import Library, files
from core.undoing import if_stopped

WEIGHTS, LAYERS, GRAPH, NUMBERS = ".weights.h5", ".json", ".xml", ".bin"
PAIR = ("model.xml", "model.bin")


class Received(NamedTuple):
    """What `Jobs.bring_in` is given: where it lies, what its owner calls it, what came with it, and our folder."""

    path: Path
    name: str
    parts: dict[str, Path]
    ours: Path

    def asked(self) -> dict[str, Any]:
        return self._asdict()


def receive(library: Library, given: Sequence[tuple[str, BinaryIO]]) -> Received:
    """Copy one or two open files, each with the name that its owner gave it, to the library's disk.

    Two are weights with their architecture, or OpenVINO's XML with its numbers. Raises InputError for any other two,
    StorageFailed.
    """
    names = [name for name, _ in given]
    main, other = _sorted_out(names)
    folder = files.stage(library.home)
    with if_stopped(lambda: files.give_up(folder)):
        return _laid(folder, dict(given), main, other)


def _sorted_out(names: list[str]) -> tuple[str, str | None]:
    """The file that is meant, and the one that belongs to it."""
    if len(names) == 1:
        _require_whole(names[0])
        return names[0], None
    for main, other in ((WEIGHTS, LAYERS), (GRAPH, NUMBERS)):
        found = [next((name for name in names if name.lower().endswith(one)), None) for one in (main, other)]
        if len(names) == 2 and all(found):
            return found[0], found[1]
    raise InputError(
        "These files do not belong together.",
        received=", ".join(names)[:300] or "no file",
        cure="Choose one file; or .weights.h5 with its .json; or .xml with its .bin; or a zip of a folder.",
    )


def _require_whole(name: str) -> None:
    """Raises InputError for one of OpenVINO's two files alone."""
    for half, other, what in ((GRAPH, NUMBERS, "graph"), (NUMBERS, GRAPH, "numbers")):
        if name.lower().endswith(half):
            raise InputError(
                f"This is one of OpenVINO's two files, the {what}, and the other is missing.",
                received=name[:300],
                cure=f"Choose both together: this one, and the {other} that lies beside it.",
            )


def _laid(folder: Path, given: dict[str, BinaryIO], main: str, other: str | None) -> Received:
    if other is None or other.lower().endswith(LAYERS):
        path = _copied(given[main], folder / "upload")
        parts = {} if other is None else {"architecture": _copied(given[other], folder / "part")}
        return Received(path, main, parts, folder)
    pair = folder / "pair"
    pair.mkdir()
    for name, ours in zip((main, other), PAIR, strict=True):
        _copied(given[name], pair / ours)
    return Received(pair, main, {}, folder)


def _copied(stream: BinaryIO, path: Path) -> Path:
    with files.disk(), path.open("wb") as file:
        shutil.copyfileobj(stream, file, files.CHUNK)
    return path
