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
from core.library.records import ID, FileEntry, Run
from core.record import Record
from core.text.labels import counted

LAST = "verified.json"
INTACT = "intact"
OF_A_RUN = {"run.json", "refused.json", MARKS}  # beside the files of a run that its record names
NAMED = 5  # files that lie beside the kept ones and are called by their names

Told = Callable[[float, str], None]


class Found(NamedTuple):
    """What verifying one entry found. `state` is "intact" or the code of what is wrong with it, which `sentence` says;
    `remark` is what is worth knowing of an entry that is as it was kept. `bytes` were hashed."""

    id: str
    state: str
    sentence: str = ""
    remark: str = ""
    bytes: int = 0

    @property
    def intact(self) -> bool:
        return self.state == INTACT


class Verified(Record):
    """How the last look at everything ended; `wrong` and `remarks` are `Found` as JSON."""

    seconds: float
    artifacts: int
    runs: int
    bytes: int
    wrong: list[dict[str, Any]] = Field(default_factory=list)
    remarks: list[dict[str, Any]] = Field(default_factory=list)


def verify(
    library: Library,
    ids: Iterable[str] | None = None,
    told: Told = lambda done, note: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Found]:
    """Hold entries against what was kept, in their order; all of the library, where none are named.

    `told` hears the fraction that is done and what is looked at. That all were looked at is noted in the library.
    Raises Cancelled. What is wrong with an entry is its own row, never an exception.
    """
    began = time.monotonic()
    wanted = list(dict.fromkeys(_entries(library) if ids is None else ids))
    rows = [_followed(library, id_, at, len(wanted), told, cancelled) for at, id_ in enumerate(wanted)]
    if ids is None:
        rows += [*_strangers(library), *_aliases(library)]
        if library.access.me is None:  # what one person sees is no look at everything
            _note(library, rows, time.monotonic() - began)
    return rows


def _entries(library: Library) -> list[str]:
    """The ids of all entries; what is no id is a stranger."""
    return [id_ for id_ in library.ids() if ID.fullmatch(id_)]


def _followed(library: Library, id_: str, at: int, of: int, told: Told, cancelled: Callable[[], bool]) -> Found:
    read = 0

    def heard(count: int) -> None:
        nonlocal read
        read += count
        if cancelled():
            raise Cancelled("It was cancelled; what was looked at until then was not changed.", cure="Start it again.")
        told((at + min(read / size, 1.0)) / of, f"{id_}, {at + 1} of {counted(of, 'entry', 'entries')}")

    size = max(_bytes(library, id_), 1)
    heard(0)
    return verify_one(library, id_, heard)


def _bytes(library: Library, id_: str) -> int:
    with contextlib.suppress(RoundtripError):
        return sum(one.bytes for one in _kept(library, id_)[1])
    return 0


def verify_one(library: Library, id_: str, heard: storage.Heard = storage.unheard) -> Found:
    """Hold one run or artifact against its records and hashes."""
    try:
        folder, entries = _kept(library, id_)
        _read_records(library, id_)
        damage = [one for one in (storage.wrong_with(folder, entry, heard) for entry in entries) if one]
    except Cancelled:
        raise
    except RoundtripError as error:
        return Found(id_, error.code, str(error))
    except OSError as error:
        return Found(id_, LibraryError.code, str(translate(error, LibraryError)))
    if damage:
        more = f" So it is with {counted(len(damage) - 1, 'more file')}." if len(damage) > 1 else ""
        return Found(id_, damage[0].code, f"{damage[0]}{more}")
    return Found(id_, INTACT, remark=_extra(folder, entries, id_), bytes=sum(one.bytes for one in entries))


def _kept(library: Library, id_: str) -> tuple[Path, list[FileEntry]]:
    """The folder to which the paths of an entry's files are relative, and these. Raises RoundtripError."""
    if id_.startswith("r"):
        return library.folder(id_), library.run(id_).files
    return library.folder(id_) / "files", library.artifact(id_).files


def _read_records(library: Library, id_: str) -> None:
    """Raises UnreadableRecord where a record does not say what it should, Damaged where an artifact's run is gone."""
    record = library.run(id_) if id_.startswith("r") else library.artifact(id_)
    if record.id != id_:
        raise UnreadableRecord(
            "The record is that of another entry.", received=record.id, cure="Restore the entry from a backup."
        )
    library.marks(id_)
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


def _extra(folder: Path, entries: list[FileEntry], id_: str) -> str:
    """What lies among the kept files and was not kept, in a sentence."""
    known = {one.path for one in entries} | (OF_A_RUN if id_.startswith("r") else set())
    there = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir()]
    extra = [one for one in there if one not in known and not one.startswith(".")]
    if not extra:
        return ""
    more = f" and {len(extra) - NAMED:,} more" if len(extra) > NAMED else ""
    return f"Beside the files that were kept lies what was not: {', '.join(extra[:NAMED])}{more}."


def _strangers(library: Library) -> list[Found]:
    """What lies among runs and artifacts and is no entry."""
    return [
        Found(one.name[:80], "stranger", f"It lies in the folder {one.parent.name} and is no entry of the library.")
        for one in library.strangers()
    ]


def _aliases(library: Library) -> list[Found]:
    """What is wrong with the names that point to artifacts, where something is."""
    try:
        lost = [name for name, id_ in library.aliases().items() if not (library.home / "artifacts" / id_).is_dir()]
    except RoundtripError as error:
        return [Found(ALIASES, error.code, str(error))]
    said = "It points to an artifact that is not in the library. Point it to another one, or drop it."
    return [Found(name, "alias", said) for name in lost]


def _note(library: Library, rows: list[Found], seconds: float) -> None:
    """Keep how it ended, for whoever asks later; a library that cannot be written is verified all the same."""
    noted = Verified(
        seconds=seconds,
        artifacts=sum(row.id.startswith("a") for row in rows if ID.fullmatch(row.id)),
        runs=sum(row.id.startswith("r") for row in rows if ID.fullmatch(row.id)),
        bytes=sum(row.bytes for row in rows),
        wrong=[row._asdict() for row in rows if not row.intact],
        remarks=[row._asdict() for row in rows if row.remark],
    )
    with contextlib.suppress(OSError):
        storage.write_text(library.home / LAST, noted.text())


def last_verified(library: Library) -> Verified | None:
    """How the last look at everything ended; None where there was none or its note cannot be read, and for one person:
    it may name what they do not see."""
    if library.access.me is not None:
        return None
    with contextlib.suppress(RoundtripError):
        return Verified.read(library.home / LAST)
    return None
