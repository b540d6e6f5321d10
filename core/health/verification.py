"""Verify every stored file against its recorded hash, and read every record."""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from core.error_translation import translate
from core.errors import Cancelled, Damaged, LibraryError, RoundtripError, UnknownName, UnreadableRecord
from core.library import Library, storage
from core.library.annotation_files import ALIASES_FILE, ANNOTATIONS_FILE
from core.library.entry_names import name_entry
from core.library.ids import ID_PATTERN
from core.library.records import FileEntry, Run
from core.record import Record
from core.text.labels import pluralize

LAST_REPORT_FILE = "verified.json"
INTACT = "intact"
RUN_RECORD_FILES = {"run.json", "refused.json", ANNOTATIONS_FILE}  # beside the files that a run's record names
MAX_NAMED_FILES = 5  # extra files that a remark names

VerifyProgress = Callable[[float, str], None]


class EntryVerification(NamedTuple):
    """What verifying one entry showed.

    `state` is "intact" or the code of what is wrong, which `sentence` describes; `remark` is what is worth knowing of
    an intact entry; `bytes` were hashed.
    """

    id: str
    state: str
    sentence: str = ""
    remark: str = ""
    bytes: int = 0

    @property
    def is_intact(self) -> bool:
        return self.state == INTACT


class VerificationReport(Record):
    """How the last verification of everything ended; rows are `EntryVerification` as JSON."""

    seconds: float
    artifacts: int
    runs: int
    bytes: int
    wrong: list[dict[str, Any]] = Field(default_factory=list)
    remarks: list[dict[str, Any]] = Field(default_factory=list)


def verify_entries(
    library: Library,
    ids: Iterable[str] | None = None,
    on_progress: VerifyProgress = lambda done, note: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[EntryVerification]:
    """Verify entries in their order, and write a report where all are verified.

    Args:
        ids: The entries; None for the whole library, foreign paths and aliases included.
        on_progress: Called with the fraction that is done, and what is verified now.

    Raises Cancelled. What is wrong with an entry is its own row, never an exception.
    """
    started = time.monotonic()
    entry_ids = list(dict.fromkeys(filter(ID_PATTERN.fullmatch, library.ids()) if ids is None else ids))
    total = len(entry_ids)
    rows = [
        _verify_with_progress(library, id_, at, total, on_progress, is_cancelled) for at, id_ in enumerate(entry_ids)
    ]
    if ids is None:
        rows += [*_find_foreign_paths(library), *_find_dangling_aliases(library)]
        if library.access.viewer_id is None:  # one user may not see everything
            _write_report(library, rows, time.monotonic() - started)
    return rows


def _verify_with_progress(
    library: Library,
    id_: str,
    index: int,
    total: int,
    on_progress: VerifyProgress,
    is_cancelled: Callable[[], bool],
) -> EntryVerification:
    read, size = 0, 1
    with contextlib.suppress(RoundtripError):
        size = max(sum(entry.bytes for entry in _stored_files(library, id_)[1]), 1)
    note = f"{name_entry(library, id_, is_numbered=False)}, {index + 1} of {pluralize(total, 'entry', 'entries')}"

    def on_read(count: int) -> None:
        nonlocal read
        read += count
        if is_cancelled():
            raise Cancelled("It was cancelled; what was looked at until then was not changed.", cure="Start it again.")
        on_progress((index + min(read / size, 1.0)) / total, note)

    on_read(0)
    return verify_entry(library, id_, on_read)


def verify_entry(
    library: Library, id_: str, on_read: storage.BytesReadCallback = storage.ignore_progress
) -> EntryVerification:
    """Verify one run or artifact against its records and hashes. Raises what `on_read` raises."""
    try:
        folder, files = _stored_files(library, id_)
        _verify_records(library, id_)
        damage = library.list_damage(id_, on_read)
    except Cancelled:
        raise
    except RoundtripError as error:
        return EntryVerification(id_, error.code, str(error))
    except OSError as error:
        return EntryVerification(id_, LibraryError.code, str(translate(error, LibraryError)))
    if damage:
        more = f" So it is with {pluralize(len(damage) - 1, 'more file')}." if len(damage) > 1 else ""
        return EntryVerification(id_, damage[0].code, f"{damage[0]}{more}")
    remark, size = _describe_extra_files(folder, files, id_), sum(entry.bytes for entry in files)
    return EntryVerification(id_, INTACT, remark=remark, bytes=size)


def _stored_files(library: Library, id_: str) -> tuple[Path, list[FileEntry]]:
    """The folder to which an entry's files are relative, and these. Raises RoundtripError."""
    if id_.startswith("r"):
        return library.folder(id_), library.run(id_).files
    return library.folder(id_) / "files", library.artifact(id_).files


def _verify_records(library: Library, id_: str) -> None:
    """Raises UnreadableRecord for a bad record, Damaged where an artifact's run is gone."""
    record = library.run(id_) if id_.startswith("r") else library.artifact(id_)
    if record.id != id_:
        raise UnreadableRecord(
            "The record is that of another entry.", received=record.id, cure="Restore the entry from a backup."
        )
    library.annotations(id_)
    if isinstance(record, Run):
        library.refusals(id_)
        return
    library.evidence(id_)
    try:
        library.run(record.run)
    except UnknownName as error:
        raise Damaged(
            "The run that it was saved from is not in the library.",
            received=record.run,
            cure="Run `repair`, which takes it back from the trash where it lies there.",
        ) from error


def _describe_extra_files(folder: Path, files: list[FileEntry], id_: str) -> str:
    """Name the files in the folder that no record names, in a sentence."""
    known = {entry.path for entry in files} | (RUN_RECORD_FILES if id_.startswith("r") else set())
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir()]
    extra = [path for path in paths if path not in known and not path.startswith(".")]
    if not extra:
        return ""
    more = f" and {len(extra) - MAX_NAMED_FILES:,} more" if len(extra) > MAX_NAMED_FILES else ""
    return f"Beside the files that were kept lies what was not: {', '.join(extra[:MAX_NAMED_FILES])}{more}."


def _find_foreign_paths(library: Library) -> list[EntryVerification]:
    sentence = "It lies in the folder {} and is no entry of the library."
    rows = [
        EntryVerification(path.name[:80], "foreign", sentence.format(path.parent.name))
        for path in library.foreign_paths()
    ]
    if library.access.viewer_id is None:
        for id_, error in library.entries.find_foreign().items():
            rows.append(EntryVerification(id_, "foreign", f"The store lists it, and it is no entry. {error}"))
    return rows


def _find_dangling_aliases(library: Library) -> list[EntryVerification]:
    try:
        dangling = [name for name, id_ in library.aliases().items() if not library.has(id_)]
    except RoundtripError as error:
        return [EntryVerification(ALIASES_FILE, error.code, str(error))]
    sentence = "It points to an artifact that is not in the library. Point it to another one, or drop it."
    return [EntryVerification(name, "alias", sentence) for name in dangling]


def _write_report(library: Library, rows: list[EntryVerification], seconds: float) -> None:
    """Store how it ended; a library that cannot be written is verified all the same."""
    kinds = [row.id[0] for row in rows if ID_PATTERN.fullmatch(row.id)]
    report = VerificationReport(
        seconds=seconds,
        artifacts=kinds.count("a"),
        runs=kinds.count("r"),
        bytes=sum(row.bytes for row in rows),
        wrong=[row._asdict() for row in rows if not row.is_intact],
        remarks=[row._asdict() for row in rows if row.remark],
    )
    with contextlib.suppress(OSError):
        storage.write_text_atomically(library.home / LAST_REPORT_FILE, report.to_json_text())


def read_last_report(library: Library) -> VerificationReport | None:
    """Return how the last verification of everything ended.

    None where there was none or its report cannot be read, and for a single user: it may name what they do not see.
    """
    if library.access.viewer_id is not None:
        return None
    with contextlib.suppress(RoundtripError):
        return VerificationReport.read(library.home / LAST_REPORT_FILE)
    return None
