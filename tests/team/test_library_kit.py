"""What a library promises, the same wherever its entries are kept: in a folder, or in a store that a team shares."""

import pytest

from core.errors import InputError, UnknownName
from core.health import rebuild_catalog, repair_library, verify_entries
from core.library import Library, Query
from core.library.lineage import trace_lineage
from core.library.permissions import Viewer
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run

ADA, BO = Viewer("pada", "Ada"), Viewer("pbo", "Bo")


def test_library_gives_what_was_committed(any_library: Library):
    run = make_run(any_library)
    artifact = make_artifact(any_library, run)
    assert any_library.run(run.id) == run
    assert any_library.artifact(artifact.id) == artifact
    assert any_library.evidence(artifact.id).best.verdict.value == "bit-identical"
    assert any_library.reference(run.id).rows == 4
    assert any_library.history(run.id)[0]["loss"] == 2.5
    assert (any_library.snapshot(run.id) / "variables.npz").read_bytes() == b"values"
    assert (any_library.verified_folder(artifact.id) / "variables" / "data").read_bytes() == b"0123456789" * 2
    assert any_library.verified_file(artifact.id, "model.bin").bytes == 10


def test_library_lists_what_was_committed(any_library: Library):
    run, imported = make_run(any_library, name="Mine"), make_imported_artifact(any_library)
    artifact = make_artifact(any_library, run, "h5")
    assert {entry.id for entry in any_library.find()} == {artifact.id, imported.id}
    assert [entry.id for entry in any_library.find("mine")] == [artifact.id]
    assert any_library.page(Query(formats=("h5",))).total == 1
    assert {run.id for run in any_library.runs()} == {run.id, imported.run}
    assert any_library.run_names()[run.id] == "Mine"
    assert any_library.ids() == sorted([run.id, artifact.id, imported.id, imported.run])
    assert any_library.artifacts_of(run.id) == [artifact.id]
    assert any_library.find() == any_library.find_on_disk()


def test_annotations_are_listed_and_read_again(any_library: Library):
    run = make_run(any_library)
    artifact = make_artifact(any_library, run)
    any_library.annotate(artifact.id, note="as of monday", pinned=True)
    any_library.tag([artifact.id], ["nightly"])
    any_library.annotate(run.id, name="Renamed")
    (entry,) = any_library.find("monday")
    assert (entry.run_name, entry.tags, entry.pinned) == ("Renamed", ("nightly",), True)
    assert any_library.run_names() == {run.id: "Renamed"}
    assert any_library.annotations(artifact.id).note == "as of monday"
    assert any_library.count_tags() == {"nightly": 1}
    with pytest.raises(InputError, match="has at most"):
        any_library.annotate(artifact.id, note="x" * 30_000)
    assert any_library.find() == any_library.find_on_disk()


def test_aliases_move_and_remember_where_they_pointed(any_library: Library):
    run = make_run(any_library)
    first, second = (make_artifact(any_library, run, content=content) for content in (b"1", b"2"))
    ada = any_library.for_viewer(ADA)
    assert ada.set_alias("champion", first.id) is None
    assert any_library.set_alias("champion", second.id) == first.id
    any_library.set_alias("other", second.id)
    assert any_library.resolve("champion") == second.id
    assert [entry.id for entry in any_library.find("champion")] == [second.id]
    assert any_library.drop_alias("champion") == second.id
    assert any_library.aliases() == {"other": second.id}
    changes = any_library.alias_history("champion")
    assert [(change.artifact, change.set_by) for change in changes] == [(None, ""), (second.id, ""), (first.id, "Ada")]
    with pytest.raises(UnknownName):
        any_library.drop_alias("champion")


def test_trash_takes_gives_back_and_is_emptied(any_library: Library):
    run = make_run(any_library)
    kept, gone = (make_artifact(any_library, run, content=content) for content in (b"1", b"2"))
    any_library.set_alias("champion", kept.id)
    with pytest.raises(InputError, match="'champion' points to it"):
        any_library.remove(run.id)
    assert any_library.remove(gone.id) == [gone.id]
    assert [trashed.entry.id for trashed in any_library.trashed_entries()] == [gone.id]
    assert [entry.id for entry in any_library.find()] == [kept.id]
    with pytest.raises(UnknownName):
        any_library.artifact(gone.id)
    assert any_library.restore(gone.id) == [gone.id]
    any_library.verify(gone.id)
    assert len(any_library.find()) == 2
    any_library.remove(gone.id)
    assert any_library.empty_trash(0) == [gone.id]
    assert (any_library.trash_ids(), any_library.find_folder(gone.id)) == ([], None)
    assert any_library.find() == any_library.find_on_disk()


def test_removed_run_takes_its_copies_and_comes_back_with_one(any_library: Library):
    run = make_run(any_library)
    artifacts = {make_artifact(any_library, run, content=content).id for content in (b"1", b"2")}
    assert set(any_library.remove(run.id)) == {run.id, *artifacts}
    assert any_library.ids() == []
    one = sorted(artifacts)[0]
    assert any_library.restore(one) == [run.id, one]
    assert any_library.ids() == sorted([run.id, one])


def test_lineage_names_what_is_in_the_trash_and_what_is_gone(any_library: Library):
    run = make_run(any_library)
    parent = make_artifact(any_library, run)
    with any_library.staging() as staged:
        (staged / "files").mkdir()
        (staged / "files" / "model.bin").write_bytes(b"9")
        evidence = any_library.evidence(parent.id)
        facts = {"format": "h5", "seconds": 0.1, "made_from": parent.id}
        child = any_library.commit_artifact(staged, run.id, evidence, **facts)
    assert any_library.conversions_of(parent.id) == [child.id]
    any_library.remove(parent.id)
    assert [step.state for step in trace_lineage(any_library, child.id).made_from] == ["in the trash"]
    any_library.empty_trash(0)
    assert [step.state for step in trace_lineage(any_library, child.id).made_from] == ["gone"]


def test_refusals_are_kept_until_the_format_accepts(any_library: Library):
    run = make_run(any_library)
    refusal = {"created": "2026-11-30T00:00:00+00:00", "error": {"code": "error"}}
    any_library.record_refusals(run.id, {"onnx": refusal, "h5": refusal}, [])
    any_library.record_refusals(run.id, {}, ["h5"])
    assert any_library.refusals(run.id) == {"onnx": refusal}


def test_what_one_person_keeps_is_not_there_for_another(any_library: Library):
    ada, bo = any_library.for_viewer(ADA), any_library.for_viewer(BO)
    run = make_run(ada)
    artifact = make_artifact(ada, run)
    assert (bo.find(), bo.runs(), bo.ids(), bo.has(artifact.id)) == ([], [], [], False)
    with pytest.raises(UnknownName):
        bo.verified_folder(artifact.id)
    ada.annotate(artifact.id, shared=True)
    assert [entry.id for entry in bo.find()] == [artifact.id]
    with pytest.raises(InputError, match="another person's"):
        bo.annotate(artifact.id, note="mine")


def test_rebuilt_catalog_and_repair_say_nothing_new(any_library: Library):
    run = make_run(any_library)
    artifact = make_artifact(any_library, run)
    any_library.annotate(artifact.id, tags=["nightly"])
    any_library.set_alias("champion", artifact.id)
    before = any_library.find()
    assert rebuild_catalog(any_library).differences == []
    assert any_library.find() == before
    assert any_library.aliases() == {"champion": artifact.id}
    assert repair_library(any_library) == []
    assert [(row.id, row.state) for row in verify_entries(any_library)] == [
        (id_, "intact") for id_ in sorted([run.id, artifact.id])
    ]


def test_missing_files_are_named_without_being_read(any_library: Library):
    run = make_run(any_library)
    artifact = make_artifact(any_library, run)
    assert (any_library.find_missing(run.id), any_library.find_missing(artifact.id)) == ([], [])
    if any_library.entries.is_shared:
        store = any_library.entries.store
        (file,) = (file for file in artifact.files if file.path == "model.bin")
        assert store.delete(f"contents/{file.sha256[:2]}/{file.sha256}")
    else:
        (any_library.folder(artifact.id) / "files" / "model.bin").write_bytes(b"1")
    assert any_library.find_missing(artifact.id) == ["model.bin"]


def test_commit_behind_a_closed_fence_leaves_nothing(any_library: Library):
    def closed():
        raise InputError("This attempt is over.")

    with pytest.raises(InputError, match="over"):
        make_imported_artifact(any_library.with_fence(closed))
    assert (any_library.ids(), any_library.find()) == ([], [])
