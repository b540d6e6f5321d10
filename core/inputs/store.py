"""`Inputs`: input sets on disk, each stored once under the id of its content; the longest unused are deleted."""

import contextlib
import copy
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from core.arrays import Arrays
from core.errors import Damaged, InputError, UnknownName
from core.inputs.dispatch import SUPPORTED_SUFFIXES, open_source
from core.inputs.eviction import delete_input_set, evict_input_sets
from core.inputs.fitting import InputFitter, InputSpecs
from core.inputs.from_plane import DEFAULT_SIDE, plane_rows
from core.inputs.from_random import AxisSizes, random_source, row_bytes
from core.inputs.held_out import choose_rows, describe_selection
from core.inputs.input_set import RECORD_FILE, InputSet, input_set_id, write_chunks
from core.inputs.npy import RowReader, normalize_array
from core.inputs.source import InputSource, require_size, source_from_arrays
from core.library import Library, integrity, staging, storage
from core.library.ids import validate_id
from core.library.integrity import VerifiedFile, verify_file
from core.library.permissions import AccessControl
from core.library.shared_entries import SharedEntries, unfenced
from core.settings import MB, Settings, get_settings
from core.text.labels import pluralize
from core.uploads import NamedFile, place_file

ProgressCallback = Callable[[float], object]
Words = Callable[[int], str]


def ignore_progress(fraction: float) -> None:
    pass


class Inputs:
    """The input sets of a library, in `home/inputs/<id>/`; of many sets those that were used last.

    In a team's library they are entries of its store, which keeps all of them, and the folder is a cache.
    Whatever makes a set raises InputError when it does not fit, StorageFailed when the disk refuses. Whatever reads one
    raises UnknownName, UnreadableRecord, and Damaged when a file is not what was stored.
    """

    def __init__(self, home: Path, config: Settings | None = None, entries: SharedEntries | None = None):
        self._folder = Path(home) / "inputs"
        self._home = Path(home)
        self._config = config or get_settings()
        self._verified_stamps: dict[str, list[int]] = {}
        self._access = AccessControl(self._home)
        self._entries = entries if entries and entries.is_shared else None

    def for_viewer(self, access: AccessControl) -> Self:
        """Return the same for one user: sets of others are absent."""
        view = copy.copy(self)
        view._access = access
        return view

    @property
    def max_bytes(self) -> int:
        """Bytes that one set may have."""
        return self._config.inputs_mb * MB

    # Making

    def add_held_out(
        self,
        library: Library,
        run_id: str,
        rows: int | None = None,
        classes: Sequence[str] | None = None,
        seed: int | None = None,
    ) -> InputSet:
        """Store test examples of a run: so many of these classes, drawn by `seed`; with no seed the first ones."""
        run, reference = library.run(run_id), library.reference(run_id)
        index = choose_rows(run, reference, rows, classes, seed)
        origin = {"kind": "held-out", "run": run_id, "index": index.tolist()}
        origin |= {"rows": rows, "classes": list(classes or ()), "seed": seed}
        words, notes = describe_selection(run, len(index), reference.rows, rows, classes, seed)
        inputs, targets = (
            {name: array[index] for name, array in arrays.items()} for arrays in (reference.inputs, reference.targets)
        )
        return self._store(source_from_arrays(inputs, targets), (), origin, lambda _: words, notes)

    def add_random(
        self,
        specs: InputSpecs,
        rows: int,
        low: float = 0.0,
        high: float = 1.0,
        seed: int = 0,
        sizes: AxisSizes | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> InputSet:
        """Store random rows of a signature (see `random_source`); `on_progress` gets the fraction that is done."""
        source = random_source(specs, rows, low, high, seed, sizes)
        shapes = zip(specs, source.inputs, strict=True)
        require_size(rows * sum(row_bytes(spec, array.shape) for spec, array in shapes), self.max_bytes)
        source.chunks = _with_progress(source.chunks, rows, on_progress)
        origin = {"kind": "random", "rows": rows, "low": low, "high": high, "seed": seed}
        origin |= {"sizes": {name: list(axes) for name, axes in (sizes or {}).items()}}
        has_numbers = any(spec["dtype"] not in ("object", "bool") for spec in specs)
        words = f"{pluralize(rows, 'random row')}{f' from {low:g} to {high:g}' if has_numbers else ''}, seed {seed}"
        return self._store(source, specs, origin, lambda _: words)

    def add_plane(self, library: Library, run_id: str, corners: Sequence[int], side: int = DEFAULT_SIDE) -> InputSet:
        """Store a grid of rows on the plane through three test examples of a run (see `plane_rows`)."""
        origin = {"kind": "plane", "run": run_id, "corners": list(corners), "side": side}
        words = f"{side} × {side} rows on the plane through the test examples {', '.join(map(str, corners))}"
        return self._store_arrays(plane_rows(library.reference(run_id), corners, side), origin, words)

    def add_typed(self, arrays: Arrays, words: str = "One row, typed") -> InputSet:
        """Store what a person filled in: arrays by input name, rows first."""
        return self._store_arrays(arrays, {"kind": "typed"}, words)

    def add_drawn(self, arrays: Arrays, words: str = "One drawing") -> InputSet:
        """Store what a person drew: arrays by input name, rows first."""
        return self._store_arrays(arrays, {"kind": "drawn"}, words)

    def add_search_result(self, arrays: Arrays, origin: dict[str, Any], words: str = "") -> InputSet:
        """Store the result of a search: arrays by input name, rows first; `origin` identifies the search."""
        return self._store_arrays(arrays, origin | {"kind": "found"}, words or "Found by a search for a disagreement")

    def add_file(
        self, path: Path | Sequence[Path], specs: InputSpecs, image_shape: Sequence[int] | None = None, name: str = ""
    ) -> InputSet:
        """Store the rows of a NPZ, NPY, CSV or JSON file, or of PNG or JPEG images, made to fit what the model takes.

        Args:
            image_shape: That of the run whose rows are images.
            name: What people call the (first) file.
        """
        paths = [path] if isinstance(path, Path) else list(path)
        name = name or (paths[0].name if paths else "")
        source = open_source(paths, specs, image_shape, self.max_bytes)
        files = "the file" if len(paths) == 1 else f"{len(paths)} files, the first"
        words = f" of {files} “{name}”"
        return self._store(source, specs, {"kind": "file", "name": name}, lambda rows: pluralize(rows, "row") + words)

    def add_upload(
        self, files: Sequence[NamedFile], specs: InputSpecs, image_shape: Sequence[int] | None = None
    ) -> InputSet:
        """Store the same from files that came from elsewhere, each with the name that its owner gave it."""
        with staging.staging_folder(self._home) as folder:
            paths = []
            for at, file in enumerate(files):
                # An untrusted name touches no path: only a known suffix of it is used.
                suffix = Path(file.name).suffix.lower()
                known = suffix if suffix[1:] in SUPPORTED_SUFFIXES else ".csv"
                paths.append(place_file(file, folder / f"{at}{known}"))
            return self.add_file(paths, specs, image_shape, files[0].name if files else "")

    def _store_arrays(self, arrays: Arrays, origin: dict[str, Any], words: str) -> InputSet:
        source = source_from_arrays({name: normalize_array(array) for name, array in arrays.items()})
        return self._store(source, (), origin, lambda _: words)

    def _store(
        self, source: InputSource, specs: InputSpecs, origin: dict[str, Any], words: Words, notes: Sequence[str] = ()
    ) -> InputSet:
        """Write a set; its words are made of the number of rows, which is known when a file was read to its end."""
        fitter, owner = InputFitter(source.inputs, specs), self._access.viewer_id
        origin = origin | ({"owner": owner} if owner else {})
        with staging.staging_folder(self._home) as staged:
            written = write_chunks(staged, fitter.fit_chunks(source.chunks), self.max_bytes)
            with storage.translate_disk_errors():
                entries = integrity.hash_and_flush(staged)
                input_set = InputSet(
                    id=input_set_id(written, entries, origin),
                    origin=origin,
                    words=words(written.rows),
                    notes=[*notes, *source.notes, *fitter.notes()],
                    **written._asdict(),
                    files=entries,
                )
                if self._entries:
                    return self._share(staged, input_set, self._entries)
                self._commit(staged, input_set)
        evict_input_sets(self._home, self._config, input_set.id)
        return input_set

    def _commit(self, staged: Path, input_set: InputSet) -> None:
        """Move a set into place; where it is there already, only its record is written again."""
        folder = self._folder / input_set.id
        if folder.is_dir():
            try:
                integrity.verify_files(folder, input_set.files)
                return storage.write_text_atomically(folder / RECORD_FILE, input_set.to_json_text())
            except Damaged:
                delete_input_set(self._home, folder)
        storage.write_text_atomically(staged / RECORD_FILE, input_set.to_json_text())
        storage.fsync_path(staged)
        try:
            storage.rename_durably(staged, folder)
        except OSError:
            if not folder.is_dir():  # else another process stored the same inputs just now
                raise
        return None

    def _share(self, staged: Path, input_set: InputSet, entries: SharedEntries) -> InputSet:
        """Commit a set for everybody, unless it is there: then the first record stays."""
        if entries.locate(input_set.id) is None:
            storage.write_text_atomically(staged / RECORD_FILE, input_set.to_json_text())
            entries.commit({input_set.id: staged}, unfenced)
        return self.read(input_set.id)

    # Reading

    def read(self, id_: str) -> InputSet:
        """Read a set's record. Raises UnknownName also for sets of others."""
        unknown = UnknownName(
            "These inputs are not kept any more, or never were.", received=id_[:80], cure="Choose them again."
        )
        try:
            folder = self._folder / validate_id(id_, "i")
        except UnknownName:
            raise unknown from None
        if not (self._entries.locate(id_) if self._entries else folder.is_dir()):
            raise unknown
        input_set = InputSet.read(folder / RECORD_FILE)
        if not self._access.can_see_derived(input_set.owner, input_set.origin):
            raise unknown
        return input_set

    def iter_chunks(self, id_: str, rows: int = 4096) -> Iterator[Arrays]:
        """Yield the inputs by name, `rows` rows at a time, in their order; no more of them is in memory."""
        if rows < 1:
            raise InputError("A chunk has at least one row.", received=rows, cure="Choose 1 row or more.")
        input_set = self._read_verified(id_)
        with self._open_readers(input_set, "input:") as readers:
            for start in range(0, input_set.rows, rows):
                yield {name: reader.read(start, start + rows) for name, reader in readers.items()}

    def read_rows(self, id_: str, rows: Sequence[int] | slice) -> Arrays:
        """Return these rows of the inputs, in the order requested. Raises InputError for no such row."""
        input_set = self.read(id_)
        index = np.arange(input_set.rows)[rows] if isinstance(rows, slice) else np.asarray(rows, "int64").reshape(-1)
        if index.size and (index.min() < 0 or index.max() >= input_set.rows):
            received = f"{index.min()} to {index.max()}"
            raise InputError("There is no such row.", received=received, cure=f"It has {input_set.rows:,} rows.")
        with self._open_readers(input_set, "input:") as readers:
            return {name: _read_rows(reader, index) for name, reader in readers.items()}

    def read_targets(self, id_: str) -> Arrays:
        """Return the true values for every row by name; empty where they are not known."""
        input_set = self._read_verified(id_)
        with self._open_readers(input_set, "target:") as readers:
            return {name: reader.read(0, input_set.rows) for name, reader in readers.items()}

    def verified_members(self, id_: str) -> dict[str, VerifiedFile]:
        """Return the files of a set, verified byte for byte, by the name that each has in an .npz."""
        input_set = self._read_verified(id_)
        entries = {entry.path: entry for entry in input_set.files}
        members = input_set.members().items()
        return {f"{name}.npy": verify_file(self._folder / id_, entries[path]) for name, path in members}

    def write_npz(self, id_: str, target: Path | BinaryIO) -> None:
        """Stream a set into an .npz of "input:<name>" and "target:<name>", which `add_file` reads again.

        Raises StorageFailed when the disk refuses.
        """
        members = self.verified_members(id_)
        with storage.translate_disk_errors(), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, verified in members.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    member.writelines(verified.read(0, verified.bytes))

    def _read_verified(self, id_: str) -> InputSet:
        """Read a set whose files are what was stored; they are hashed once, and again when one has changed."""
        input_set = self.read(id_)
        folder = self._folder / id_
        with contextlib.suppress(OSError):
            os.utime(folder / RECORD_FILE)  # what was used last is evicted last
        stamps = [_modified_ns(folder / entry.path) for entry in input_set.files]
        if self._verified_stamps.get(id_) != stamps:
            self._verify(folder, input_set)
            self._verified_stamps[id_] = [_modified_ns(folder / entry.path) for entry in input_set.files]
        return input_set

    def _verify(self, folder: Path, input_set: InputSet) -> None:
        """Raises Damaged where the files are not what was stored, and a store does not have them either."""
        if self._entries:
            self._entries.fetch(input_set.id)
        try:
            integrity.verify_files(folder, input_set.files)
        except Damaged:
            names = [entry.path for entry in input_set.files]
            if not (self._entries and self._entries.refetch(input_set.id, names)):
                raise
            integrity.verify_files(folder, input_set.files)

    @contextlib.contextmanager
    def _open_readers(self, input_set: InputSet, role: str) -> Iterator[dict[str, RowReader]]:
        if self._entries:
            self._entries.fetch(input_set.id)
        with contextlib.ExitStack() as stack:
            yield {
                name.removeprefix(role): stack.enter_context(RowReader(self._folder / input_set.id / file))
                for name, file in input_set.members().items()
                if name.startswith(role)
            }


def _with_progress(chunks: Iterator[Arrays], rows: int, on_progress: ProgressCallback) -> Iterator[Arrays]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(next(iter(chunk.values())))
        on_progress(done / rows)


def _read_rows(reader: RowReader, rows: np.ndarray) -> np.ndarray:
    """Return rows in the order requested; those that lie together are read together."""
    if not rows.size:
        return reader.read(0, 0)
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return np.concatenate([reader.read(int(run[0]), int(run[-1]) + 1) for run in np.split(rows, breaks)])


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
