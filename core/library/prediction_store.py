"""The answers of a comparison, on disk in chunks: any number of rows is written, read and compared in little memory."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.library.job_store import JobStore
from core.library.storage import list_files
from core.runtimes.reference import BATCH_SIZE

CHUNK_ROWS = 4096  # rows that are asked and kept together, at most
CHUNK_BYTES = 16 * 2**20  # of inputs or answers in a chunk, where that leaves a whole batch
CHUNK_PREFIX = "from-"
OUTPUT_PREFIX = "answer:"  # before the name of each output, which may be any word, and "file" is one that NumPy keeps


def rows_per_chunk(row_bytes: float) -> int:
    """How many rows of that size make a chunk: whole batches, and at least one."""
    return max(1, min(CHUNK_ROWS, int(CHUNK_BYTES // max(row_bytes, 1))) // BATCH_SIZE) * BATCH_SIZE


class PredictionStore:
    """Answers by who gave them, a file a chunk: `<id>/from-<its first row>.npz`, one array for each output.

    `changed` (rows,) bool and `distance` (rows,) float64 say how far each row is from the baseline's.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    @property
    def has_predictions(self) -> bool:
        """Whether there are answers: those of old comparisons make room for new ones."""
        return self._folder.is_dir()

    def write_chunk(self, id_: str, first: int, predictions: Arrays) -> None:
        """Keep the answers to one chunk, which begins with row `first`."""
        folder = self._folder / id_
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{CHUNK_PREFIX}{first:010}.npz", allow_pickle=False, **_with_prefix(predictions))

    def write_row_distances(self, id_: str, changed: np.ndarray, distance: np.ndarray) -> None:
        np.savez(self._folder / id_ / "rows.npz", allow_pickle=False, changed=changed, distance=distance)

    def read_row_distances(self, id_: str) -> tuple[np.ndarray, np.ndarray]:
        """Whether each row's answer is another than the baseline's, and how far it is from it."""
        with np.load(self._folder / id_ / "rows.npz", allow_pickle=False) as kept:
            return kept["changed"], kept["distance"]

    def read_first_rows(self, id_: str, rows: int) -> Arrays:
        """The answers to the first rows, at most one chunk of them."""
        with np.load(self._chunk_paths(id_)[0], allow_pickle=False) as kept:
            return {name.removeprefix(OUTPUT_PREFIX): kept[name][:rows] for name in kept}

    def output_sources(self, id_: str) -> dict[str, Callable[[], Iterator[np.ndarray]]]:
        """For each output a function that gives its rows again from the first, a chunk at a time."""
        with np.load(self._chunk_paths(id_)[0], allow_pickle=False) as kept:
            names = [name.removeprefix(OUTPUT_PREFIX) for name in kept]
        return {name: lambda name=name: self._iter_output(id_, name) for name in names}

    def read_rows(self, id_: str, output: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some rows of one output, in the order asked for; only the chunks that hold them are read."""
        rows = np.asarray(rows, dtype=int)
        chunks = self._chunk_paths(id_)
        starts = np.array([int(path.stem.removeprefix(CHUNK_PREFIX)) for path in chunks])
        at = np.searchsorted(starts, rows, side="right") - 1
        wanted = sorted(set(at.tolist())) or [0]
        # One chunk at a time is in memory, and of it stay only the rows that are wanted.
        found = [self._read_output(chunks[one], output)[rows[at == one] - starts[one]] for one in wanted]
        places = np.concatenate([np.flatnonzero(at == one) for one in wanted])
        return np.concatenate(found)[np.argsort(places)]

    def _iter_output(self, id_: str, output: str) -> Iterator[np.ndarray]:
        for path in self._chunk_paths(id_):
            yield self._read_output(path, output)

    def _read_output(self, path: Path, output: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as kept:
            return kept[OUTPUT_PREFIX + output]

    def _chunk_paths(self, id_: str) -> list[Path]:
        return sorted((self._folder / id_).glob(f"{CHUNK_PREFIX}*.npz"))


def evict_predictions(job_store: JobStore, max_bytes: int) -> None:
    """Delete the answers of finished comparisons, those begun first, until all together take at most `most` bytes."""
    total = 0
    for job in job_store.list_jobs("compare"):
        folder = job_store.folder(job.id) / "answers"
        total += 0 if job.is_active else sum(path.stat().st_size for path in list_files(folder))
        if total > max_bytes and not job.is_active:
            with contextlib.suppress(OSError):  # another process is doing the same
                shutil.rmtree(folder.rename(folder.with_name("forgotten")))  # nobody finds half of them


def _with_prefix(predictions: Arrays) -> Arrays:
    return {OUTPUT_PREFIX + name: to_plain_array(array) for name, array in predictions.items()}
