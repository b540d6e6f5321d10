"""The answers of a comparison, on disk in chunks: any number of rows is written, read and compared in little memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from core.formats.contract import Arrays, plain

CHUNK = 4096  # rows that are asked, kept and compared together: whole batches
PREFIX = "answer:"  # before the name of each output, which may be any word, and "file" is one that NumPy keeps


class Answers:
    """Answers by who gave them, in files of `CHUNK` rows: `<id>/<number>.npz`, one array for each output.

    `changed` (rows,) bool and `distance` (rows,) float64 say how far each row is from the baseline's.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, id_: str, number: int, answers: Arrays) -> None:
        """Keep the answers to one chunk."""
        folder = self._folder / id_
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{number:06}.npz", allow_pickle=False, **_packed(answers))

    def write_rows(self, id_: str, changed: np.ndarray, distance: np.ndarray) -> None:
        np.savez(self._folder / id_ / "rows.npz", allow_pickle=False, changed=changed, distance=distance)

    def rows(self, id_: str) -> tuple[np.ndarray, np.ndarray]:
        """Whether each row's answer is another than the baseline's, and how far it is from it."""
        with np.load(self._folder / id_ / "rows.npz", allow_pickle=False) as kept:
            return kept["changed"], kept["distance"]

    def first(self, id_: str, rows: int = CHUNK) -> Arrays:
        """The answers to the first rows, at most one chunk of them."""
        with np.load(self._chunks(id_)[0], allow_pickle=False) as kept:
            return {name.removeprefix(PREFIX): kept[name][:rows] for name in kept}

    def sources(self, id_: str) -> dict[str, Callable[[], Iterator[np.ndarray]]]:
        """For each output a function that gives its rows again from the first, a chunk at a time."""
        with np.load(self._chunks(id_)[0], allow_pickle=False) as kept:
            names = [name.removeprefix(PREFIX) for name in kept]
        return {name: lambda name=name: self._each(id_, name) for name in names}

    def take(self, id_: str, output: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some rows of one output, in the order asked for; only the chunks that hold them are read."""
        rows = np.asarray(rows, dtype=int)
        chunks = self._chunks(id_)
        found = {number: self._read(chunks[number], output) for number in set(rows // CHUNK)}
        return np.array([found[row // CHUNK][row % CHUNK] for row in rows])

    def _each(self, id_: str, output: str) -> Iterator[np.ndarray]:
        for path in self._chunks(id_):
            yield self._read(path, output)

    def _read(self, path: Path, output: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as kept:
            return kept[PREFIX + output]

    def _chunks(self, id_: str) -> list[Path]:
        return sorted((self._folder / id_).glob("[0-9]*.npz"))


def _packed(answers: Arrays) -> Arrays:
    return {PREFIX + name: plain(array) for name, array in answers.items()}
