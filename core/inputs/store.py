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
from core.inputs.dispatch import SUPPORTED_SUFFIXES, open_source
from core.inputs.fitting import InputFitter, InputSpecs
from core.inputs.from_random import AxisSizes, random_source, row_bytes
from core.inputs.held_out import choose_rows, describe_selection
from core.inputs.input_set import RECORD_FILE, InputSet, delete_input_set, evict_input_sets, input_set_id, write_chunks
from core.inputs.npy import RowReader, normalize_arrays
from core.inputs.source import InputSource, require_size, source_from_arrays
from core.library import Library, storage
from core.library.integrity import VerifiedFile, verify_file
from core.library.permissions import AccessControl
from core.library.records import validate_id
from core.settings import Settings, get_settings

MIB = 2**20
ProgressCallback = Callable[[float], None]


class Inputs:
    """The input sets of a library, in `home/inputs/<id>/`. The same inputs are kept once; of many sets, those that were
    used last. Whatever makes a set raises InputError when it does not fit, StorageFailed when the disk refuses."""

    def __init__(self, home: Path, config: Settings | None = None):
        self._home = Path(home)
        self._config = config or get_settings()
        self._verified_stamps: dict[str, list[int]] = {}
        self._access = AccessControl(self._home)

    def for_viewer(self, access: AccessControl) -> Self:
        """The same for one person: what another asked is not there."""
        seen = copy.copy(self)
        seen._access = access
        return seen

    @property
    def max_bytes(self) -> int:
        """Bytes that one set may have."""
        return self._config.inputs_mib * MIB

    # Making

    def add_held_out(
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
        words, notes = describe_selection(run, len(index), reference.rows, rows, classes, seed)
        source = source_from_arrays(_select_rows(reference.inputs, index), _select_rows(reference.targets, index))
        return self._store(source, (), origin, lambda rows: words, notes)

    def add_random(
        self,
        specs: InputSpecs,
        rows: int,
        low: float = 0.0,
        high: float = 1.0,
        seed: int = 0,
        sizes: AxisSizes | None = None,
        on_progress: ProgressCallback = lambda done: None,
    ) -> InputSet:
        """Random rows from a signature (see `random_source`); `report` is told the fraction that is done."""
        source = random_source(specs, rows, low, high, seed, sizes)
        shapes = zip(specs, source.inputs, strict=True)
        require_size(rows * sum(row_bytes(spec, given.shape) for spec, given in shapes), self.max_bytes)
        source.chunks = _with_progress(source.chunks, rows, on_progress)
        origin = {"kind": "random", "rows": rows, "low": low, "high": high, "seed": seed}
        origin |= {"sizes": {name: list(one) for name, one in (sizes or {}).items()}}
        between = f" from {low:g} to {high:g}" if any(one["dtype"] not in ("object", "bool") for one in specs) else ""
        words = f"{_count_text(rows, 'random row')}{between}, seed {seed}"
        return self._store(source, specs, origin, lambda rows: words)

    def add_typed(self, arrays: Arrays, words: str = "One row, typed") -> InputSet:
        """What a person filled in: arrays by input name, rows first."""
        return self._store(source_from_arrays(normalize_arrays(arrays)), (), {"kind": "typed"}, lambda rows: words)

    def add_drawn(self, arrays: Arrays, words: str = "One drawing") -> InputSet:
        """What a person drew: arrays by input name, rows first."""
        return self._store(source_from_arrays(normalize_arrays(arrays)), (), {"kind": "drawn"}, lambda rows: words)

    def add_search_result(self, arrays: Arrays, origin: dict[str, Any], words: str = "") -> InputSet:
        """What a search found: arrays by input name, rows first; `origin` says where it looked."""
        said = words or "Found by a search for a disagreement"
        return self._store(
            source_from_arrays(normalize_arrays(arrays)), (), origin | {"kind": "found"}, lambda rows: said
        )

    def add_file(
        self,
        path: Path | Sequence[Path],
        specs: InputSpecs,
        image_shape: Sequence[int] | None = None,
        name: str = "",
    ) -> InputSet:
        """A NPZ, NPY, CSV or JSON file, or one or more PNG or JPEG pictures, held against what the model takes.

        `image_shape` is that of the run whose rows are pictures; `name` is what people call the (first) file.
        """
        paths = [path] if isinstance(path, Path) else list(path)
        said = name or (paths[0].name if paths else "")
        source = open_source(paths, specs, image_shape, self.max_bytes)
        origin = {"kind": "file", "name": said}
        begin = "the file" if len(paths) == 1 else f"{len(paths)} files, the first"
        return self._store(source, specs, origin, lambda rows: f"{_count_text(rows, 'row')} of {begin} “{said}”")

    def add_upload(
        self, uploads: Sequence[tuple[str, BinaryIO]], specs: InputSpecs, image_shape: Sequence[int] | None = None
    ) -> InputSet:
        """The same from open files, each with the name that its owner gave it; they are copied to the disk first."""
        name = uploads[0][0] if uploads else ""
        with storage.staging_folder(self._home) as folder:
            # Names of a stranger touch no path: only a known ending is kept of them.
            endings = [Path(one).suffix.lower() for one, _ in uploads]
            paths = [
                folder / f"{at}{one if one[1:] in SUPPORTED_SUFFIXES else '.csv'}" for at, one in enumerate(endings)
            ]
            for path, (_, stream) in zip(paths, uploads, strict=True):
                with storage.translate_disk_errors(), path.open("wb") as file:
                    shutil.copyfileobj(stream, file, storage.CHUNK_BYTES)
            return self.add_file(paths, specs, image_shape, name)

    def _store(
        self,
        source: InputSource,
        specs: InputSpecs,
        origin: dict[str, Any],
        words: Callable[[int], str],
        notes: Iterable = (),
    ) -> InputSet:
        fit, me = InputFitter(source.inputs, specs), self._access.viewer_id
        origin = origin | ({"owner": me} if me else {})
        with storage.staging_folder(self._home) as staged:
            written = write_chunks(staged, fit.fit_chunks(source.chunks), self.max_bytes)
            with storage.translate_disk_errors():
                entries = storage.hash_and_flush(staged)
                kept = InputSet(
                    id=input_set_id(written.columns, written.targets, entries, origin),
                    origin=origin,
                    words=words(written.rows),
                    notes=[*notes, *source.notes, *fit.notes()],
                    **written._asdict(),
                    files=entries,
                )
                self._commit(staged, kept)
        evict_input_sets(self._home, self._config, kept.id)
        return kept

    def _commit(self, staged: Path, kept: InputSet) -> None:
        """Move a set into place; where it is there already, only its record is written anew."""
        folder = self._home / "inputs" / kept.id
        if folder.is_dir():
            try:
                storage.verify_files(folder, kept.files)
                return storage.write_text_atomically(folder / RECORD_FILE, kept.to_json_text())
            except Damaged:
                delete_input_set(self._home, folder)
        storage.write_text_atomically(staged / RECORD_FILE, kept.to_json_text())
        storage.fsync_path(staged)
        try:
            storage.rename_durably(staged, folder)
        except OSError:
            if not folder.is_dir():  # else another process kept the same inputs just now
                raise
        return None

    # Reading

    def read(self, id_: str) -> InputSet:
        """Raises UnknownName, UnreadableRecord."""
        try:
            folder = self._home / "inputs" / validate_id(id_, "i")
        except UnknownName:
            folder = None
        if folder is None or not folder.is_dir():
            raise _unknown_inputs(id_)
        kept = InputSet.read(folder / RECORD_FILE)
        if not self._access.can_see_derived(kept.owner, kept.origin):
            raise _unknown_inputs(id_)
        return kept

    def iter_chunks(self, id_: str, rows: int = 4096) -> Iterator[Arrays]:
        """The inputs by name, `rows` rows at a time, in their order; nothing else of them is in memory.

        Raises UnknownName, UnreadableRecord, and Damaged when a file is not what was kept.
        """
        if rows < 1:
            raise InputError("A chunk has at least one row.", received=rows, cure="Choose 1 row or more.")
        kept = self._read_verified(id_)
        with self._open_readers(kept, "input:") as readers:
            for start in range(0, kept.rows, rows):
                yield {name: one.read(start, start + rows) for name, one in readers.items()}

    def read_rows(self, id_: str, rows: Sequence[int] | slice) -> Arrays:
        """These rows of the inputs, in the order asked. Raises as `chunks` does, and InputError for no such row."""
        kept = self.read(id_)
        asked = np.arange(kept.rows)[rows] if isinstance(rows, slice) else np.asarray(rows, "int64").reshape(-1)
        if asked.size and (asked.min() < 0 or asked.max() >= kept.rows):
            raise InputError(
                "There is no such row.", received=f"{asked.min()} to {asked.max()}", cure=f"It has {kept.rows:,} rows."
            )
        with self._open_readers(kept, "input:") as readers:
            return {name: _read_rows(one, asked) for name, one in readers.items()}

    def read_targets(self, id_: str) -> Arrays:
        """The truth for every row by name; empty where it is not known. Raises as `chunks` does."""
        kept = self._read_verified(id_)
        with self._open_readers(kept, "target:") as readers:
            return {name: one.read(0, kept.rows) for name, one in readers.items()}

    def verified_members(self, id_: str) -> dict[str, VerifiedFile]:
        """The files of a set by the name that each has in an .npz, checked byte for byte. Raises as `chunks` does."""
        kept = self._read_verified(id_)
        entries = {one.path: one for one in kept.files}
        return {
            f"{name}.npy": verify_file(self._home / "inputs" / id_, entries[at]) for name, at in kept.members().items()
        }

    def write_npz(self, id_: str, target: Path | BinaryIO) -> None:
        """Write a set as an .npz of "input:<name>" and "target:<name>", which `file` reads again; streamed.

        Raises as `chunks` does, StorageFailed when the disk refuses.
        """
        members = self.verified_members(id_)
        with storage.translate_disk_errors(), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, one in members.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    member.writelines(one.read(0, one.bytes))

    def _read_verified(self, id_: str) -> InputSet:
        """The set, if its files are what was kept; they are hashed once, and again when one has changed."""
        kept = self.read(id_)
        folder = self._home / "inputs" / id_
        with contextlib.suppress(OSError):
            os.utime(folder / RECORD_FILE)  # what was used last is forgotten last
        stamps = [_modified_ns(folder / one.path) for one in kept.files]
        if self._verified_stamps.get(id_) != stamps:
            storage.verify_files(folder, kept.files)
            self._verified_stamps[id_] = stamps
        return kept

    @contextlib.contextmanager
    def _open_readers(self, kept: InputSet, role: str) -> Iterator[dict[str, RowReader]]:
        folder = self._home / "inputs" / kept.id
        with contextlib.ExitStack() as stack:
            yield {
                name.removeprefix(role): stack.enter_context(RowReader(folder / file))
                for name, file in kept.members().items()
                if name.startswith(role)
            }


def _unknown_inputs(id_: str) -> UnknownName:
    return UnknownName(
        "These inputs are not kept any more, or never were.", received=id_[:80], cure="Choose them again."
    )


def _select_rows(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _count_text(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _with_progress(chunks: Iterator[Arrays], rows: int, on_progress: ProgressCallback) -> Iterator[Arrays]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(next(iter(chunk.values())))
        on_progress(done / rows)


def _read_rows(reader: RowReader, rows: np.ndarray) -> np.ndarray:
    """Rows in the order asked; those that lie together are read together."""
    if not rows.size:
        return reader.read(0, 0)
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    stretches = np.split(rows, breaks)
    return np.concatenate([reader.read(int(one[0]), int(one[-1]) + 1) for one in stretches])


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
