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
from core.library.job_store import JobStore
from core.library.records import ID_PATTERN, Artifact, Run
from core.text.labels import pluralize


class RebuildResult(NamedTuple):
    """How many artifacts the catalog knew `before` and knows `after`, and in sentences where it had been wrong."""

    before: int
    after: int
    differences: list[str]


def rebuild_catalog(library: Library) -> RebuildResult:
    """Make the catalog anew; it should have said the same before. Raises StorageFailed."""
    before = library.find()
    library.rebuild_catalog()
    after = library.find()
    return RebuildResult(len(before), len(after), _describe_differences(before, after))


def find_catalog_differences(library: Library) -> list[str]:
    """Where the catalog says something else than the folders, in sentences; nothing is changed but what every list
    brings in step."""
    return _describe_differences(library.find(), library.find_on_disk())


def _describe_differences(before: list[Entry], after: list[Entry]) -> list[str]:
    known, found = ({entry.id: entry for entry in entries} for entries in (before, after))
    lost = [f"{id_} was listed and is not there." for id_ in known.keys() - found.keys()]
    new = [f"{id_} is there and was not listed." for id_ in found.keys() - known.keys()]
    other = [
        _describe_changed_entry(known[id_], found[id_])
        for id_ in known.keys() & found.keys()
        if known[id_] != found[id_]
    ]
    order = [entry.id for entry in before] != [entry.id for entry in after]
    said = ["The order of the list was another one."] if order and not (lost or new or other) else []
    return sorted(lost + new + other) + said


def _describe_changed_entry(before: Entry, after: Entry) -> str:
    fields = [name for name in Entry._fields if getattr(before, name) != getattr(after, name)]
    return f"{after.id} was listed with {pluralize(len(fields), 'other fact')}: {', '.join(fields)}."


QUARANTINE_FOLDER = "quarantine"
MIN_AGE_SECONDS = 600  # seconds after which nobody is still writing a small file
RECORD_BY_FOLDER = {"runs": (Run, "run.json"), "artifacts": (Artifact, "artifact.json")}
TEMPORARY_FILE_PATTERNS = ("*.new", "*.new.npz", "*.part")


class RepairResult(NamedTuple):
    """One thing that was out of order. `state` is "done", "would" (it would be done), "left" (it is for a person to
    decide) or "failed"; `sentence` says which, and why."""

    kind: str
    id: str
    state: str
    sentence: str


class _RepairStep(NamedTuple):
    """Something out of order: in words what is so, what would be done about it and what then was done; `do` does it,
    and is None where nothing can be."""

    kind: str
    id: str
    problem: str
    proposal: str
    outcome: str = ""
    action: Callable[[], object] | None = None


def repair_library(library: Library, quarantine: bool = False, dry_run: bool = False) -> list[RepairResult]:
    """Put the library in order and say in sentences what was done; with `dry_run`, what would be.

    What cannot be read is moved aside into the folder "quarantine" only where `quarantine` says so. Doing it twice is
    the same as once. Nothing raises: what fails is a line of its own. InputError for who sees only a part of it.
    """
    library.require_full_access()
    looks: list[Callable[[], Iterable[_RepairStep]]] = [
        lambda: _abandoned_staging_steps(library),
        lambda: _half_written_file_steps(library),
        lambda: _missing_run_steps(library),
        lambda: _unreadable_record_steps(library, quarantine),
        lambda: _foreign_path_steps(library, quarantine),
        lambda: _dangling_alias_steps(library),
        lambda: _job_steps(library, quarantine),
        lambda: _catalog_steps(library),
    ]
    return [_apply_step(step, dry_run) for look in looks for step in _collect_steps(look)]


def _collect_steps(find_steps: Callable[[], Iterable[_RepairStep]]) -> list[_RepairStep]:
    """What one look finds out of order; where it cannot look, that."""
    try:
        return list(find_steps())
    except (RoundtripError, OSError) as error:
        return [
            _RepairStep(
                "look", "", "A part of the library could not be looked at.", str(translate(error, LibraryError))
            )
        ]


def _apply_step(step: _RepairStep, dry_run: bool) -> RepairResult:
    if step.action is None:
        return RepairResult(step.kind, step.id, "left", f"{step.problem} {step.proposal}")
    if dry_run:
        return RepairResult(step.kind, step.id, "would", f"{step.problem} {step.proposal}")
    try:
        step.action()
    except (RoundtripError, OSError) as error:
        return RepairResult(step.kind, step.id, "failed", f"{step.problem} {translate(error, LibraryError)}")
    return RepairResult(step.kind, step.id, "done", f"{step.problem} {step.outcome}")


def _abandoned_staging_steps(library: Library) -> Iterator[_RepairStep]:
    for folder in storage.find_abandoned_staging(library.home):
        whole = (folder / storage.INTENT_FILE).exists()
        yield _RepairStep(
            "staging",
            folder.name[:80],
            f"A save that a process did not end lies in staging{', and it is whole' if whole else ''}.",
            "It would be kept." if whole else "It would be deleted.",
            "It was kept." if whole else "It was deleted.",
            lambda folder=folder: _recover_and_delete(library, folder),
        )


def _half_written_file_steps(library: Library) -> Iterator[_RepairStep]:
    """Small files that were being written when their process ended; the old ones stand whole beside them."""
    home = library.home
    for place in (home, *(home / name for name in ("runs", "artifacts", "trash", "jobs"))):
        depth = "" if place == home else "*/"
        for path in sorted(one for pattern in TEMPORARY_FILE_PATTERNS for one in place.glob(depth + pattern)):
            if path.is_file() and _is_old(path):
                yield _RepairStep(
                    "half-written",
                    path.parent.name if depth else "",
                    f"{path.name} was being written when its process ended; what it was to replace is whole.",
                    "It would be deleted.",
                    "It was deleted.",
                    path.unlink,
                )


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > MIN_AGE_SECONDS
    except FileNotFoundError:  # gone just now
        return False


def _missing_run_steps(library: Library) -> Iterator[_RepairStep]:
    missing: dict[str, list[str]] = {}
    for id_ in (one for one in library.ids() if one.startswith("a")):
        with contextlib.suppress(UnreadableRecord, UnknownName):  # which are said by another look
            if not (library.home / "runs" / (run := library.artifact(id_).run)).is_dir():
                missing.setdefault(run, []).append(id_)
    for run, of in sorted(missing.items()):
        what = f"The run {run} of {pluralize(len(of), 'artifact')} is not in the library."
        if run in library.trash_ids():
            yield _RepairStep(
                "run",
                run,
                what,
                "It would be taken back from the trash.",
                "It was taken back from the trash.",
                lambda run=run: library.restore(run),
            )
        else:
            cure = "Restore it from a backup, or remove what was saved from it:"
            yield _RepairStep("run", run, what, f"{cure} {', '.join(of[:5])}{' …' if len(of) > 5 else ''}.")


def _unreadable_record_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    for kind, (record, name) in RECORD_BY_FOLDER.items():
        for folder in sorted((library.home / kind).iterdir()):
            if not ID_PATTERN.fullmatch(folder.name):
                continue
            try:
                found = record.read(folder / name)
                if found.id != folder.name:
                    yield _quarantine_step(
                        library, folder, quarantine, f"{folder.name} holds the record of {found.id}."
                    )
                elif kind == "artifacts":
                    library.evidence(folder.name)
            except (UnreadableRecord, UnknownName) as error:
                # A newer version of Roundtrip can read what it wrote: that is no damage.
                newer = error.received.isdigit()
                yield _quarantine_step(
                    library, folder, quarantine and not newer, f"{folder.name} cannot be read: {error}"
                )


def _foreign_path_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    for path in library.foreign_paths():
        yield _quarantine_step(
            library, path, quarantine, f"{path.name[:80]} in {path.parent.name} is no entry of the library."
        )


def _quarantine_step(library: Library, path: Path, quarantine: bool, problem: str) -> _RepairStep:
    """Move something out of the way, where a person said so."""
    if not quarantine:
        return _RepairStep(
            "unreadable", path.name[:80], problem, "It is left as it is, until a person has it moved aside."
        )
    target = library.home / QUARANTINE_FOLDER / f"{path.name[:80]}-{secrets.token_hex(3)}"
    return _RepairStep(
        "unreadable",
        path.name[:80],
        problem,
        "It would be moved into the folder quarantine.",
        f"It was moved into the folder quarantine, as {target.name}.",
        lambda: storage.rename_durably(path, target),
    )


def _dangling_alias_steps(library: Library) -> Iterator[_RepairStep]:
    for name, id_ in library.aliases().items():
        if not (library.home / "artifacts" / id_).is_dir():
            where = "Take it back from the trash" if id_ in library.trash_ids() else "It is gone: point to another one"
            said = f"The alias '{name}' points to {id_}, which is not in the library."
            yield _RepairStep("alias", name, said, f"{where}, or drop the alias.")


def _job_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    journal = JobStore(library.home / "jobs", max_finished=0)
    for job in journal.orphans():
        yield _RepairStep(
            "job",
            job.id,
            f"The process that did “{job.title}” is gone.",
            "The job would be marked as interrupted.",
            "The job is marked as interrupted.",
            lambda job=job: journal.write_final(job),
        )
    for folder in (one for one in journal.unstarted_folders() if _is_old(one)):
        yield _RepairStep(
            "job",
            folder.name,
            "A job was to begin when its process ended.",
            "It would be forgotten.",
            "It was forgotten.",
            lambda folder=folder: _delete(folder),
        )
    for folder, error in journal.unreadable_jobs():
        yield _quarantine_step(
            library, folder, quarantine, f"The record of the job {folder.name[:80]} is unreadable: {error}"
        )


def _catalog_steps(library: Library) -> Iterator[_RepairStep]:
    if wrong := find_catalog_differences(library):
        yield _RepairStep(
            "catalog",
            "",
            f"The catalog said something else than the folders: {' '.join(wrong[:5])}",
            "It would be made anew.",
            "It was made anew.",
            library.rebuild_catalog,
        )


def _recover_and_delete(library: Library, folder: Path) -> None:
    storage.recover_staging(folder, library.home)
    _delete(folder)


def _delete(folder: Path) -> None:
    storage.delete_folder(folder)
    if os.path.lexists(folder):
        folder.unlink()  # raises why it is still there
