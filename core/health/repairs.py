"""Repair a library after crashes, and rebuild its catalog; no whole entry is ever deleted."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from core.error_translation import translate
from core.errors import LibraryError, RoundtripError, UnknownName, UnreadableRecord
from core.formats import all_formats
from core.library import Entry, Library, atomic_commit, staging, storage
from core.library.ids import ID_PATTERN
from core.library.job_store import JobStore
from core.library.records import Artifact, Run
from core.text.labels import pluralize


class RebuildResult(NamedTuple):
    """How many artifacts the catalog listed and lists now, and in sentences where it was wrong."""

    before: int
    after: int
    differences: list[str]


def rebuild_catalog(library: Library) -> RebuildResult:
    """Rebuild the catalog from the folders, and compare with what it was. Raises StorageFailed."""
    before = library.find()
    library.rebuild_catalog()
    after = library.find()
    return RebuildResult(len(before), len(after), _describe_differences(before, after))


def find_catalog_differences(library: Library) -> list[str]:
    """Say where the catalog differs from the folders, after the sync that every list does."""
    return _describe_differences(library.find(), library.find_on_disk())


def _describe_differences(before: list[Entry], after: list[Entry]) -> list[str]:
    old, new = ({entry.id: entry for entry in entries} for entries in (before, after))
    differences = [f"{_name(old[id_])} was listed and is not there." for id_ in old.keys() - new.keys()]
    differences += [f"{_name(new[id_])} is there and was not listed." for id_ in new.keys() - old.keys()]
    for id_ in old.keys() & new.keys():
        if fields := [name for name in Entry._fields if getattr(old[id_], name) != getattr(new[id_], name)]:
            differences.append(
                f"{_name(new[id_])} was listed with {pluralize(len(fields), 'other fact')}: {', '.join(fields)}."
            )
    if not differences and list(old) != list(new):
        return ["The order of the list was another one."]
    return sorted(differences)


def _name(entry: Entry) -> str:
    """Name an artifact by its line of the list, which may be wrong; by its id where that says nothing more."""
    formats = {format_.key: format_.label for format_ in all_formats()}
    return f"{formats[entry.format]} of “{entry.run_name}”" if entry.format in formats and entry.run_name else entry.id


QUARANTINE_FOLDER = "quarantine"
MIN_AGE_SECONDS = 600  # after which no process is still writing a small file
RECORD_BY_FOLDER: dict[str, tuple[type[Run] | type[Artifact], str]] = {
    "runs": (Run, "run.json"),
    "artifacts": (Artifact, "artifact.json"),
}
TEMPORARY_FILE_PATTERNS = ("*.new", "*.new.npz", "*.part")


class RepairResult(NamedTuple):
    """One thing that was out of order, and in a sentence what became of it.

    `state` is "done", "would" (it would be done), "left" (a user must decide) or "failed".
    """

    kind: str
    id: str
    state: str
    sentence: str


class _RepairStep(NamedTuple):
    """Something out of order: what would be done, what then was done, and how (None: nothing)."""

    kind: str
    id: str
    problem: str
    proposal: str
    outcome: str = ""
    action: Callable[[], object] | None = None


def repair_library(library: Library, quarantine: bool = False, dry_run: bool = False) -> list[RepairResult]:
    """Put the library in order, or with `dry_run` say what would be done.

    What cannot be read is moved into the folder "quarantine" only with `quarantine`. Doing it twice is the same as
    once. What fails is a line of its own. Raises InputError for a user who sees only a part of the library.
    """
    library.require_full_access()
    searches: list[Callable[[], Iterable[_RepairStep]]] = [
        lambda: _abandoned_staging_steps(library),
        lambda: _half_written_file_steps(library),
        lambda: _missing_run_steps(library),
        lambda: _unreadable_record_steps(library, quarantine),
        lambda: _foreign_path_steps(library, quarantine),
        lambda: _dangling_alias_steps(library),
        lambda: _job_steps(library, quarantine),
        lambda: _catalog_steps(library),
    ]
    return [_apply_step(step, dry_run) for search in searches for step in _collect_steps(search)]


def _collect_steps(search: Callable[[], Iterable[_RepairStep]]) -> list[_RepairStep]:
    try:
        return list(search())
    except (RoundtripError, OSError) as error:
        why = str(translate(error, LibraryError))
        return [_RepairStep("look", "", "A part of the library could not be looked at.", why)]


def _apply_step(step: _RepairStep, dry_run: bool) -> RepairResult:
    state, effect = "done", step.outcome
    if step.action is None or dry_run:
        state, effect = "would" if step.action else "left", step.proposal
    else:
        try:
            step.action()
        except (RoundtripError, OSError) as error:
            state, effect = "failed", str(translate(error, LibraryError))
    return RepairResult(step.kind, step.id, state, f"{step.problem} {effect}")


def _abandoned_staging_steps(library: Library) -> Iterator[_RepairStep]:
    for folder in staging.find_abandoned_staging(library.home):
        is_whole = (folder / atomic_commit.INTENT_FILE).exists()
        problem = f"A save that a process did not end lies in staging{', and it is whole' if is_whole else ''}."
        effect = "kept" if is_whole else "deleted"
        action = partial(_recover_and_delete, library, folder)
        yield _RepairStep("staging", folder.name[:80], problem, f"It would be {effect}.", f"It was {effect}.", action)


def _half_written_file_steps(library: Library) -> Iterator[_RepairStep]:
    """Small files whose process ended while it wrote them; the old ones stand whole beside them."""
    home = library.home
    for folder in ("", *(f"{name}/*/" for name in ("runs", "artifacts", "trash", "jobs"))):
        for path in sorted(path for pattern in TEMPORARY_FILE_PATTERNS for path in home.glob(folder + pattern)):
            if path.is_file() and _is_old(path):
                id_ = path.parent.name if folder else ""
                problem = f"{path.name} was being written when its process ended; what it was to replace is whole."
                yield _RepairStep("half-written", id_, problem, "It would be deleted.", "It was deleted.", path.unlink)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > MIN_AGE_SECONDS
    except FileNotFoundError:  # gone just now
        return False


def _missing_run_steps(library: Library) -> Iterator[_RepairStep]:
    missing: dict[str, list[str]] = {}
    for id_ in library.ids():
        with contextlib.suppress(UnreadableRecord, UnknownName):  # which another search reports
            if id_.startswith("a") and not library.has(run := library.artifact(id_).run):
                missing.setdefault(run, []).append(id_)
    for run, ids in sorted(missing.items()):
        problem = f"The run {run} of {pluralize(len(ids), 'artifact')} is not in the library."
        if run in library.trash_ids():
            effect, action = "taken back from the trash.", partial(library.restore, run)
            yield _RepairStep("run", run, problem, f"It would be {effect}", f"It was {effect}", action)
        else:
            cure = "Restore it from a backup, or remove what was saved from it:"
            yield _RepairStep("run", run, problem, f"{cure} {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}.")


def _unreadable_record_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    unshared = set(library.entries.find_unshared())  # which the store does not have: `migrate` takes them there
    for kind, (record_type, name) in RECORD_BY_FOLDER.items():
        for folder in sorted((library.home / kind).iterdir()):
            if not ID_PATTERN.fullmatch(folder.name) or folder.name in unshared:
                continue
            try:
                record = record_type.read(folder / name)
                if record.id != folder.name:
                    problem = f"{folder.name} holds the record of {record.id}."
                    yield _quarantine_step(library, folder, quarantine, problem)
                elif kind == "artifacts":
                    library.evidence(folder.name)
            except (UnreadableRecord, UnknownName) as error:
                if not folder.exists():  # another machine removed it, so it went into the trash when it was looked for
                    continue
                is_newer = error.received.isdigit()  # another version of Roundtrip can read it: that is no damage
                problem = f"{folder.name} cannot be read: {error}"
                yield _quarantine_step(library, folder, quarantine and not is_newer, problem)


def _foreign_path_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    for path in library.foreign_paths():
        problem = f"{path.name[:80]} in {path.parent.name} is no entry of the library."
        yield _quarantine_step(library, path, quarantine, problem)


def _quarantine_step(library: Library, path: Path, quarantine: bool, problem: str) -> _RepairStep:
    name = path.name[:80]
    if not quarantine:
        return _RepairStep("unreadable", name, problem, "It is left as it is, until a person has it moved aside.")
    target = library.home / QUARANTINE_FOLDER / f"{name}-{secrets.token_hex(3)}"
    proposal, outcome = (f"It {verb} moved into the folder quarantine" for verb in ("would be", "was"))
    action = partial(storage.rename_durably, path, target)
    return _RepairStep("unreadable", name, problem, f"{proposal}.", f"{outcome}, as {target.name}.", action)


def _dangling_alias_steps(library: Library) -> Iterator[_RepairStep]:
    for name, id_ in library.aliases().items():
        if not library.has(id_):
            cure = "Take it back from the trash" if id_ in library.trash_ids() else "It is gone: point to another one"
            problem = f"The alias '{name}' points to a copy that is not in the library."
            yield _RepairStep("alias", name, problem, f"{cure}, or drop the alias.")


def _job_steps(library: Library, quarantine: bool) -> Iterator[_RepairStep]:
    if library.entries.is_shared:  # a team's records are in its database, and what lies here is a copy
        return
    store = JobStore(library.home / "jobs", max_finished=0)
    for job in store.orphans():
        problem = f"The process that did “{job.title}” is gone."
        proposal, outcome = (f"The job {verb} marked as interrupted." for verb in ("would be", "is"))
        yield _RepairStep("job", job.id, problem, proposal, outcome, partial(store.write_final, job))
    for folder in filter(_is_old, store.unstarted_folders()):
        problem, action = "A job was to begin when its process ended.", partial(_delete, folder)
        yield _RepairStep("job", folder.name, problem, "It would be forgotten.", "It was forgotten.", action)
    for folder, error in store.unreadable_jobs():
        problem = f"The record of the job {folder.name[:80]} is unreadable: {error}"
        yield _quarantine_step(library, folder, quarantine, problem)


def _catalog_steps(library: Library) -> Iterator[_RepairStep]:
    if differences := find_catalog_differences(library):
        problem = f"The catalog said something else than the folders: {' '.join(differences[:5])}"
        action = library.rebuild_catalog
        yield _RepairStep("catalog", "", problem, "It would be made anew.", "It was made anew.", action)


def _recover_and_delete(library: Library, folder: Path) -> None:
    atomic_commit.recover_staging(folder, library.home)
    _delete(folder)


def _delete(folder: Path) -> None:
    storage.delete_folder(folder)
    if os.path.lexists(folder):
        folder.unlink()  # raises why it is still there
