"""One oracle for all faults: what must hold of a library whatever was killed, refused or broken (I1–I6)."""

import hashlib
from pathlib import Path

from core.errors import Damaged
from core.health import repair_library, verify_entries
from core.health.repairs import find_catalog_differences
from core.library import Artifact, Library, Run, integrity
from tests.factories.library_entries import make_artifact, make_run

ENTRY_FOLDERS = ("runs", "artifacts", "trash")

MUTABLE_FILES = {
    "removed.json",
    "marks.json",
    "refused.json",
}  # what may be written of an entry that never changes itself

EntryHashes = dict[str, dict[str, str]]


def hash_entries(home: Path, places: tuple[str, ...] = ENTRY_FOLDERS) -> EntryHashes:
    """Of every entry, in its place or in the trash, each file with its SHA-256."""
    folders = [folder for place in places for folder in (home / place).iterdir()]
    return {folder.name: _hash_files(folder) for folder in folders}


def _hash_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in MUTABLE_FILES and not (path.name[0] == "." and path.suffix == ".new")
    }


def assert_invariants(home: Path, before: EntryHashes) -> Library:
    """Assert I1–I6 of a library, as whoever opens it next finds it; `before` is the `state` that was acknowledged.

    Gives the library. It holds one more run and artifact afterwards: that it goes on working was tried.
    """
    library = Library(home)
    now = hash_entries(home)
    for id_, stored in before.items():
        assert now.get(id_) == stored, f"I1, I5: {id_} is not what was acknowledged"
    for row in verify_entries(library):
        assert row.is_intact, f"I2, I3: {row.id} is there in part: {row.sentence}"
        assert row.remark == "", f"I2: {row.id} holds what was not kept: {row.remark}"
    for run in library.runs():
        copy = run.brought.get("artifact", "")
        assert not copy or copy in now, f"I2: {run.id} was imported without its copy"
    for id_ in library.trash_ids():
        assert _find_trash_damage(home / "trash" / id_) == [], f"I2: {id_} lies in the trash in part"
    assert [path for path in (home / "staging").iterdir() if "-boxes" not in path.name] == [], "I2: half written"
    assert find_catalog_differences(library) == [], "I4: the catalog is not what a rebuild gives"
    repair_library(library)
    once = hash_entries(home)
    assert (repair_library(library), hash_entries(home)) == ([], once), "I4: repairing twice is not the same as once"
    _assert_still_usable(library)
    return library


def _find_trash_damage(folder: Path) -> list[Damaged]:
    is_run = folder.name.startswith("r")
    record = Run.read(folder / "run.json") if is_run else Artifact.read(folder / "artifact.json")
    stored = folder if is_run else folder / "files"
    return [damage for file in record.files if (damage := integrity.find_damage(stored, file))]


def _assert_still_usable(library: Library) -> None:
    listed = {entry.id for entry in library.find()}
    artifact = make_artifact(library, make_run(library))
    assert {entry.id for entry in library.find()} == listed | {artifact.id}, "I6: it does not go on"
    assert find_catalog_differences(library) == [], "I4: after one more save the catalog is not what a rebuild gives"
