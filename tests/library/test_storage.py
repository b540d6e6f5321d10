"""Files on disk: hashed, flushed, checked, and written whole or not at all."""

import errno
import hashlib
import os

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import Damaged, LibraryError, StorageFailed
from core.library import integrity, storage
from core.library.records import FileEntry


@pytest.fixture
def folder(tmp_path):
    """A folder with three files: two below it, one in a sub-folder, with an accent and a space in its name."""
    (tmp_path / "kept" / "variables").mkdir(parents=True)
    (tmp_path / "kept" / "b.bin").write_bytes(b"bb")
    (tmp_path / "kept" / "a.bin").write_bytes(b"")
    (tmp_path / "kept" / "variables" / "modèle 1.bin").write_bytes(bytes(range(256)))
    return tmp_path / "kept"


def test_hash_and_flush_lists_files_with_size_and_hash_in_order(folder):
    assert integrity.hash_and_flush(folder) == [
        FileEntry(path="a.bin", bytes=0, sha256=hashlib.sha256(b"").hexdigest()),
        FileEntry(path="b.bin", bytes=2, sha256=hashlib.sha256(b"bb").hexdigest()),
        FileEntry(path="variables/modèle 1.bin", bytes=256, sha256=hashlib.sha256(bytes(range(256))).hexdigest()),
    ]


def test_hash_and_flush_of_empty_folder_is_empty(tmp_path):
    assert integrity.hash_and_flush(tmp_path) == []


def test_list_files_skips_symlinks(folder):
    (folder / "link.bin").symlink_to(folder / "b.bin")
    (folder / "loop").symlink_to(folder)
    assert [path.name for path in storage.list_files(folder)] == ["a.bin", "b.bin", "modèle 1.bin"]


def test_every_file_and_folder_is_flushed(folder, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    integrity.hash_and_flush(folder)
    named = {os.path.relpath(path, folder) for path in flushed}
    assert named == {".", "a.bin", "b.bin", "variables", "variables/modèle 1.bin"}


def test_verify_files_accepts_unchanged_files(folder):
    integrity.verify_files(folder, integrity.hash_and_flush(folder))


def test_verify_files_names_first_damaged_file_without_path(folder):
    entries = integrity.hash_and_flush(folder)
    (folder / "variables" / "modèle 1.bin").unlink()
    with pytest.raises(Damaged) as caught:
        integrity.verify_files(folder, entries)
    assert caught.value.sentence == "The file modèle 1.bin is missing."
    assert str(folder) not in str(caught.value)


@pytest.fixture(scope="module")
def hashed_folder(tmp_path_factory):
    """A folder with one file of 200 bytes, and its entries."""
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "model.bin").write_bytes(bytes(200))
    return folder, integrity.hash_and_flush(folder)


@given(st.binary(max_size=220))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_verify_files_rejects_any_other_content(hashed_folder, data):
    folder, entries = hashed_folder
    (folder / "model.bin").write_bytes(data)
    if data == bytes(200):
        integrity.verify_files(folder, entries)
    else:
        with pytest.raises(Damaged):
            integrity.verify_files(folder, entries)


@given(st.integers(0, 199), st.integers(0, 7))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_verify_files_rejects_any_flipped_bit(hashed_folder, place, bit):
    folder, entries = hashed_folder
    data = bytearray(200)
    data[place] ^= 1 << bit
    (folder / "model.bin").write_bytes(data)
    with pytest.raises(Damaged, match="its SHA-256 differs"):
        integrity.verify_files(folder, entries)


def test_write_text_atomically_replaces_content(tmp_path):
    path = tmp_path / "record.json"
    storage.write_text_atomically(path, "old")
    storage.write_text_atomically(path, "new ✓")
    assert path.read_text(encoding="utf-8") == "new ✓"
    assert [item.name for item in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_write_text_atomically_on_error_leaves_old_content(tmp_path, monkeypatch, function):
    path = tmp_path / "record.json"
    storage.write_text_atomically(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="No space left"):
        storage.write_text_atomically(path, "new")
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["record.json"]


def test_rename_durably_moves_folder(folder, tmp_path):
    storage.rename_durably(folder, tmp_path / "shelf" / "a1")
    assert not folder.exists()
    assert (tmp_path / "shelf" / "a1" / "b.bin").read_bytes() == b"bb"


def raise_from_disk(error: Exception) -> None:
    with storage.translate_disk_errors():
        raise error


def test_translate_disk_errors_maps_os_errors():
    with pytest.raises(StorageFailed, match="The disk is full"):
        raise_from_disk(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(LibraryError, match="A file of this copy is missing"):
        raise_from_disk(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    with pytest.raises(ZeroDivisionError):
        raise_from_disk(ZeroDivisionError())


def test_delete_folder_of_missing_path_does_nothing(tmp_path):
    storage.delete_folder(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
