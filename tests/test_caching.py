"""Caches: bounded, least recently used first out, never a value whose file or stamp has changed."""

import os
import threading

import numpy as np
import pytest
from pydantic import BaseModel

from core.caching import RecordCache, ResultCache, StampedCache
from core.errors import UnreadableRecord
from core.library.annotation_files import Annotations


def write_annotations_file(path, note):
    path.write_text(Annotations(note=note).to_json_text(), encoding="utf-8")
    return path


def test_record_cache_reads_unchanged_file_once(tmp_path):
    cache, path = RecordCache(10_000, "test"), write_annotations_file(tmp_path / "marks.json", "one")
    assert cache.get(Annotations.read, path) is cache.get(Annotations.read, path)


def test_record_cache_reads_changed_file_again(tmp_path):
    cache, path = RecordCache(10_000, "test"), write_annotations_file(tmp_path / "marks.json", "one")
    cache.get(Annotations.read, path)
    os.replace(write_annotations_file(tmp_path / "beside.json", "two"), path)
    assert cache.get(Annotations.read, path).note == "two"
    write_annotations_file(path, "three, and longer")
    assert cache.get(Annotations.read, path).note == "three, and longer"


def test_record_cache_of_missing_or_broken_file_raises(tmp_path):
    cache, path = RecordCache(10_000, "test"), write_annotations_file(tmp_path / "marks.json", "one")
    cache.get(Annotations.read, path)
    path.unlink()
    with pytest.raises(UnreadableRecord):
        cache.get(Annotations.read, path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableRecord):
        cache.get(Annotations.read, path)


def test_record_cache_evicts_beyond_its_byte_limit(tmp_path):
    paths = [write_annotations_file(tmp_path / f"{number}.json", f"note {number}") for number in range(5)]
    cache = RecordCache(3 * paths[0].stat().st_size, "test")
    first = [cache.get(Annotations.read, path) for path in paths]
    assert [cache.get(Annotations.read, path) is item for path, item in zip(paths[2:], first[2:], strict=True)] == [
        True
    ] * 3
    assert cache.get(Annotations.read, paths[0]).note == "note 0"
    assert cache.get(Annotations.read, paths[0]) is not first[0]


def test_record_cache_evicts_least_recently_used(tmp_path):
    paths = [write_annotations_file(tmp_path / f"{number}.json", f"note {number}") for number in range(4)]
    cache = RecordCache(3 * paths[0].stat().st_size, "test")
    first = [cache.get(Annotations.read, path) for path in paths[:3]]
    assert cache.get(Annotations.read, paths[0]) is first[0]
    cache.get(Annotations.read, paths[3])
    assert cache.get(Annotations.read, paths[0]) is first[0]
    assert cache.get(Annotations.read, paths[1]) is not first[1]


def test_record_cache_does_not_store_larger_record(tmp_path):
    small, large = (write_annotations_file(tmp_path / f"{size}.json", "x" * size) for size in (1, 1000))
    cache = RecordCache(small.stat().st_size, "test")
    stored = cache.get(Annotations.read, small)
    assert cache.get(Annotations.read, large) is not cache.get(Annotations.read, large)
    assert cache.get(Annotations.read, small) is stored


def test_record_cache_forgets_record_that_grew_too_large(tmp_path):
    path = write_annotations_file(tmp_path / "marks.json", "one")
    cache = RecordCache(path.stat().st_size, "test")
    cache.get(Annotations.read, path)
    write_annotations_file(path, "two, and too large")
    assert [cache.get(Annotations.read, path).note for _ in range(2)] == ["two, and too large"] * 2


def test_record_cache_sees_replacement_of_same_size_and_time(tmp_path):
    path, other = (write_annotations_file(tmp_path / name, name) for name in ("a.json", "b.json"))
    cache, before = RecordCache(10_000, "test"), path.stat()
    text = path.read_text(encoding="utf-8").replace("a.json", "c.json")
    cache.get(Annotations.read, path)
    other.write_text(text, encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert cache.get(Annotations.read, path).note == "c.json"


class Text(BaseModel):
    text: str


def test_result_cache_is_limited_by_count_and_size():
    cache, made = ResultCache(), []

    def compute(name: str, length: int = 1) -> Text:
        return cache.get_or_compute((name,), lambda: made.append(name) or Text(text="x" * length))

    compute("small"), compute("small"), compute("large", 10 * 2**20), compute("small")
    assert made == ["small", "large"]
    compute("as large", 10 * 2**20), compute("as large"), compute("small"), compute("large", 10 * 2**20)
    assert made == ["small", "large", "as large", "large"]
    compute("larger than all", 20 * 2**20), compute("larger than all"), compute("small")
    assert made[4:] == ["larger than all"] * 2
    for number in range(70):
        compute(str(number))
    compute("69"), compute("0")
    assert made[-2:] == ["69", "0"]


def test_result_cache_counts_array_bytes():
    cache, made = ResultCache(), []
    for name in ("a", "b", "a"):
        cache.get_or_compute(name, lambda name=name: (made.append(name), np.zeros(9 * 2**20, "uint8")))
    assert made == ["a", "b", "a"]


def test_result_cache_returns_read_only_arrays():
    cache = ResultCache()
    results = [cache.get_or_compute("picture", lambda: (Text(text=""), np.zeros(3))) for _ in range(2)]
    assert results[0] is results[1]
    with pytest.raises(ValueError, match="read-only"):
        results[0][1][0] = 1


def test_stamped_cache_computes_again_after_a_new_stamp():
    cache, made = StampedCache(2, "test"), []
    for stamp in (1, 1, 2, None, None, 1):
        cache.get_or_compute("key", lambda stamp=stamp: made.append(stamp), stamp)
    assert made == [1, 2, None, None, 1]


def test_stamped_cache_stores_nothing_after_an_error():
    cache = StampedCache(2, "test")
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compute("key", lambda: 1 // 0)
    assert cache.get_or_compute("key", lambda: 2) == 2


def test_stamped_cache_is_shared_by_threads():
    cache, wrong = StampedCache(4, "test"), []

    def use(thread: int) -> None:
        for turn in range(2000):
            key = (thread + turn) % 9
            if cache.get_or_compute(key, lambda key=key: key * key) != key * key:
                wrong.append(key)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
