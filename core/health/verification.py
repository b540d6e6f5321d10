"""Every file that is kept, held against the hash that was kept with it; every record, read."""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from core.errors import Cancelled, Damaged, LibraryError, RoundtripError, UnknownName, UnreadableRecord
from core.explain import translate
from core.library import Library, storage
from core.library.annotations import ALIASES_FILE as ALIASES
from core.library.annotations import ANNOTATIONS_FILE as MARKS
from core.library.records import ID_PATTERN, FileEntry, Run
from core.record import Record
from core.text.labels import pluralize

LAST_REPORT_FILE = "verified.json"
INTACT = "intact"
RUN_RECORD_FILES = {"run.json", "refused.json", MARKS}  # beside the files of a run that its record names
MAX_NAMED_FILES = 5  # files that lie beside the kept ones and are called by their names

VerifyProgressCallback = Callable[[float, str], None]


class EntryVerification(NamedTuple):
    """What verifying one entry found. `state` is "intact" or the code of what is wrong with it, which `sentence` says;
    `remark` is what is worth knowing of an entry that is as it was kept. `bytes` were hashed."""

    id: str
    state: str
    sentence: str = ""
    remark: str = ""
    bytes: int = 0

    @property
    def is_intact(self) -> bool:
        return self.state == INTACT


class VerificationReport(Record):
    """How the last look at everything ended; `wrong` and `remarks` are `Found` as JSON."""

    seconds: float
    artifacts: int
    runs: int
    bytes: int
    wrong: list[dict[str, Any]] = Field(default_factory=list)
    remarks: list[dict[str, Any]] = Field(default_factory=list)


def verify_entries(
    library: Library,
    ids: Iterable[str] | None = None,
    on_progress: VerifyProgressCallback = lambda done, note: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[EntryVerification]:
    """Hold entries against what was kept, in their order; all of the library, where none are named.

    `told` hears the fraction that is done and what is looked at. That all were looked at is noted in the library.
    Raises Cancelled. What is wrong with an entry is its own row, never an exception.
    """
    began = time.monotonic()
    wanted = list(dict.fromkeys(_list_entry_ids(library) if ids is None else ids))
    rows = [
        _verify_with_progress(library, id_, at, len(wanted), on_progress, is_cancelled) for at, id_ in enumerate(wanted)
    ]
    if ids is None:
        rows += [*_find_foreign_paths(library), *_find_dangling_aliases(library)]
        if library.access.viewer_id is None:  # what one person sees is no look at everything
            _write_report(library, rows, time.monotonic() - began)
    return rows


def _list_entry_ids(library: Library) -> list[str]:
    """The ids of all entries; what is no id is a stranger."""
    return [id_ for id_ in library.ids() if ID_PATTERN.fullmatch(id_)]


def _verify_with_progress(
    library: Library,
    id_: str,
    index: int,
    total: int,
    on_progress: VerifyProgressCallback,
    is_cancelled: Callable[[], bool],
) -> EntryVerification:
    read = 0

    def heard(count: int) -> None:
        nonlocal read
        read += count
        if is_cancelled():
            raise Cancelled("It was cancelled; what was looked at until then was not changed.", cure="Start it again.")
        on_progress(
            (index + min(read / size, 1.0)) / total, f"{id_}, {index + 1} of {pluralize(total, 'entry', 'entries')}"
        )

    size = max(_count_stored_bytes(library, id_), 1)
    heard(0)
    return verify_entry(library, id_, heard)


def _count_stored_bytes(library: Library, id_: str) -> int:
    with contextlib.suppress(RoundtripError):
        return sum(one.bytes for one in _stored_files(library, id_)[1])
    return 0


def verify_entry(
    library: Library, id_: str, on_read: storage.BytesReadCallback = storage.ignore_progress
) -> EntryVerification:
    """Hold one run or artifact against its records and hashes."""
    try:
        folder, entries = _stored_files(library, id_)
        _verify_records(library, id_)
        damage = [one for one in (storage.find_damage(folder, entry, on_read) for entry in entries) if one]
    except Cancelled:
        raise
    except RoundtripError as error:
        return EntryVerification(id_, error.code, str(error))
    except OSError as error:
        return EntryVerification(id_, LibraryError.code, str(translate(error, LibraryError)))
    if damage:
        more = f" So it is with {pluralize(len(damage) - 1, 'more file')}." if len(damage) > 1 else ""
        return EntryVerification(id_, damage[0].code, f"{damage[0]}{more}")
    return EntryVerification(
        id_, INTACT, remark=_describe_extra_files(folder, entries, id_), bytes=sum(one.bytes for one in entries)
    )


def _stored_files(library: Library, id_: str) -> tuple[Path, list[FileEntry]]:
    """The folder to which the paths of an entry's files are relative, and these. Raises RoundtripError."""
    if id_.startswith("r"):
        return library.folder(id_), library.run(id_).files
    return library.folder(id_) / "files", library.artifact(id_).files


def _verify_records(library: Library, id_: str) -> None:
    """Raises UnreadableRecord where a record does not say what it should, Damaged where an artifact's run is gone."""
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


def _describe_extra_files(folder: Path, entries: list[FileEntry], id_: str) -> str:
    """What lies among the kept files and was not kept, in a sentence."""
    known = {one.path for one in entries} | (RUN_RECORD_FILES if id_.startswith("r") else set())
    there = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir()]
    extra = [one for one in there if one not in known and not one.startswith(".")]
    if not extra:
        return ""
    more = f" and {len(extra) - MAX_NAMED_FILES:,} more" if len(extra) > MAX_NAMED_FILES else ""
    return f"Beside the files that were kept lies what was not: {', '.join(extra[:MAX_NAMED_FILES])}{more}."


def _find_foreign_paths(library: Library) -> list[EntryVerification]:
    """What lies among runs and artifacts and is no entry."""
    return [
        EntryVerification(
            one.name[:80], "stranger", f"It lies in the folder {one.parent.name} and is no entry of the library."
        )
        for one in library.foreign_paths()
    ]


def _find_dangling_aliases(library: Library) -> list[EntryVerification]:
    """What is wrong with the names that point to artifacts, where something is."""
    try:
        lost = [name for name, id_ in library.aliases().items() if not (library.home / "artifacts" / id_).is_dir()]
    except RoundtripError as error:
        return [EntryVerification(ALIASES, error.code, str(error))]
    said = "It points to an artifact that is not in the library. Point it to another one, or drop it."
    return [EntryVerification(name, "alias", said) for name in lost]


def _write_report(library: Library, rows: list[EntryVerification], seconds: float) -> None:
    """Keep how it ended, for whoever asks later; a library that cannot be written is verified all the same."""
    noted = VerificationReport(
        seconds=seconds,
        artifacts=sum(row.id.startswith("a") for row in rows if ID_PATTERN.fullmatch(row.id)),
        runs=sum(row.id.startswith("r") for row in rows if ID_PATTERN.fullmatch(row.id)),
        bytes=sum(row.bytes for row in rows),
        wrong=[row._asdict() for row in rows if not row.is_intact],
        remarks=[row._asdict() for row in rows if row.remark],
    )
    with contextlib.suppress(OSError):
        storage.write_text_atomically(library.home / LAST_REPORT_FILE, noted.to_json_text())


def read_last_report(library: Library) -> VerificationReport | None:
    """How the last look at everything ended; None where there was none or its note cannot be read, and for one person:
    it may name what they do not see."""
    if library.access.viewer_id is not None:
        return None
    with contextlib.suppress(RoundtripError):
        return VerificationReport.read(library.home / LAST_REPORT_FILE)
    return None
