"""Repair the library, rebuild the catalog.

The catalog, made anew from the folders, and held against what it said before.

What a crash, a careless program or another version left behind, put in order; nothing is deleted that was kept.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.errors import LibraryError, RoundtripError, UnknownName, UnreadableRecord
from core.explain import translate
from core.library import Entry, Library, storage
from core.library.job_store import Journal
from core.library.records import ID, Artifact, Run
from core.text.labels import counted


class Rebuilt(NamedTuple):
    """How many artifacts the catalog knew `before` and knows `after`, and in sentences where it had been wrong."""

    before: int
    after: int
    differences: list[str]


def rebuild(library: Library) -> Rebuilt:
    """Make the catalog anew; it should have said the same before. Raises StorageFailed."""
    before = library.find()
    library.rebuild()
    after = library.find()
    return Rebuilt(len(before), len(after), _differences(before, after))


def differences(library: Library) -> list[str]:
    """Where the catalog says something else than the folders, in sentences; nothing is changed but what every list
    brings in step."""
    return _differences(library.find(), library.read_anew())


def _differences(before: list[Entry], after: list[Entry]) -> list[str]:
    known, found = ({entry.id: entry for entry in entries} for entries in (before, after))
    lost = [f"{id_} was listed and is not there." for id_ in known.keys() - found.keys()]
    new = [f"{id_} is there and was not listed." for id_ in found.keys() - known.keys()]
    other = [_other(known[id_], found[id_]) for id_ in known.keys() & found.keys() if known[id_] != found[id_]]
    order = [entry.id for entry in before] != [entry.id for entry in after]
    said = ["The order of the list was another one."] if order and not (lost or new or other) else []
    return sorted(lost + new + other) + said


def _other(before: Entry, after: Entry) -> str:
    fields = [name for name in Entry._fields if getattr(before, name) != getattr(after, name)]
    return f"{after.id} was listed with {counted(len(fields), 'other fact')}: {', '.join(fields)}."


QUARANTINE = "quarantine"
OLD = 600  # seconds after which nobody is still writing a small file
RECORDS = {"runs": (Run, "run.json"), "artifacts": (Artifact, "artifact.json")}
WRITTEN_BESIDE = ("*.new", "*.new.npz", "*.part")


class Mended(NamedTuple):
    """One thing that was out of order. `state` is "done", "would" (it would be done), "left" (it is for a person to
    decide) or "failed"; `sentence` says which, and why."""

    kind: str
    id: str
    state: str
    sentence: str


class _Step(NamedTuple):
    """Something out of order: in words what is so, what would be done about it and what then was done; `do` does it,
    and is None where nothing can be."""

    kind: str
    id: str
    what: str
    would: str
    did: str = ""
    do: Callable[[], object] | None = None


def repair(library: Library, quarantine: bool = False, dry_run: bool = False) -> list[Mended]:
    """Put the library in order and say in sentences what was done; with `dry_run`, what would be.

    What cannot be read is moved aside into the folder "quarantine" only where `quarantine` says so. Doing it twice is
    the same as once. Nothing raises: what fails is a line of its own. InputError for who sees only a part of it.
    """
    library.require_whole()
    looks: list[Callable[[], Iterable[_Step]]] = [
        lambda: _staged(library),
        lambda: _half_written(library),
        lambda: _runs_in_the_trash(library),
        lambda: _unreadable(library, quarantine),
        lambda: _strangers(library, quarantine),
        lambda: _aliases(library),
        lambda: _jobs(library, quarantine),
        lambda: _catalog(library),
    ]
    return [_take(step, dry_run) for look in looks for step in _seen(look)]


def _seen(look: Callable[[], Iterable[_Step]]) -> list[_Step]:
    """What one look finds out of order; where it cannot look, that."""
    try:
        return list(look())
    except (RoundtripError, OSError) as error:
        return [_Step("look", "", "A part of the library could not be looked at.", str(translate(error, LibraryError)))]


def _take(step: _Step, dry_run: bool) -> Mended:
    if step.do is None:
        return Mended(step.kind, step.id, "left", f"{step.what} {step.would}")
    if dry_run:
        return Mended(step.kind, step.id, "would", f"{step.what} {step.would}")
    try:
        step.do()
    except (RoundtripError, OSError) as error:
        return Mended(step.kind, step.id, "failed", f"{step.what} {translate(error, LibraryError)}")
    return Mended(step.kind, step.id, "done", f"{step.what} {step.did}")


def _staged(library: Library) -> Iterator[_Step]:
    for folder in storage.leftovers(library.home):
        whole = (folder / storage.INTENT).exists()
        yield _Step(
            "staging",
            folder.name[:80],
            f"A save that a process did not end lies in staging{', and it is whole' if whole else ''}.",
            "It would be kept." if whole else "It would be deleted.",
            "It was kept." if whole else "It was deleted.",
            lambda folder=folder: _clear(library, folder),
        )


def _half_written(library: Library) -> Iterator[_Step]:
    """Small files that were being written when their process ended; the old ones stand whole beside them."""
    home = library.home
    for place in (home, *(home / name for name in ("runs", "artifacts", "trash", "jobs"))):
        depth = "" if place == home else "*/"
        for path in sorted(one for pattern in WRITTEN_BESIDE for one in place.glob(depth + pattern)):
            if path.is_file() and _is_old(path):
                yield _Step(
                    "half-written",
                    path.parent.name if depth else "",
                    f"{path.name} was being written when its process ended; what it was to replace is whole.",
                    "It would be deleted.",
                    "It was deleted.",
                    path.unlink,
                )


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > OLD
    except FileNotFoundError:  # gone just now
        return False


def _runs_in_the_trash(library: Library) -> Iterator[_Step]:
    missing: dict[str, list[str]] = {}
    for id_ in (one for one in library.ids() if one.startswith("a")):
        with contextlib.suppress(UnreadableRecord, UnknownName):  # which are said by another look
            if not (library.home / "runs" / (run := library.artifact(id_).run)).is_dir():
                missing.setdefault(run, []).append(id_)
    for run, of in sorted(missing.items()):
        what = f"The run {run} of {counted(len(of), 'artifact')} is not in the library."
        if run in library.trash():
            yield _Step(
                "run",
                run,
                what,
                "It would be taken back from the trash.",
                "It was taken back from the trash.",
                lambda run=run: library.restore(run),
            )
        else:
            cure = "Restore it from a backup, or remove what was saved from it:"
            yield _Step("run", run, what, f"{cure} {', '.join(of[:5])}{' …' if len(of) > 5 else ''}.")


def _unreadable(library: Library, quarantine: bool) -> Iterator[_Step]:
    for kind, (record, name) in RECORDS.items():
        for folder in sorted((library.home / kind).iterdir()):
            if not ID.fullmatch(folder.name):
                continue
            try:
                found = record.read(folder / name)
                if found.id != folder.name:
                    yield _aside(library, folder, quarantine, f"{folder.name} holds the record of {found.id}.")
                elif kind == "artifacts":
                    library.evidence(folder.name)
            except (UnreadableRecord, UnknownName) as error:
                # A newer version of Roundtrip can read what it wrote: that is no damage.
                newer = error.received.isdigit()
                yield _aside(library, folder, quarantine and not newer, f"{folder.name} cannot be read: {error}")


def _strangers(library: Library, quarantine: bool) -> Iterator[_Step]:
    for path in library.strangers():
        yield _aside(library, path, quarantine, f"{path.name[:80]} in {path.parent.name} is no entry of the library.")


def _aside(library: Library, path: Path, quarantine: bool, what: str) -> _Step:
    """Move something out of the way, where a person said so."""
    if not quarantine:
        return _Step("unreadable", path.name[:80], what, "It is left as it is, until a person has it moved aside.")
    target = library.home / QUARANTINE / f"{path.name[:80]}-{secrets.token_hex(3)}"
    return _Step(
        "unreadable",
        path.name[:80],
        what,
        "It would be moved into the folder quarantine.",
        f"It was moved into the folder quarantine, as {target.name}.",
        lambda: storage.move(path, target),
    )


def _aliases(library: Library) -> Iterator[_Step]:
    for name, id_ in library.aliases().items():
        if not (library.home / "artifacts" / id_).is_dir():
            where = "Take it back from the trash" if id_ in library.trash() else "It is gone: point to another one"
            said = f"The alias '{name}' points to {id_}, which is not in the library."
            yield _Step("alias", name, said, f"{where}, or drop the alias.")


def _jobs(library: Library, quarantine: bool) -> Iterator[_Step]:
    journal = Journal(library.home / "jobs", keep=0)
    for job in journal.orphans():
        yield _Step(
            "job",
            job.id,
            f"The process that did “{job.title}” is gone.",
            "The job would be marked as interrupted.",
            "The job is marked as interrupted.",
            lambda job=job: journal.write_last(job),
        )
    for folder in (one for one in journal.never_begun() if _is_old(one)):
        yield _Step(
            "job",
            folder.name,
            "A job was to begin when its process ended.",
            "It would be forgotten.",
            "It was forgotten.",
            lambda folder=folder: _delete(folder),
        )
    for folder, error in journal.unreadable():
        yield _aside(library, folder, quarantine, f"The record of the job {folder.name[:80]} is unreadable: {error}")


def _catalog(library: Library) -> Iterator[_Step]:
    if wrong := differences(library):
        yield _Step(
            "catalog",
            "",
            f"The catalog said something else than the folders: {' '.join(wrong[:5])}",
            "It would be made anew.",
            "It was made anew.",
            library.rebuild,
        )


def _clear(library: Library, folder: Path) -> None:
    storage.clear(folder, library.home)
    _delete(folder)


def _delete(folder: Path) -> None:
    storage.discard(folder)
    if os.path.lexists(folder):
        folder.unlink()  # raises why it is still there
