"""Records that are held in memory: given again without a look into the file, as long as nobody touched it."""

import os

import pytest

from core.caching import RecordCache
from core.errors import UnreadableRecord
from core.library.annotations import Annotations


def write_annotations_file(path, note):
    path.write_text(Annotations(note=note).to_json_text(), encoding="utf-8")
    return path


def test_record_cache_reads_unchanged_file_once(tmp_path):
    held, path = RecordCache(10_000), write_annotations_file(tmp_path / "marks.json", "one")
    assert held.get(Annotations.read, path) is held.get(Annotations.read, path)


def test_record_cache_reads_changed_file_again(tmp_path):
    held, path = RecordCache(10_000), write_annotations_file(tmp_path / "marks.json", "one")
    held.get(Annotations.read, path)
    os.replace(write_annotations_file(tmp_path / "beside.json", "two"), path)
    assert held.get(Annotations.read, path).note == "two"
    write_annotations_file(path, "three, and longer")
    assert held.get(Annotations.read, path).note == "three, and longer"


def test_record_cache_of_missing_or_broken_file_raises(tmp_path):
    held, path = RecordCache(10_000), write_annotations_file(tmp_path / "marks.json", "one")
    held.get(Annotations.read, path)
    path.unlink()
    with pytest.raises(UnreadableRecord):
        held.get(Annotations.read, path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableRecord):
        held.get(Annotations.read, path)


def test_record_cache_evicts_beyond_its_byte_limit(tmp_path):
    paths = [write_annotations_file(tmp_path / f"{number}.json", f"note {number}") for number in range(5)]
    held = RecordCache(3 * paths[0].stat().st_size)
    first = [held.get(Annotations.read, path) for path in paths]
    assert [held.get(Annotations.read, path) is one for path, one in zip(paths[2:], first[2:], strict=True)] == [
        True
    ] * 3
    assert held.get(Annotations.read, paths[0]).note == "note 0"
    assert held.get(Annotations.read, paths[0]) is not first[0]
