"""The predictions of a comparison, on disk in chunks: any number of rows is written and read in little memory."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from core.arrays import Arrays, StoredArrays, to_plain_array
from core.compare import ChunkSource
from core.library.job_store import JobStore
from core.library.storage import list_files
from core.runtimes.base import BATCH_SIZE
from core.runtimes.reference import MESSAGE_PADDING

CHUNK_ROWS = 4096  # at most
CHUNK_BYTES = 16 * 2**20  # of inputs or predictions in a chunk, where that leaves a whole batch
CHUNK_PREFIX = "from-"
OUTPUT_PREFIX = "answer:"  # before the name of each output, which may be any word, and "file" is one that NumPy takes


def rows_per_chunk(row_bytes: float, message_bytes: float = math.inf) -> int:
    """How many rows of that size make a chunk: whole batches, and at least one; where a message to a process holds no
    batch, as many rows as it holds."""
    held = (message_bytes - MESSAGE_PADDING) // max(row_bytes, 1)
    if held < BATCH_SIZE:
        return max(1, int(held))
    rows = int(min(CHUNK_ROWS, held, CHUNK_BYTES // max(row_bytes, 1)))
    return max(1, rows // BATCH_SIZE) * BATCH_SIZE


class PredictionStore:
    """Predictions by participant, a file a chunk: `<id>/from-<its first row>.npz`, one array for each output."""

    def __init__(self, folder: Path):
        self._folder = folder

    @property
    def has_predictions(self) -> bool:
        """False once those of an old comparison have made room for new ones."""
        return self._folder.is_dir()

    def write_chunk(self, id_: str, first_row: int, predictions: Arrays) -> None:
        """Store the predictions for one chunk, which begins with row `first_row`."""
        folder = self._folder / id_
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {OUTPUT_PREFIX + name: to_plain_array(array) for name, array in predictions.items()}
        np.savez(folder / f"{CHUNK_PREFIX}{first_row:010}.npz", allow_pickle=False, **arrays)

    def write_row_distances(self, id_: str, changed: np.ndarray, distance: np.ndarray) -> None:
        """Store for each row whether its prediction differs from the baseline's, and by how much.

        Args:
            changed: (rows,) bool.
            distance: (rows,) float64.
        """
        np.savez(self._folder / id_ / "rows.npz", allow_pickle=False, changed=changed, distance=distance)

    def read_row_distances(self, id_: str) -> tuple[np.ndarray, np.ndarray]:
        """What `write_row_distances` stored."""
        with StoredArrays(self._folder / id_ / "rows.npz") as archive:
            return archive["changed"], archive["distance"]

    def read_first_rows(self, id_: str, rows: int) -> Arrays:
        """The predictions for the first rows, at most one chunk of them."""
        with StoredArrays(self._chunk_paths(id_)[0]) as archive:
            return {name.removeprefix(OUTPUT_PREFIX): archive[name][:rows] for name in archive}

    def output_sources(self, id_: str) -> dict[str, ChunkSource]:
        """For each output a function that yields its rows again from the first, a chunk at a time."""
        with StoredArrays(self._chunk_paths(id_)[0]) as archive:
            names = [name.removeprefix(OUTPUT_PREFIX) for name in archive]
        return {name: partial(self._iter_output, id_, name) for name in names}

    def read_rows(self, id_: str, output: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some rows of one output, in the order of `rows`; only the chunks that hold them are read."""
        rows = np.asarray(rows, dtype=int)
        paths = self._chunk_paths(id_)
        starts = np.array([int(path.stem.removeprefix(CHUNK_PREFIX)) for path in paths])
        chunk_of_row = np.searchsorted(starts, rows, side="right") - 1
        chunks = sorted(set(chunk_of_row.tolist())) or [0]
        # One chunk at a time is in memory, and of it stay only the rows that are wanted.
        parts = [_read_output(paths[at], output)[rows[chunk_of_row == at] - starts[at]] for at in chunks]
        places = np.concatenate([np.flatnonzero(chunk_of_row == at) for at in chunks])
        return np.concatenate(parts)[np.argsort(places)]

    def _iter_output(self, id_: str, output: str) -> Iterator[np.ndarray]:
        return (_read_output(path, output) for path in self._chunk_paths(id_))

    def _chunk_paths(self, id_: str) -> list[Path]:
        return sorted((self._folder / id_).glob(f"{CHUNK_PREFIX}*.npz"))


def _read_output(path: Path, output: str) -> np.ndarray:
    with StoredArrays(path) as archive:
        return np.asarray(archive[OUTPUT_PREFIX + output])


def evict_predictions(job_store: JobStore, max_bytes: int) -> None:
    """Delete the predictions of finished comparisons, oldest first, until all together take at most `max_bytes`."""
    total = 0
    for job in job_store.list_jobs("compare"):
        if not job.is_active:
            total += sum(path.stat().st_size for path in list_files(job_store.local_folder(job.id) / "answers"))
            if total > max_bytes:
                job_store.evict(job.id, "answers")
