"""Keep, find, remove, restore, verify; and what a kill or a full disk in the middle leaves behind."""

import pytest

from core.compare import Verdict
from core.errors import UnknownName
from core.library import Library
from tests.factories.library_entries import make_artifact, make_run


def artifact_ids(library: Library) -> list[str]:
    return sorted(entry.id for entry in library.find())


# What was kept is there


def test_a_new_library_is_empty(empty_library):
    assert (empty_library.find(), empty_library.runs(), empty_library.trash_ids(), empty_library.ids()) == (
        [],
        [],
        [],
        [],
    )


def test_committed_run_is_read_completely(empty_library, run):
    again = Library(empty_library.home)
    assert [item.id for item in again.runs()] == [run.id]
    assert again.run(run.id) == run
    assert [entry.path for entry in run.files] == ["history.csv", "reference.npz", "snapshot/variables.npz"]
    assert again.reference(run.id).predictions["y"].tolist() == [0.0, 2.0, 4.0, 6.0]
    assert again.snapshot(run.id) == empty_library.home / "runs" / run.id / "snapshot"
    again.verify(run.id)


def test_history_gives_none_for_nonfinite_number(empty_library, run):
    assert empty_library.history(run.id) == [
        {"epoch": 1.0, "loss": 2.5, "accuracy": 0.25},
        {"epoch": 2.0, "loss": None, "accuracy": 0.5},
    ]


def test_committed_artifact_is_listed_with_its_facts(empty_library, run, artifact):
    entry = empty_library.find()[0]
    assert (entry.id, entry.run, entry.run_name) == (artifact.id, run.id, run.name)
    assert (entry.demo, entry.format, entry.bytes) == ("digits-mlp", "keras", 30)
    assert (entry.verdict, entry.needs_code, entry.problem) == ("bit-identical", False, None)


def test_artifact_files_are_exactly_those_written(empty_library, artifact):
    folder = empty_library.verified_folder(artifact.id)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "model.bin",
        "variables/data",
    ]
    assert (folder / "model.bin").read_bytes() == b"0123456789"
    assert list((empty_library.home / "staging").iterdir()) == []


def test_evidence_round_trips(empty_library, artifact):
    evidence = empty_library.evidence(artifact.id)
    assert (evidence.best.verdict, evidence.best.rows, evidence.with_code) == (Verdict.BIT_IDENTICAL, 4, None)


def test_search_takes_every_word_in_any_field(empty_library):
    plain, custom = make_run(empty_library), make_run(empty_library, demo="digits-custom", name="A layer of 100 % ours")
    first, second = make_artifact(empty_library, plain, "keras"), make_artifact(empty_library, custom, "h5")
    assert [entry.id for entry in empty_library.find("digits h5")] == [second.id]
    assert [entry.id for entry in empty_library.find("KERAS")] == [first.id]
    assert [entry.id for entry in empty_library.find("100 %")] == [second.id]
    assert empty_library.find("_____") == []
    assert [entry.id for entry in empty_library.find(demos=["digits-mlp"])] == [first.id]
    assert [entry.id for entry in empty_library.find(formats=["h5", "weights"])] == [second.id]
    assert empty_library.find("h5", demos=["digits-mlp"]) == []


def test_find_lists_newest_first(empty_library, run):
    stored = [make_artifact(empty_library, run).id for _ in range(3)]
    stamps = {id_: empty_library.artifact(id_).created for id_ in stored}
    assert [entry.created for entry in empty_library.find()] == sorted(stamps.values(), reverse=True)


# Remove and restore


def test_removed_artifact_is_in_trash_and_restored_completely(empty_library, artifact):
    assert empty_library.remove(artifact.id) == [artifact.id]
    assert (artifact_ids(empty_library), empty_library.trash_ids()) == ([], [artifact.id])
    with pytest.raises(UnknownName):
        empty_library.artifact(artifact.id)
    assert empty_library.restore(artifact.id) == [artifact.id]
    assert (artifact_ids(empty_library), empty_library.trash_ids()) == ([artifact.id], [])
    empty_library.verify(artifact.id)


def test_remove_run_removes_only_its_artifacts(empty_library, run, artifact):
    other = make_artifact(empty_library, make_run(empty_library))
    assert sorted(empty_library.remove(run.id)) == sorted([artifact.id, run.id])
    assert artifact_ids(empty_library) == [other.id]


def test_restore_artifact_restores_its_run(empty_library, run, artifact):
    empty_library.remove(run.id)
    assert empty_library.restore(artifact.id) == [run.id, artifact.id]
    assert (artifact_ids(empty_library), empty_library.trash_ids()) == ([artifact.id], [])
    empty_library.verify(run.id)


def test_restore_of_entry_outside_trash_raises_unknown_name(empty_library, artifact):
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        empty_library.restore(artifact.id)


@pytest.mark.parametrize(
    "id_",
    [
        "../../etc",
        "..",
        "",
        "/etc/passwd",
        "a/../a000000000",
        "a" * 11,
        "r0123456789/..",
        "a0123456789\n",
        "A0123456789",
    ],
)
def test_invalid_id_never_becomes_a_path(empty_library, id_):
    for use in (
        empty_library.run,
        empty_library.artifact,
        empty_library.evidence,
        empty_library.verified_folder,
        empty_library.snapshot,
        empty_library.reference,
        empty_library.history,
        empty_library.verify,
        empty_library.remove,
        empty_library.restore,
    ):
        with pytest.raises(UnknownName) as caught:
            use(id_)
        assert caught.value.received == id_


def test_id_of_wrong_kind_raises_unknown_name(empty_library, run, artifact):
    with pytest.raises(UnknownName):
        empty_library.run(artifact.id)
    with pytest.raises(UnknownName):
        empty_library.artifact(run.id)


def test_run_names_number_equal_ones_and_follow_every_change(empty_library):
    runs = [make_run(empty_library, name=name).id for name in ("a run", "other", "a run")]
    assert empty_library.run_names() == {runs[0]: "a run", runs[1]: "other", runs[2]: "a run #2"}
    empty_library.annotate(runs[0], name="renamed")
    assert empty_library.run_names()[runs[2]] == "a run"
    empty_library.remove(runs[1])
    assert set(empty_library.run_names()) == {runs[0], runs[2]}
