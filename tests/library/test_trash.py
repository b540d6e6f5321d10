"""The trash: what may go there, when it went, how it comes back, and what is deleted for good."""

import contextlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InputError, UnknownName
from core.library.storage import size_on_disk
from core.library.trash_folder import measure_disk_usage
from tests.factories.library_entries import make_artifact, make_run, set_removal_age


def test_remove_all_and_restore_many_artifacts(empty_library, run):
    stored = [make_artifact(empty_library, run).id for _ in range(4)]
    assert empty_library.remove_all(stored[:3]) == stored[:3]
    assert [entry.id for entry in empty_library.find()] == stored[3:]
    assert sorted(empty_library.trash_ids()) == sorted(stored[:3])
    for id_ in stored[:3]:
        empty_library.restore(id_)
        empty_library.verify(id_)
    assert sorted(entry.id for entry in empty_library.find()) == sorted(stored)
    assert list((empty_library.home / "artifacts").glob("*/removed.json")) == []


def test_remove_all_with_pinned_or_aliased_entry_removes_nothing(empty_library, run):
    free, pinned, named = (make_artifact(empty_library, run).id for _ in range(3))
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


def test_remove_all_with_unknown_id_removes_nothing(empty_library, artifact):
    with pytest.raises(UnknownName):
        empty_library.remove_all([artifact.id, "a0000000000"])
    assert empty_library.trash_ids() == []


def test_empty_trash_deletes_only_entries_of_age(empty_library, run):
    old, new = (make_artifact(empty_library, run).id for _ in range(2))
    empty_library.remove_all([old, new])
    set_removal_age(empty_library, old, 31)
    assert empty_library.empty_trash(30) == [old]
    assert empty_library.trash_ids() == [new]
    assert list((empty_library.home / "staging").iterdir()) == []
    with pytest.raises(UnknownName):
        empty_library.restore(old)


def test_empty_trash_leaves_pinned_entry(empty_library, artifact):
    empty_library.annotate(artifact.id, note="x")
    empty_library.remove(artifact.id)
    path = empty_library.home / "trash" / artifact.id / "marks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pinned": True}))
    assert empty_library.empty_trash(0) == []
    (thrown,) = empty_library.trashed_entries()
    assert (thrown.pinned, thrown.entry.id) == (True, artifact.id)


def test_missing_removal_record_is_dated_when_first_seen(empty_library, artifact):
    empty_library.remove(artifact.id)
    note = empty_library.home / "trash" / artifact.id / "removed.json"
    note.unlink()
    assert empty_library.empty_trash(1) == []
    assert note.is_file()
    set_removal_age(empty_library, artifact.id, 2)
    assert empty_library.empty_trash(1) == [artifact.id]


def test_trash_lists_last_removed_first_with_time(empty_library, run):
    first, second = (make_artifact(empty_library, run).id for _ in range(2))
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    empty_library.remove(first)
    empty_library.remove(second)
    assert empty_library.trash_ids() == [second, first]
    (only,) = empty_library.trashed_entries(limit=1)
    assert (only.entry.id, only.entry.bytes, 0 <= only.days_in_trash < 1) == (second, 30, True)
    assert datetime.fromisoformat(only.removed_at) >= began


def test_entry_deleted_while_listing_trash_is_skipped(empty_library, run, monkeypatch):
    gone, stored = (make_artifact(empty_library, run).id for _ in range(2))
    empty_library.remove_all([gone, stored])
    real, trash = os.scandir, empty_library.home / "trash"

    def late(folder):
        if folder != trash:
            return real(folder)
        entries = list(real(folder))
        shutil.rmtree(trash / gone, ignore_errors=True)
        return contextlib.nullcontext(entries)

    with monkeypatch.context() as patched:
        patched.setattr("core.library.local_entries.os.scandir", late)
        assert empty_library.trash_ids() == [stored]


@pytest.mark.parametrize("text", ['{"schema": 1, "created": "yesterday"}', "[" * 100_000, ""], ids=len)
def test_broken_removal_record_breaks_neither_list_nor_empty_trash(empty_library, artifact, text):
    empty_library.remove(artifact.id)
    (empty_library.home / "trash" / artifact.id / "removed.json").write_text(text)
    assert empty_library.empty_trash(1) == []
    (only,) = empty_library.trashed_entries()
    assert 0 <= only.days_in_trash < 1


def test_empty_trash_leaves_foreign_folder(empty_library):
    (empty_library.home / "trash" / "notes").mkdir()
    assert empty_library.empty_trash(0) == []
    assert (empty_library.home / "trash" / "notes").is_dir()


def test_disk_usage_is_sum_of_all_files(empty_library, artifact):
    other = make_artifact(empty_library, make_run(empty_library))
    empty_library.remove(other.id)
    (empty_library.home / "artifacts" / "link").symlink_to("/usr")
    result = measure_disk_usage(empty_library.home)
    files = [path for path in empty_library.home.rglob("*") if path.is_file() and not path.is_symlink()]
    link = empty_library.home / "artifacts" / "link"
    assert result.total == sum(path.stat().st_size for path in files) + link.lstat().st_size
    assert result.trash == size_on_disk(empty_library.home / "trash" / other.id) > 30
    assert (result.jobs, result.inputs, result.free > 0) == (0, 0, True)
