"""Input sets on disk: each kept once, under a name that its content gives it."""

import contextlib
import copy
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from core.arrays import Arrays
from core.errors import Damaged, InputError, UnknownName
from core.inputs.dispatch import KINDS, source_of
from core.inputs.fitting import Fit, Specs
from core.inputs.from_npz import require_size
from core.inputs.from_random import Sizes, random_source, row_bytes
from core.inputs.held_out import choose_rows, in_words
from core.inputs.input_set import RECORD, InputSet, discard, forget, identity, write_chunks
from core.inputs.npy import RowReader, whole
from core.inputs.source import Source, of_arrays
from core.library import Library, storage
from core.library.integrity import Checked, checked
from core.library.permissions import Access
from core.library.records import checked_id
from core.settings import Settings, settings

MIB = 2**20
Report = Callable[[float], None]


class Inputs:
    """The input sets of a library, in `home/inputs/<id>/`. The same inputs are kept once; of many sets, those that were
    used last. Whatever makes a set raises InputError when it does not fit, StorageFailed when the disk refuses."""

    def __init__(self, home: Path, config: Settings | None = None):
        self._home = Path(home)
        self._config = config or settings()
        self._seen: dict[str, list[int]] = {}
        self._access = Access(self._home)

    def seen_by(self, access: Access) -> Self:
        """The same for one person: what another asked is not there."""
        seen = copy.copy(self)
        seen._access = access
        return seen

    @property
    def most(self) -> int:
        """Bytes that one set may have."""
        return self._config.inputs_mib * MIB

    # Making

    def held_out(
        self,
        library: Library,
        run_id: str,
        rows: int | None = None,
        classes: Sequence[str] | None = None,
        seed: int | None = None,
    ) -> InputSet:
        """Held-out rows of a run: so many of these classes, drawn by `seed`; with no seed the first ones."""
        run, reference = library.run(run_id), library.reference(run_id)
        index = choose_rows(run, reference, rows, classes, seed)
        asked = {"rows": rows, "classes": list(classes or ()), "seed": seed}
        origin = {"kind": "held-out", "run": run_id, "index": index.tolist()} | asked
        words, notes = in_words(run, len(index), reference.rows, rows, classes, seed)
        source = of_arrays(_taken(reference.inputs, index), _taken(reference.targets, index))
        return self._keep(source, (), origin, lambda rows: words, notes)

    def random(
        self,
        specs: Specs,
        rows: int,
        low: float = 0.0,
        high: float = 1.0,
        seed: int = 0,
        sizes: Sizes | None = None,
        report: Report = lambda done: None,
    ) -> InputSet:
        """Random rows from a signature (see `random_source`); `report` is told the fraction that is done."""
        source = random_source(specs, rows, low, high, seed, sizes)
        shapes = zip(specs, source.inputs, strict=True)
        require_size(rows * sum(row_bytes(spec, given.shape) for spec, given in shapes), self.most)
        source.chunks = _reported(source.chunks, rows, report)
        origin = {"kind": "random", "rows": rows, "low": low, "high": high, "seed": seed}
        origin |= {"sizes": {name: list(one) for name, one in (sizes or {}).items()}}
        between = f" from {low:g} to {high:g}" if any(one["dtype"] not in ("object", "bool") for one in specs) else ""
        words = f"{_rows(rows, 'random row')}{between}, seed {seed}"
        return self._keep(source, specs, origin, lambda rows: words)

    def typed(self, arrays: Arrays, words: str = "One row, typed") -> InputSet:
        """What a person filled in: arrays by input name, rows first."""
        return self._keep(of_arrays(whole(arrays)), (), {"kind": "typed"}, lambda rows: words)

    def drawn(self, arrays: Arrays, words: str = "One drawing") -> InputSet:
        """What a person drew: arrays by input name, rows first."""
        return self._keep(of_arrays(whole(arrays)), (), {"kind": "drawn"}, lambda rows: words)

    def found(self, arrays: Arrays, origin: dict[str, Any], words: str = "") -> InputSet:
        """What a search found: arrays by input name, rows first; `origin` says where it looked."""
        said = words or "Found by a search for a disagreement"
        return self._keep(of_arrays(whole(arrays)), (), origin | {"kind": "found"}, lambda rows: said)

    def file(
        self,
        path: Path | Sequence[Path],
        specs: Specs,
        image_shape: Sequence[int] | None = None,
        name: str = "",
    ) -> InputSet:
        """A NPZ, NPY, CSV or JSON file, or one or more PNG or JPEG pictures, held against what the model takes.

        `image_shape` is that of the run whose rows are pictures; `name` is what people call the (first) file.
        """
        paths = [path] if isinstance(path, Path) else list(path)
        said = name or (paths[0].name if paths else "")
        source = source_of(paths, specs, image_shape, self.most)
        origin = {"kind": "file", "name": said}
        begin = "the file" if len(paths) == 1 else f"{len(paths)} files, the first"
        return self._keep(source, specs, origin, lambda rows: f"{_rows(rows, 'row')} of {begin} “{said}”")

    def upload(
        self, given: Sequence[tuple[str, BinaryIO]], specs: Specs, image_shape: Sequence[int] | None = None
    ) -> InputSet:
        """The same from open files, each with the name that its owner gave it; they are copied to the disk first."""
        name = given[0][0] if given else ""
        with storage.staging(self._home) as folder:
            # Names of a stranger touch no path: only a known ending is kept of them.
            endings = [Path(one).suffix.lower() for one, _ in given]
            paths = [folder / f"{at}{one if one[1:] in KINDS else '.csv'}" for at, one in enumerate(endings)]
            for path, (_, stream) in zip(paths, given, strict=True):
                with storage.disk(), path.open("wb") as file:
                    shutil.copyfileobj(stream, file, storage.CHUNK)
            return self.file(paths, specs, image_shape, name)

    def _keep(
        self, source: Source, specs: Specs, origin: dict[str, Any], words: Callable[[int], str], notes: Iterable = ()
    ) -> InputSet:
        fit, me = Fit(source.inputs, specs), self._access.me
        origin = origin | ({"owner": me} if me else {})
        with storage.staging(self._home) as staged:
            written = write_chunks(staged, fit.through(source.chunks), self.most)
            with storage.disk():
                entries = storage.seal(staged)
                kept = InputSet(
                    id=identity(written.columns, written.targets, entries, origin),
                    origin=origin,
                    words=words(written.rows),
                    notes=[*notes, *source.notes, *fit.notes()],
                    **written._asdict(),
                    files=entries,
                )
                self._place(staged, kept)
        forget(self._home, self._config, kept.id)
        return kept

    def _place(self, staged: Path, kept: InputSet) -> None:
        """Move a set into place; where it is there already, only its record is written anew."""
        folder = self._home / "inputs" / kept.id
        if folder.is_dir():
            try:
                storage.check(folder, kept.files)
                return storage.write_text(folder / RECORD, kept.text())
            except Damaged:
                discard(self._home, folder)
        storage.write_text(staged / RECORD, kept.text())
        storage.flush(staged)
        try:
            storage.move(staged, folder)
        except OSError:
            if not folder.is_dir():  # else another process kept the same inputs just now
                raise
        return None

    # Reading

    def read(self, id_: str) -> InputSet:
        """Raises UnknownName, UnreadableRecord."""
        try:
            folder = self._home / "inputs" / checked_id(id_, "i")
        except UnknownName:
            folder = None
        if folder is None or not folder.is_dir():
            raise _forgotten(id_)
        kept = InputSet.read(folder / RECORD)
        if not self._access.admits(kept.owner, kept.origin):
            raise _forgotten(id_)
        return kept

    def chunks(self, id_: str, rows: int = 4096) -> Iterator[Arrays]:
        """The inputs by name, `rows` rows at a time, in their order; nothing else of them is in memory.

        Raises UnknownName, UnreadableRecord, and Damaged when a file is not what was kept.
        """
        if rows < 1:
            raise InputError("A chunk has at least one row.", received=rows, cure="Choose 1 row or more.")
        kept = self._checked(id_)
        with self._open(kept, "input:") as readers:
            for start in range(0, kept.rows, rows):
                yield {name: one.read(start, start + rows) for name, one in readers.items()}

    def take(self, id_: str, rows: Sequence[int] | slice) -> Arrays:
        """These rows of the inputs, in the order asked. Raises as `chunks` does, and InputError for no such row."""
        kept = self.read(id_)
        asked = np.arange(kept.rows)[rows] if isinstance(rows, slice) else np.asarray(rows, "int64").reshape(-1)
        if asked.size and (asked.min() < 0 or asked.max() >= kept.rows):
            raise InputError(
                "There is no such row.", received=f"{asked.min()} to {asked.max()}", cure=f"It has {kept.rows:,} rows."
            )
        with self._open(kept, "input:") as readers:
            return {name: _rows_of(one, asked) for name, one in readers.items()}

    def targets(self, id_: str) -> Arrays:
        """The truth for every row by name; empty where it is not known. Raises as `chunks` does."""
        kept = self._checked(id_)
        with self._open(kept, "target:") as readers:
            return {name: one.read(0, kept.rows) for name, one in readers.items()}

    def members(self, id_: str) -> dict[str, Checked]:
        """The files of a set by the name that each has in an .npz, checked byte for byte. Raises as `chunks` does."""
        kept = self._checked(id_)
        entries = {one.path: one for one in kept.files}
        return {f"{name}.npy": checked(self._home / "inputs" / id_, entries[at]) for name, at in kept.members().items()}

    def write_npz(self, id_: str, target: Path | BinaryIO) -> None:
        """Write a set as an .npz of "input:<name>" and "target:<name>", which `file` reads again; streamed.

        Raises as `chunks` does, StorageFailed when the disk refuses.
        """
        members = self.members(id_)
        with storage.disk(), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, one in members.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    member.writelines(one.read(0, one.bytes))

    def _checked(self, id_: str) -> InputSet:
        """The set, if its files are what was kept; they are hashed once, and again when one has changed."""
        kept = self.read(id_)
        folder = self._home / "inputs" / id_
        with contextlib.suppress(OSError):
            os.utime(folder / RECORD)  # what was used last is forgotten last
        stamps = [_stamp(folder / one.path) for one in kept.files]
        if self._seen.get(id_) != stamps:
            storage.check(folder, kept.files)
            self._seen[id_] = stamps
        return kept

    @contextlib.contextmanager
    def _open(self, kept: InputSet, role: str) -> Iterator[dict[str, RowReader]]:
        folder = self._home / "inputs" / kept.id
        with contextlib.ExitStack() as stack:
            yield {
                name.removeprefix(role): stack.enter_context(RowReader(folder / file))
                for name, file in kept.members().items()
                if name.startswith(role)
            }


def _forgotten(id_: str) -> UnknownName:
    return UnknownName(
        "These inputs are not kept any more, or never were.", received=id_[:80], cure="Choose them again."
    )


def _taken(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _rows(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _reported(chunks: Iterator[Arrays], rows: int, report: Report) -> Iterator[Arrays]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(next(iter(chunk.values())))
        report(done / rows)


def _rows_of(reader: RowReader, rows: np.ndarray) -> np.ndarray:
    """Rows in the order asked; those that lie together are read together."""
    if not rows.size:
        return reader.read(0, 0)
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    stretches = np.split(rows, breaks)
    return np.concatenate([reader.read(int(one[0]), int(one[-1]) + 1) for one in stretches])


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
