"""A library that goes into a store and comes back is the same library; what is broken on the way is said."""

import hashlib
import json

import pytest

from core.errors import Cancelled, InputError
from core.inputs import Inputs
from core.library import Library
from core.library.job_store import Job, JobStore
from core.library.permissions import Viewer
from core.migration import Migration, migrate_from_store, migrate_to_store
from core.object_store import ObjectStore, open_object_store
from core.queue import JobFiles, job_rows
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.helpers import run_command

STORED = ("runs", "artifacts", "inputs", "trash", "jobs")


@pytest.fixture
def store() -> ObjectStore:
    return open_object_store("memory:///")


@pytest.fixture
def full_library(empty_library: Library) -> Library:
    """Runs, artifacts with annotations, an entry in the trash, inputs, jobs, and an alias that moved."""
    run = make_run(empty_library)
    first, second, removed = (make_artifact(empty_library, run, content=bytes([at]) * 9) for at in range(3))
    make_imported_artifact(empty_library)
    empty_library.annotate(first.id, note="the good one", tags=["best"])
    empty_library.set_alias("champion", first.id)
    empty_library.for_viewer(Viewer("p1", "Ada")).set_alias("champion", second.id)
    empty_library.record_refusals(run.id, {"onnx": {"created": "2026-01-01", "error": {"sentence": "no"}}}, [])
    empty_library.remove(removed.id)
    (empty_library.home / "inputs").mkdir(exist_ok=True)
    Inputs(empty_library.home).add_held_out(empty_library, run.id)
    jobs = JobStore(empty_library.home / "jobs", 9)
    jobs.create(Job(id="j0000000001", kind="compare", title="Comparison", state="done", result={"rows": 4}))
    (empty_library.home / "jobs" / "j0000000001" / "answers").mkdir()
    (empty_library.home / "jobs" / "j0000000001" / "answers" / "1.npy").write_bytes(b"numbers")
    return empty_library


def read_files(library: Library) -> dict[str, str]:
    """The hash of every file that a library stores, by path."""
    paths = [path for name in STORED for path in sorted((library.home / name).rglob("*")) if path.is_file()]
    return {path.relative_to(library.home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def states(migration: Migration) -> set[str]:
    return {entry.state for entry in migration.entries}


@pytest.mark.parametrize("kind", ["memory", "folder", "s3", pytest.param("azure", marks=pytest.mark.long)])
def test_library_comes_back_from_every_store_as_it_went(full_library, tmp_path, request, kind):
    address = {"memory": "memory:///", "folder": f"file://{tmp_path}/team"}.get(kind)
    make = {"s3": "make_bucket", "azure": "make_container"}.get(kind)
    store = open_object_store(address or request.getfixturevalue(make)(), makes_folder=True)
    there = migrate_to_store(full_library, store)
    other = Library(tmp_path / "other")
    back = migrate_from_store(other, store)
    assert (states(there), states(back), there.is_complete, back.is_complete) == ({"brought"}, {"brought"}, True, True)
    assert sorted(entry.id for entry in there.entries) == sorted(entry.id for entry in back.entries)
    assert read_files(other) == read_files(full_library)
    assert (other.find(), other.trashed_entries()) == (full_library.find(), full_library.trashed_entries())
    assert other.aliases() == full_library.aliases()
    assert other.alias_history() == full_library.alias_history()
    for id_ in other.ids():
        other.verify(id_)


def test_second_time_finds_everything_there(full_library, store, tmp_path):
    first = migrate_to_store(full_library, store)
    keys = store.list_keys("")
    second = migrate_to_store(full_library, store)
    assert (first.alias_changes, second.alias_changes, states(second)) == (2, 0, {"present"})
    assert (store.list_keys(""), [entry.bytes for entry in second.entries]) == (keys, [e.bytes for e in first.entries])
    other = Library(tmp_path / "other")
    migrate_from_store(other, store)
    assert states(migrate_from_store(other, store)) == {"present"}


def test_equal_files_of_several_entries_are_stored_once(full_library, store):
    migrate_to_store(full_library, store)
    hashes = set(read_files(full_library).values())
    assert len(store.list_keys("contents")) < len(read_files(full_library))
    assert {key.rpartition("/")[2] for key in store.list_keys("contents")} <= hashes


def test_what_was_changed_since_is_brought_by_itself(full_library, store, tmp_path):
    migrate_to_store(full_library, store)
    other = Library(tmp_path / "other")
    migrate_from_store(other, store)
    artifact = full_library.resolve("champion")
    full_library.annotate(artifact, note="changed")
    full_library.set_alias("champion", full_library.find("the good one")[0].id)
    trashed = full_library.trash_ids()[0]
    full_library.restore(trashed)
    again = migrate_to_store(full_library, store)
    assert {entry.id for entry in again.entries if entry.state == "brought"} == {artifact, trashed}
    assert again.alias_changes == 1
    migrate_from_store(other, store)
    assert other.alias_history() == full_library.alias_history()
    assert other.annotations(artifact).note == ""  # what lies there already keeps its own


@pytest.mark.parametrize("calls", [1, 3, 8])
def test_cancelled_on_the_way_leaves_whole_entries_and_goes_on(full_library, store, tmp_path, calls):
    count = iter(range(1000))
    with pytest.raises(Cancelled, match="what was brought until then stays"):
        migrate_to_store(full_library, store, is_cancelled=lambda: next(count) >= calls)
    half = Library(tmp_path / "half")
    migrate_from_store(half, store)
    for id_ in half.ids():
        half.verify(id_)
    assert states(migrate_to_store(full_library, store)) <= {"brought", "present"}
    count = iter(range(1000))
    other = Library(tmp_path / "other")
    with pytest.raises(Cancelled):
        migrate_from_store(other, store, is_cancelled=lambda: next(count) >= calls)
    assert not list((other.home / "staging").iterdir())
    migrate_from_store(other, store)
    assert read_files(other) == read_files(full_library)


def test_damaged_file_is_brought_as_it_is_and_stays_known_as_damaged(full_library, store, tmp_path):
    artifact = full_library.resolve("champion")
    path = full_library.home / "artifacts" / artifact / "files" / "model.bin"
    path.write_bytes(bytes(len(path.read_bytes())))
    migrate_to_store(full_library, store)
    other = Library(tmp_path / "other")
    assert migrate_from_store(other, store).is_complete
    assert read_files(other) == read_files(full_library)
    assert hashlib.sha256(path.read_bytes()).hexdigest() != full_library.artifact(artifact).files[0].sha256


def test_other_entry_under_the_same_id_is_refused_and_untouched(full_library, store, tmp_path):
    artifact = full_library.resolve("champion")
    migrate_to_store(full_library, store)
    other = Library(tmp_path / "other")
    migrate_from_store(other, store)
    for library in (full_library, other):
        (library.home / "artifacts" / artifact / "files" / "more.bin").write_bytes(b"more")
    before = read_files(other)
    there, back = migrate_to_store(full_library, store), migrate_from_store(other, store)
    for migration, place in ((there, "The store"), (back, "The library")):
        (failed,) = [entry for entry in migration.entries if entry.state == "failed"]
        assert (failed.id, migration.is_complete) == (artifact, False)
        assert failed.sentence.startswith(f"{place} has another entry under this id")
    assert read_files(other) == before


def test_contents_that_lie_there_broken_are_found_and_put_anew(full_library, store, tmp_path):
    model = full_library.artifact(full_library.resolve("champion")).files[0]
    store.claim()
    store.put_if_absent(f"contents/{model.sha256[:2]}/{model.sha256}", b"x" * model.bytes)  # of a writer that was cut
    assert migrate_to_store(full_library, store).is_complete
    other = Library(tmp_path / "other")
    assert migrate_from_store(other, store).is_complete
    assert read_files(other) == read_files(full_library)


def test_older_note_never_takes_the_place_of_a_newer(full_library, store, tmp_path):
    artifact, other = full_library.resolve("champion"), Library(tmp_path / "other")
    migrate_to_store(full_library, store)
    migrate_from_store(other, store)
    full_library.annotate(artifact, note="newer")
    migrate_to_store(full_library, store)
    assert migrate_to_store(other, store).is_complete  # it knows the older, which it did not change
    other.annotate(artifact, note="another")
    (failed,) = [entry for entry in migrate_to_store(other, store).entries if entry.state == "failed"]
    assert (failed.id, failed.sentence[:55]) == (artifact, "marks.json was changed both here and in the store; the ")
    third = Library(tmp_path / "third")
    migrate_from_store(third, store)
    assert third.annotations(artifact).note == "newer"


def test_what_a_library_never_had_is_not_removed_from_the_store(full_library, store, tmp_path):
    artifact = full_library.find("the good one")[0].id
    full_library.annotate(artifact, note="")
    bare = Library(tmp_path / "bare")
    migrate_to_store(full_library, store)
    migrate_from_store(bare, store)
    (bare.home / "artifacts" / artifact / "marks.json").unlink()
    for path in (bare.home / "migrations").iterdir():
        path.unlink()  # so that it knows of no version
    assert migrate_to_store(bare, store).is_complete
    third = Library(tmp_path / "third")
    migrate_from_store(third, store)
    assert third.annotations(artifact).tags == ["best"]


def test_broken_entries_of_a_library_fail_alone(full_library, store):
    artifact, run = full_library.resolve("champion"), full_library.runs()[0].id
    (full_library.home / "artifacts" / artifact / "marks.json").write_bytes(b"\xff\xfe")
    (full_library.home / "runs" / run / "a\\b").write_text("")
    migration = migrate_to_store(full_library, store)
    assert {entry.id for entry in migration.entries if entry.state == "failed"} == {artifact, run}
    assert {entry.state for entry in migration.entries} == {"brought", "failed"}


def test_comparison_that_was_done_again_is_no_conflict(full_library, store, tmp_path):
    migrate_to_store(full_library, store)
    jobs = JobStore(full_library.home / "jobs", 9)
    jobs.create(Job(id="j0000000001", kind="compare", title="Comparison", state="done", result={"rows": 400}))
    assert migrate_to_store(full_library, store).is_complete
    assert migrate_from_store(full_library, store).is_complete


def test_alias_of_a_store_that_is_none_of_ours_is_passed_over(full_library, store, tmp_path):
    migrate_to_store(full_library, store)
    change = {"alias": "champion", "artifact": "../../etc", "before": None, "set_by": "x"}
    for name, more in (("best", {}), ("best", {"alias": "best"}), ("demo", {"alias": "demo", "artifact": None})):
        store.put_if_absent(f"aliases/{name}/00000000{len(more) + 1}", json.dumps(change | more).encode())
    store.put_if_absent("aliases/odd/000000001", b"\xff")
    other = Library(tmp_path / "other")
    migrate_from_store(other, store)
    assert other.aliases() == full_library.aliases()


def test_broken_objects_of_a_store_fail_alone(full_library, store, tmp_path):
    migrate_to_store(full_library, store)
    model = full_library.artifact(full_library.resolve("champion")).files[0].sha256
    store.put_stream(f"contents/{model[:2]}/{model}", [b"changed"])
    store.put_if_absent("entries/a00000000aa.json", b"{")
    store.put_if_absent("entries/a00000000ab.json", store.get(f"entries/{full_library.resolve('champion')}.json"))
    store.put_if_absent("aliases/broken/000000001", b"{")
    other = Library(tmp_path / "other")
    migration = migrate_from_store(other, store)
    failed = {entry.id: entry.sentence for entry in migration.entries if entry.state == "failed"}
    assert sorted(failed) == sorted(["a00000000aa", "a00000000ab", full_library.resolve("champion")])
    assert "SHA-256 differs" in failed[full_library.resolve("champion")]
    assert not (other.home / "artifacts" / full_library.resolve("champion")).exists()
    assert not list((other.home / "staging").iterdir())


def test_running_job_is_left_and_named(full_library, store):
    JobStore(full_library.home / "jobs", 9).create(Job(id="j0000000002", kind="save", title="Save", state="running"))
    migration = migrate_to_store(full_library, store)
    assert (migration.active_jobs, migration.is_complete) == (["j0000000002"], False)
    assert "j0000000002" not in [entry.id for entry in migration.entries]


def test_person_who_signed_in_cannot_migrate(full_library, store):
    for migrate in (migrate_to_store, migrate_from_store):
        with pytest.raises(InputError, match="a person who signed in cannot start it"):
            migrate(full_library.for_viewer(Viewer("p1")), store)


def test_command_migrates_both_ways(full_library, tmp_path, monkeypatch):
    address = f"file://{tmp_path}/team"
    monkeypatch.setattr("core.cli.console.Library", lambda: full_library)
    status, output, _ = run_command("migrate", "--to", address)
    assert (status, "0 were there already." in output) == (0, True)
    other = Library(tmp_path / "other")
    monkeypatch.setattr("core.cli.console.Library", lambda: other)
    status, output, _ = run_command("migrate", "--from", address, "--json")
    assert (status, {row["state"] for row in json.loads(output)["entries"]}) == (0, {"brought"})
    assert read_files(other) == read_files(full_library)
    assert run_command("migrate")[0] == run_command("migrate", "--to", address, "--from", address)[0] == 1
    assert run_command("migrate", "--from", f"file://{tmp_path}/nothing")[2].startswith(
        "There is no store of Roundtrip"
    )
    assert not (tmp_path / "nothing").exists()


def test_job_of_a_team_is_brought_under_its_own_id(store, tmp_path):
    made, files = tmp_path / "made", JobFiles(store)
    made.mkdir()
    (made / "rows.npz").write_bytes(b"rows")
    job = Job(id="j0000000001", kind="compare", title="Comparison", state="done", result={"rows": 4})
    records = {"job.json": job_rows.record_text(job), "result.json": job.model_dump_json(include={"result"})}
    store.claim()
    assert files.put_made(made, records) not in (None, job.id)
    library = Library(tmp_path / "library")
    assert states(migrate_from_store(library, store)) == {"brought"}
    assert [path.name for path in (library.home / "jobs").iterdir()] == [job.id]
    assert JobStore(library.home / "jobs", 9).read(job.id) == job
    assert states(migrate_from_store(library, store)) == {"present"}
