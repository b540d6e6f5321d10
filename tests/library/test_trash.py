"""The trash: what may go there, when it went, how it comes back, and what is deleted for good."""

import contextlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InputError, UnknownName
from core.library import Library
from core.library.trash import measure_disk_usage, size_on_disk
from tests.library.conftest import keep_artifact, keep_run


def removed_days_ago(library: Library, id_: str, days: float) -> None:
    path = library.home / "trash" / id_ / "removed.json"
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": then}))


def test_many_go_at_once_and_come_back_whole(empty_library, run):
    kept = [keep_artifact(empty_library, run).id for _ in range(4)]
    assert empty_library.remove_all(kept[:3]) == kept[:3]
    assert [entry.id for entry in empty_library.find()] == kept[3:]
    assert sorted(empty_library.trash_ids()) == sorted(kept[:3])
    for id_ in kept[:3]:
        empty_library.restore(id_)
        empty_library.verify(id_)
    assert sorted(entry.id for entry in empty_library.find()) == sorted(kept)
    assert list((empty_library.home / "artifacts").glob("*/removed.json")) == []


def test_what_is_pinned_or_has_an_alias_is_not_removed_and_nothing_with_it(empty_library, run):
    free, pinned, named = (keep_artifact(empty_library, run).id for _ in range(3))
    empty_library.annotate(pinned, pinned=True)
    empty_library.set_alias("champion", named)
    for ids, sentence in (
        ([free, pinned], "It is pinned, so it is not removed."),
        ([free, named], "The alias 'champion' points to it, so it is not removed."),
        ([run.id], "so it is not removed."),
    ):
        with pytest.raises(InputError) as caught:
            empty_library.remove_all(ids)
        assert caught.value.sentence.endswith(sentence)
        assert caught.value.cure
    assert (len(empty_library.find()), empty_library.trash_ids()) == (3, [])
    empty_library.annotate(pinned, pinned=False)
    empty_library.drop_alias("champion")
    assert len(empty_library.remove(run.id)) == 4


def test_a_removal_of_what_is_not_there_removes_nothing(empty_library, artifact):
    with pytest.raises(UnknownName):
        empty_library.remove_all([artifact.id, "a0000000000"])
    assert empty_library.trash_ids() == []


def test_only_what_has_lain_there_long_enough_is_deleted(empty_library, run):
    old, new = (keep_artifact(empty_library, run).id for _ in range(2))
    empty_library.remove_all([old, new])
    removed_days_ago(empty_library, old, 31)
    assert empty_library.empty_trash(30) == [old]
    assert empty_library.trash_ids() == [new]
    assert list((empty_library.home / "staging").iterdir()) == []
    with pytest.raises(UnknownName):
        empty_library.restore(old)


def test_what_is_pinned_in_the_trash_stays_there(empty_library, artifact):
    empty_library.annotate(artifact.id, note="x")
    empty_library.remove(artifact.id)
    path = empty_library.home / "trash" / artifact.id / "marks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pinned": True}))
    assert empty_library.empty_trash(0) == []
    (thrown,) = empty_library.trashed_entries()
    assert (thrown.pinned, thrown.entry.id) == (True, artifact.id)


def test_what_nobody_noted_the_time_of_counts_from_when_it_is_first_seen(empty_library, artifact):
    empty_library.remove(artifact.id)
    note = empty_library.home / "trash" / artifact.id / "removed.json"
    note.unlink()
    assert empty_library.empty_trash(1) == []
    assert note.is_file()
    removed_days_ago(empty_library, artifact.id, 2)
    assert empty_library.empty_trash(1) == [artifact.id]


def test_the_last_that_was_removed_is_first_and_says_when(empty_library, run):
    first, second = (keep_artifact(empty_library, run).id for _ in range(2))
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    empty_library.remove(first)
    empty_library.remove(second)
    assert empty_library.trash_ids() == [second, first]
    (only,) = empty_library.trashed_entries(limit=1)
    assert (only.entry.id, only.entry.bytes, 0 <= only.days_in_trash < 1) == (second, 30, True)
    assert datetime.fromisoformat(only.removed_at) >= began


def test_what_goes_while_the_trash_is_listed_stops_no_list(empty_library, run, monkeypatch):
    gone, kept = (keep_artifact(empty_library, run).id for _ in range(2))
    empty_library.remove_all([gone, kept])
    real, trash = os.scandir, empty_library.home / "trash"

    def late(folder):
        if folder != trash:
            return real(folder)
        entries = list(real(folder))
        shutil.rmtree(trash / gone, ignore_errors=True)
        return contextlib.nullcontext(entries)

    with monkeypatch.context() as patched:
        patched.setattr("core.library.trash.os.scandir", late)
        assert empty_library.trash_ids() == [kept]


@pytest.mark.parametrize("text", ['{"schema": 1, "created": "yesterday"}', "[" * 100_000, ""], ids=len)
def test_a_broken_note_of_the_time_stops_neither_the_list_nor_the_emptying(empty_library, artifact, text):
    empty_library.remove(artifact.id)
    (empty_library.home / "trash" / artifact.id / "removed.json").write_text(text)
    assert empty_library.empty_trash(1) == []
    (only,) = empty_library.trashed_entries()
    assert 0 <= only.days_in_trash < 1


def test_a_stranger_in_the_trash_is_left_alone(empty_library):
    (empty_library.home / "trash" / "notes").mkdir()
    assert empty_library.empty_trash(0) == []
    assert (empty_library.home / "trash" / "notes").is_dir()


def test_the_space_is_the_sum_of_all_files(empty_library, artifact):
    other = keep_artifact(empty_library, keep_run(empty_library))
    empty_library.remove(other.id)
    (empty_library.home / "artifacts" / "link").symlink_to("/usr")
    found = measure_disk_usage(empty_library.home)
    files = [path for path in empty_library.home.rglob("*") if path.is_file() and not path.is_symlink()]
    link = empty_library.home / "artifacts" / "link"
    assert found.total == sum(path.stat().st_size for path in files) + link.lstat().st_size
    assert found.trash == size_on_disk(empty_library.home / "trash" / other.id) > 30
    assert (found.jobs, found.inputs, found.free > 0) == (0, 0, True)
