"""Two machines, each with a home of its own, over one store and one database."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import InputError, StorageFailed, UnknownName
from core.health import repair_library, run_diagnostics, verify_entries
from core.inputs import Inputs
from core.library import Library
from core.library.annotation_files import Annotations
from core.library.storage import list_files
from core.migration import migrate_from_store, migrate_to_store
from core.object_store import Contents, Documents, open_object_store
from core.settings import PROJECT, Settings
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.team.conftest import MachineOpener


def test_machine_sees_at_once_what_another_did(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    run = make_run(here, name="From here")
    artifact = make_artifact(here, run)
    assert [entry.id for entry in there.find()] == [artifact.id]
    assert (there.run_names(), there.artifact(artifact.id)) == ({run.id: "From here"}, artifact)
    there.annotate(run.id, name="From there")
    there.tag([artifact.id], ["there"])
    there.set_alias("champion", artifact.id)
    assert (here.run_names(), here.run(run.id).name) == ({run.id: "From there"}, "From there")
    assert here.annotations(artifact.id).tags == ["there"]
    assert [entry.aliases for entry in here.find()] == [("champion",)]
    here.drop_alias("champion")
    assert there.remove(run.id) == [artifact.id, run.id]
    assert (here.find(), here.runs(), here.trash_ids() != []) == ([], [], True)
    assert here.restore(artifact.id) == [run.id, artifact.id]
    assert (there.verified_folder(artifact.id) / "model.bin").read_bytes() == b"0123456789"
    here.remove(artifact.id)
    assert there.empty_trash(0) == [artifact.id]
    assert (here.trash_ids(), here.has(artifact.id), here.has(run.id)) == ([], False, True)
    assert here.find() == there.find() == here.find_on_disk() == []


def test_machine_fetches_records_first_and_files_when_asked(open_machine: MachineOpener):
    artifact = make_artifact(open_machine("here"), make_run(open_machine("here")))
    there = open_machine("there")
    folder = there.folder(artifact.id)
    assert sorted(path.name for path in folder.iterdir()) == ["artifact.json", "evidence.json"]
    assert (there.verified_folder(artifact.id) / "variables" / "data").exists()
    run_folder = there.folder(artifact.run)
    there.reference(artifact.run)
    assert sorted(path.name for path in run_folder.iterdir()) == ["reference.npz", "run.json"]
    there.snapshot(artifact.run)
    assert there.fingerprint(artifact.run) == there.fingerprint(artifact.run)
    assert [path.name for path in list_files(run_folder)] == [
        "history.csv",
        "reference.npz",
        "run.json",
        "variables.npz",
    ]


def test_lost_home_and_lost_database_come_back_from_the_store(
    open_machine: MachineOpener, team_database, s3_variables: None, make_bucket
):
    address = make_bucket()
    library = open_machine(store_url=address)
    kept, removed = make_imported_artifact(library), make_imported_artifact(library, b"removed")
    library.annotate(kept.id, note="a note")
    library.set_alias("champion", kept.id)
    library.remove(removed.id)
    listed, history = library.find(), library.alias_history()
    shutil.rmtree(library.home)
    again = open_machine(store_url=address, database_url=team_database())
    assert (again.find(), again.alias_history(), again.trash_ids()) == (listed, history, [removed.id])
    assert again.find() == again.find_on_disk()
    for id_ in again.ids():
        again.verify(id_)
    assert again.restore(removed.id) == [removed.id]
    again.verify(removed.id)


def test_rebuild_takes_the_aliases_of_a_store_that_came_from_a_backup(open_machine: MachineOpener, tmp_path: Path):
    here, there = open_machine("here"), open_machine("there")
    run = make_run(here)
    first, second = (make_artifact(here, run, content=content).id for content in (b"1", b"2"))
    here.set_alias("champion", first)
    shutil.copytree(tmp_path / "shared store", tmp_path / "backup")
    here.set_alias("champion", second)
    here.set_alias("new", first)
    shutil.rmtree(tmp_path / "shared store")
    shutil.copytree(tmp_path / "backup", tmp_path / "shared store")
    here.rebuild_catalog()
    for library in (here, there):
        assert library.aliases() == {"champion": first}
        assert {entry.id: entry.aliases for entry in library.find()} == {first: ("champion",), second: ()}


def test_entry_that_comes_or_goes_while_it_is_read_is_read_again(open_machine: MachineOpener, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    artifact, real, raced = make_imported_artifact(here), Documents.numbers, []

    def numbers(self: Documents) -> dict[str, int]:
        if not raced:
            raced.append(self)
            there.remove(artifact.id)
            there.entries.delete(artifact.id)
        return real(self)

    monkeypatch.setattr(Documents, "numbers", numbers)
    here.entries.rows.settle([artifact.id])
    assert (len(raced), here.has(artifact.id), there.has(artifact.id)) == (1, False, False)


def test_what_stays_announced_is_read_ever_more_rarely(open_machine: MachineOpener, monkeypatch):
    here, seconds, settled = open_machine("here"), [1000.0], []
    artifact = make_imported_artifact(here)
    assert here.has(artifact.id)
    here.entries._index.announce([artifact.id])  # of a writer that is gone
    rows, real = here.entries.rows, here.entries.rows.settle
    monkeypatch.setattr(rows, "settle", lambda keys: (settled.append(seconds[0]), real(keys)))
    clock = SimpleNamespace(monotonic=lambda: seconds[0], time=time.time)
    monkeypatch.setattr("core.object_store.store_rows.time", clock)
    for _ in range(60):
        assert here.has(artifact.id)
        seconds[0] += 1
    assert (settled[:3], len(settled)) == ([1000.0, 1002.0, 1004.0], 9)


def test_of_two_writers_of_one_document_none_is_lost(open_machine: MachineOpener, monkeypatch: pytest.MonkeyPatch):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_artifact(here, make_run(here))
    real, raced = Documents.append, []

    def append(self: Documents, name: str, text: str | None, after: int) -> bool:
        if not raced:  # somebody else is faster, once: as where the database lost the lock
            raced.append(name)
            there_first = Annotations(note="from there").to_json_text()
            assert real(self, name, there_first, after)
        return real(self, name, text, after)

    monkeypatch.setattr(Documents, "append", append)
    here.annotate(artifact.id, pinned=True)
    assert (there.annotations(artifact.id).note, there.annotations(artifact.id).pinned) == ("from there", True)
    assert raced == ["marks.json"]


def test_of_two_writers_of_one_alias_the_second_knows_the_first(open_machine: MachineOpener):
    libraries = [open_machine("here"), open_machine("there")]
    run = make_run(libraries[0])
    artifacts = [make_artifact(libraries[0], run, content=content).id for content in (b"1", b"2")]
    before: list[str | None] = []
    threads = [
        threading.Thread(target=lambda at=at: before.append(libraries[at].set_alias("champion", artifacts[at])))
        for at in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    last, first = libraries[0].alias_history("champion")
    assert (first.before, last.before, last.artifact) == (None, first.artifact, libraries[1].resolve("champion"))
    assert set(before) == {None, first.artifact}


def test_change_of_an_alias_that_was_moved_meanwhile_is_made_again(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    run = make_run(here)
    first, second = (make_artifact(here, run, content=content).id for content in (b"1", b"2"))
    stale = here.entries.aliases()
    there.set_alias("champion", first)
    from core.library.annotation_files import AliasChange

    assert not here.entries.change_alias(stale, AliasChange(alias="champion", artifact=second))
    assert here.resolve("champion") == first


def test_library_of_a_folder_comes_into_the_team_and_back(open_machine: MachineOpener, tmp_path: Path):
    alone, team = Library(tmp_path / "alone"), open_machine()
    artifact = make_imported_artifact(alone)
    alone.annotate(artifact.id, note="mine")
    alone.set_alias("champion", artifact.id)
    assert migrate_to_store(alone, open_object_store(team.entries.store.address)).is_complete
    team.rebuild_catalog()
    assert team.find() == alone.find()
    team.verify(artifact.id)
    back = Library(tmp_path / "back")
    assert migrate_from_store(back, open_object_store(team.entries.store.address)).is_complete
    assert (back.find(), back.aliases()) == (alone.find(), {"champion": artifact.id})


def test_home_that_was_brought_into_the_store_is_its_cache(open_machine: MachineOpener, tmp_path: Path):
    alone = Library(tmp_path / "alone")
    artifact = make_imported_artifact(alone)
    left = make_run(alone)
    store = open_object_store(open_machine().entries.store.address)
    with alone.staging() as staged:  # this one came later, and is not in the store
        shutil.move(alone.folder(left.id), staged / left.id)
        assert migrate_to_store(alone, store).is_complete
        shutil.move(staged / left.id, alone.home / "runs" / left.id)
    before = (alone.folder(artifact.id) / "files" / "model.bin").stat().st_ino
    team = open_machine("alone")
    assert (team.verified_folder(artifact.id) / "model.bin").stat().st_ino == before
    team.entries.cache.drop(team.folder(artifact.id), ["files"])
    assert (team.entries.find_unshared(), team.has(left.id)) == ([left.id], False)
    migration = migrate_to_store(Library(alone.home), store)
    assert ([entry.id for entry in migration.entries], migration.is_complete) == ([left.id], True)
    team.rebuild_catalog()
    assert (team.entries.find_unshared(), team.has(left.id)) == ([], True)
    team.verify(artifact.id)
    for migrate in (migrate_to_store, migrate_from_store):
        (other := tmp_path / migrate.__name__).mkdir()
        open_object_store(f"file://{other}").claim()
        with pytest.raises(InputError, match="cache of another store"):
            migrate(Library(alone.home), open_object_store(f"file://{other}"))


def test_home_of_another_store_is_refused(open_machine: MachineOpener, tmp_path: Path, team_settings: Settings):
    open_machine()
    (tmp_path / "second").mkdir()
    with pytest.raises(InputError, match="fetched from another store"):
        open_machine(store_url=f"file://{tmp_path}/second")
    with pytest.raises(InputError, match="belongs to another library"):
        open_machine("elsewhere", store_url=f"file://{tmp_path}/second")
    with pytest.raises(InputError, match="belongs to another library"):
        Library(tmp_path / "elsewhere", team_settings.database_url)


def test_same_store_under_another_address_is_the_same(open_machine: MachineOpener, tmp_path: Path):
    artifact = make_imported_artifact(open_machine())
    shutil.move(tmp_path / "shared store", tmp_path / "moved")
    library = open_machine("there", store_url=f"file://{tmp_path}/moved")
    assert [entry.id for entry in library.find()] == [artifact.id]


def test_folder_that_is_not_mounted_is_refused_and_not_made(open_machine: MachineOpener, tmp_path: Path):
    with pytest.raises(InputError, match="no store of Roundtrip at this address"):
        open_machine(store_url=f"file://{tmp_path}/not%20mounted")
    assert not (tmp_path / "not mounted").exists()


def test_store_that_is_gone_is_said_and_what_is_cached_is_read(open_machine: MachineOpener, tmp_path: Path):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_imported_artifact(here)
    assert there.has(artifact.id)
    shutil.move(tmp_path / "shared store", tmp_path / "elsewhere")
    assert here.verified_file(artifact.id, "model.bin").bytes == 10
    assert [entry.id for entry in there.find()] == [artifact.id]
    for refused in (lambda: there.verified_folder(artifact.id), lambda: make_run(there), there.rebuild_catalog):
        with pytest.raises(StorageFailed, match="not where it was"):
            refused()
    assert not (tmp_path / "shared store").exists()
    shutil.move(tmp_path / "elsewhere", tmp_path / "shared store")
    there.verify(artifact.id)


def test_contents_of_equal_files_are_stored_once(team_library: Library):
    run = make_run(team_library)
    make_artifact(team_library, run, "keras")
    count = len(team_library.entries.store.list_keys("contents"))
    make_artifact(team_library, run, "h5")
    assert len(team_library.entries.store.list_keys("contents")) == count + 1  # the record, which holds its id
    assert Contents(team_library.entries.store).key("ab" * 32) == f"contents/ab/{'ab' * 32}"


def test_unknown_ids_are_unknown_everywhere(team_library: Library):
    with pytest.raises(UnknownName):
        team_library.folder("a0123456789")
    assert (team_library.find_folder("a0123456789"), team_library.find_folder("x")) == (None, None)


def test_input_sets_are_shared_and_come_back(open_machine: MachineOpener, team_settings: Settings, tmp_path: Path):
    here, there = open_machine("here"), open_machine("there")
    run = make_run(here)
    mine, theirs = (Inputs(library.home, team_settings, library.entries) for library in (here, there))
    held_out = mine.add_held_out(here, run.id, 2)
    assert theirs.read(held_out.id) == held_out
    assert theirs.read_rows(held_out.id, [1])["x"].tolist() == [1.0]
    (there.home / "inputs" / held_out.id / "input-0.npy").write_bytes(b"broken")
    assert [chunk["x"].tolist() for chunk in theirs.iter_chunks(held_out.id)] == [[0.0, 1.0]]
    again = theirs.add_held_out(there, run.id, 2)
    assert (again.id, again.words) == (held_out.id, held_out.words)
    shutil.rmtree(here.home / "inputs")
    assert list(mine.verified_members(held_out.id)) == ["input:x.npy"]
    assert there.ids() == [run.id]


def test_health_says_what_lies_in_the_store_and_what_only_here(open_machine: MachineOpener, config: Settings):
    here = open_machine()
    make_imported_artifact(here)
    (here.home / "runs" / "r0000000000").mkdir()
    checks = {(check.about, check.name): check for check in run_diagnostics(here, config)}
    assert checks["Store", "answers"].sentence.startswith(f"{here.entries.store.address} answers after ")
    assert checks["Store", "cache"].sentence.endswith(" of it lie on this machine, of 50.0 GB that may.")
    assert checks["Store", "only here"].sentence.startswith("1 entry of this machine's folder ")
    assert "jobs" not in {check.name for check in checks.values()}  # which are in the database
    (here.home / "jobs" / "j0123456789").mkdir(parents=True)
    (here.home / "jobs" / "j0123456789" / "job.json").write_text("no record", encoding="utf-8")
    assert repair_library(here, quarantine=True) == []
    assert "Store" not in {check.about for check in run_diagnostics(Library(here.home.parent / "alone"), config)}


@pytest.mark.long
def test_processes_of_two_machines_write_side_by_side(open_machine: MachineOpener, team_settings: Settings):
    variables = {
        "ROUNDTRIP_DATABASE_URL": team_settings.database_url,
        "ROUNDTRIP_STORE_URL": open_machine().entries.store.address,
    }
    command = [sys.executable, "-m", "tests.library.entry_writer"]
    homes = [open_machine(name).home for name in ("here", "here", "there", "there")]
    writers = [
        subprocess.Popen([*command, home, "5"], env={**os.environ, **variables}, cwd=PROJECT, stdout=subprocess.PIPE)
        for home in homes
    ]
    stored = [id_ for writer in writers for id_ in writer.communicate(timeout=240)[0].decode().split()]
    assert len(stored) == 20
    for name in ("here", "there", "elsewhere"):
        library = open_machine(name)
        assert sorted(entry.id for entry in library.find()) == sorted(stored)
        assert library.find() == library.find_on_disk()
    assert all(row.is_intact for row in verify_entries(open_machine("elsewhere")))


def test_entry_removed_on_one_machine_is_nothing_to_repair_on_another(open_machine: MachineOpener):
    """Where it was fetched it lies in its old place until somebody looks for it."""
    here, there = open_machine("here"), open_machine("there")
    artifact = make_artifact(here, make_run(here))
    there.remove(artifact.id)
    assert (here.home / "artifacts" / artifact.id).is_dir()
    assert repair_library(here, quarantine=True) == []
    assert (here.trash_ids(), here.restore(artifact.id)) == ([artifact.id], [artifact.id])
