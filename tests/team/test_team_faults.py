"""Faults of a team's library: killed at each step of a commit, broken and foreign objects, stores that refuse."""

from collections.abc import Callable

import pytest

from core.error_translation import translate_store_error
from core.errors import Damaged, InputError, StorageFailed, UnknownName, UnreadableRecord
from core.health import verify_entries
from core.library import Artifact, Library
from core.library.shared_entries import unfenced
from core.library.staging import find_abandoned_staging
from core.migration import migrate_from_store
from core.object_store import Contents, Manifests, ObjectStore, open_object_store
from core.object_store.entry_cache import EntryCache
from core.object_store.store_rows import StoreRows
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.postgresql_server import execute
from tests.team.conftest import MachineOpener


class Killed(BaseException):
    """This process is gone from here on: no cleaning up of ours sees it."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that ends the process, as far as it can be seen, at the `count`-th call of a method."""

    def arrange(owner: type, name: str, count: int = 1) -> None:
        real, calls = getattr(owner, name), []

        def watched(*args, **more):
            calls.append(name)
            if len(calls) >= count:
                raise Killed
            return real(*args, **more)

        monkeypatch.setattr(owner, name, watched)

    return arrange


def test_killed_between_contents_and_manifest_leaves_nothing(open_machine: MachineOpener, kill_at, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    kill_at(Manifests, "put")
    kill_at(StoreRows, "settle")
    with pytest.raises(Killed):
        make_imported_artifact(here)
    monkeypatch.undo()
    for library in (there, open_machine("here")):
        assert (library.ids(), library.find(), library.find_on_disk()) == ([], [], [])
    assert find_abandoned_staging(here.home) == []


def test_killed_between_artifact_and_its_run_leaves_neither(open_machine: MachineOpener, kill_at, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    kill_at(Manifests, "put", 2)
    kill_at(StoreRows, "settle")
    with pytest.raises(Killed):
        make_imported_artifact(here)
    monkeypatch.undo()
    assert len(Manifests(here.entries.store).ids()) == 1
    for library in (there, open_machine("here")):
        assert (library.ids(), library.find(), library.find_on_disk()) == ([], [], [])
    there.rebuild_catalog()
    assert there.ids() == []


def test_killed_after_the_manifest_is_there_for_everybody(open_machine: MachineOpener, kill_at, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    assert there.find() == []
    kill_at(EntryCache, "adopt", 2)
    kill_at(StoreRows, "settle")
    with pytest.raises(Killed):
        make_imported_artifact(here)
    monkeypatch.undo()
    (entry,) = there.find()
    assert (there.verified_folder(entry.id) / "model.bin").read_bytes() == b"0123456789"
    for library in (there, open_machine("here")):
        assert {run.id for run in library.runs()} == {entry.run}
        library.verify(entry.id)
        library.verify(entry.run)


def test_killed_after_a_change_of_annotations_is_seen_by_others(open_machine: MachineOpener, kill_at, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_imported_artifact(here)
    assert there.annotations(artifact.id).note == ""
    kill_at(StoreRows, "settle")
    with pytest.raises(Killed):
        here.annotate(artifact.id, note="last words")
    monkeypatch.undo()
    assert there.annotations(artifact.id).note == "last words"
    assert [entry.note for entry in there.find("last")] == ["last words"]


def break_object(library: Library, key: str, data: bytes) -> None:
    library.entries.store.put_stream(key, [data])


def content_key(library: Library, artifact: Artifact) -> str:
    file = next(file for file in artifact.files if file.path == "model.bin")
    return Contents(library.entries.store).key(file.sha256)


def test_broken_contents_are_never_given_out(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_artifact(here, make_run(here))
    break_object(here, content_key(here, artifact), b"0123456780")
    with pytest.raises(Damaged, match="not those that were recorded"):
        there.verified_folder(artifact.id)
    assert not (there.folder(artifact.id) / "files").exists()
    rows = {row.id: row.state for row in verify_entries(there)}
    assert rows == {artifact.id: "damaged", artifact.run: "intact"}
    assert here.verified_folder(artifact.id).is_dir()  # where they were made they are whole


def test_missing_contents_are_said(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_artifact(here, make_run(here))
    here.entries.store.delete(content_key(here, artifact))
    with pytest.raises(Damaged, match="are not in the store"):
        there.verified_folder(artifact.id)


def test_missing_record_is_a_line_of_the_list(open_machine: MachineOpener, team_database):
    here = open_machine("here")
    artifact = make_artifact(here, make_run(here))
    record = next(file for file in here.entries.cache.manifest(artifact.id).files if file.path == "artifact.json")
    here.entries.store.delete(Contents(here.entries.store).key(record.sha256))
    there = open_machine("there", database_url=team_database())
    (entry,) = there.find()
    assert "are not in the store" in entry.problem
    assert [run.id for run in there.runs()] == [artifact.run]
    assert {row.id: row.is_intact for row in verify_entries(there)} == {artifact.id: False, artifact.run: True}


def test_foreign_objects_are_passed_over_and_reported(open_machine: MachineOpener, team_database):
    here = open_machine("here")
    artifact = make_imported_artifact(here)
    for key, data in {
        "entries/a00000000aa.json": b"no manifest",
        "entries/a00000000ab.json": here.entries.store.get(f"entries/{artifact.id}.json"),
        "entries/readme.txt": b"hello",
        "documents/a00000000ac/marks.json/000000001": b"{}",
        f"documents/{artifact.id}/notes.txt/000000001": b"{}",
        f"documents/{artifact.id}/marks.json/readme": b"{}",
        "aliases/champion/000000001": b"no change",
        "aliases/9 bad name/000000001": b"{}",
    }.items():
        assert here.entries.store.put_if_absent(key, data)
    there = open_machine("there", database_url=team_database())
    assert there.ids() == sorted([artifact.id, artifact.run])
    assert (there.aliases(), [entry.id for entry in there.find()]) == ({}, [artifact.id])
    assert there.set_alias("champion", artifact.id) is None
    assert there.aliases() == {"champion": artifact.id}
    foreign = {row.id: row.state for row in verify_entries(there) if not row.is_intact}
    assert foreign == {"a00000000aa": "foreign", "a00000000ab": "foreign"}


def test_broken_annotations_hide_no_artifact(open_machine: MachineOpener):
    here = open_machine("here")
    artifact = make_artifact(here, make_run(here))
    here.entries.store.put_if_absent(f"documents/{artifact.id}/marks.json/000000001", b"broken")
    here.rebuild_catalog()
    assert [entry.id for entry in here.find()] == [artifact.id]
    assert {row.id: row.state for row in verify_entries(here)}[artifact.id] == "unreadable-record"


def test_wrong_credentials_are_said(open_machine: MachineOpener, s3_variables: None, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(StorageFailed, match="no such bucket"):
        open_machine(store_url="s3://nobody-made-this/roundtrip")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/none")
    with pytest.raises(StorageFailed):
        open_machine(store_url="s3://models/roundtrip")


def test_database_that_is_lost_in_the_middle_is_said(open_machine: MachineOpener, team_settings, postgresql: str):
    here = open_machine()
    artifact = make_imported_artifact(here)
    name = team_settings.database_url.partition("?")[0].rpartition("/")[2]
    execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)")
    for asked in (here.find, here.runs, lambda: here.artifact(artifact.id), lambda: make_run(here)):
        with pytest.raises(StorageFailed, match="database"):
            asked()
    execute(postgresql, f"CREATE DATABASE {name}")
    again = open_machine()
    assert [entry.id for entry in again.find()] == [artifact.id]


def test_entry_deleted_elsewhere_is_unknown_here(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_imported_artifact(here)
    assert there.has(artifact.id)
    here.remove(artifact.id)
    here.empty_trash(0)
    with pytest.raises(UnknownName):
        there.verified_folder(artifact.id)
    with pytest.raises(InputError):
        there.annotate(artifact.id, note="too late")


def test_half_of_an_import_is_no_entry_of_a_migration(open_machine: MachineOpener, kill_at, monkeypatch, tmp_path):
    here = open_machine("here")
    kept = make_imported_artifact(here)
    kill_at(Manifests, "put", 2)
    with pytest.raises(Killed):
        make_imported_artifact(here)
    monkeypatch.undo()
    back = Library(tmp_path / "back")
    assert migrate_from_store(back, open_object_store(here.entries.store.address)).is_complete
    assert back.ids() == sorted([kept.id, kept.run])


def test_store_that_refuses_to_be_written_keeps_what_it_has(open_machine: MachineOpener, monkeypatch):
    here = open_machine("here")
    artifact = make_imported_artifact(here)

    def refuse(self, key: str, data: bytes) -> bool:
        raise translate_store_error("PermissionDenied: AccessDenied", self.address)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put_if_absent", refuse)
        changes = (
            lambda: make_run(here),
            lambda: here.annotate(artifact.id, note="new"),
            lambda: here.set_alias("champion", artifact.id),
            lambda: here.remove(artifact.id),
        )
        for change in changes:
            with pytest.raises(StorageFailed, match="refuses this to these credentials"):
                change()
    assert (here.ids(), here.aliases()) == (sorted([artifact.id, artifact.run]), {})
    assert here.annotations(artifact.id).note == ""
    assert list((here.home / "staging").iterdir()) == []
    assert here.entries.rows.catch_up() >= 0
    assert here.find() == here.find_on_disk()


def test_manifest_of_a_newer_version_takes_nothing_from_others(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_imported_artifact(here)
    key = f"entries/{artifact.id}.json"
    newer = here.entries.store.get(key).replace(b'"schema": 1', b'"schema": 2')
    break_object(here, key, newer)
    there.rebuild_catalog()
    assert [entry.id for entry in here.find()] == [artifact.id]
    here.verify(artifact.id)
    with pytest.raises(UnreadableRecord, match="schema 2"):
        open_machine("elsewhere").verified_folder(artifact.id)


def test_folder_of_a_finished_job_is_an_entry_like_others(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there")
    with here.staging() as staged:
        (staged / "j" / "answers").mkdir(parents=True)
        (staged / "j" / "job.json").write_text("{}")
        (staged / "j" / "answers" / "rows-0000000000.npz").write_bytes(b"rows")
        here.entries.commit({"j0123456789": staged / "j"}, unfenced)
    assert (there.entries.ids("j"), there.ids(), there.find()) == (["j0123456789"], [], [])
    folder = there.entries.locate("j0123456789")
    assert folder == there.home / "jobs" / "j0123456789"
    assert [path.name for path in folder.iterdir()] == ["job.json"]
    there.entries.fetch("j0123456789", ["answers"])
    assert (folder / "answers" / "rows-0000000000.npz").read_bytes() == b"rows"
    assert there.entries.delete("j0123456789")
    assert (here.entries.locate("j0123456789"), folder.exists()) == (None, False)
