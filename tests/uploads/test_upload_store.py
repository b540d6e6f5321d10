"""Uploads in a folder and in an object store: pieces, restarts, limits, owners, and what is deleted."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Damaged, InputError, Refused, StorageFailed, UnknownName, UploadConflict
from core.object_store import open_object_store
from core.settings import Settings
from core.uploads import NamedFile, Upload, Uploads, place_file
from core.uploads.folder_place import FolderPiece, FolderPlace
from core.uploads.piece import Checksum
from tests.factories.private_entries import ADA, BO
from tests.factories.sent_files import list_whole_uploads
from tests.helpers import mounted_tmpfs
from tests.uploads.conftest import UploadsOpener, open_store_place


def send(uploads: Uploads, id_: str, content: bytes, offset: int = 0, **options) -> Upload:
    """One piece, kept."""
    piece = uploads.open_piece(id_, offset, len(content), **options)
    try:
        piece.write(content)
        return piece.keep()
    finally:
        piece.close()


def read_file(file: NamedFile, folder: Path) -> bytes:
    """The content of a file, as whoever uses it gets it."""
    target = folder / "placed"
    target.unlink(missing_ok=True)
    return place_file(file, target).read_bytes()


def test_pieces_become_a_file_with_its_hash(uploads: Uploads, tmp_path: Path):
    upload = uploads.create("a.keras", 6)
    assert (upload.offset, upload.sha256) == (0, "")
    assert send(uploads, upload.id, b"abc").offset == 3
    whole = send(uploads, upload.id, b"def", 3)
    assert whole == uploads.read(upload.id)
    assert whole.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    (file,) = uploads.find_files([upload.id])
    assert (file.name, file.bytes, file.sha256) == ("a.keras", 6, whole.sha256)
    assert read_file(file, tmp_path) == b"abcdef"


def test_another_process_goes_on_where_the_last_one_stopped(
    uploads: Uploads, open_again: UploadsOpener, tmp_path: Path
):
    upload = uploads.create("a.keras", 6)
    send(uploads, upload.id, b"abc")
    killed = uploads.open_piece(upload.id, 3)
    killed.write(b"X")  # written, never kept
    if isinstance(killed, FolderPiece):  # its lock goes with the process
        killed._file.close()
        killed._lock.release()
    again = open_again()
    assert again.read(upload.id).offset == 3
    send(again, upload.id, b"def", 3)
    assert read_file(again.find_files([upload.id])[0], tmp_path) == b"abcdef"


@pytest.mark.parametrize("offset", [0, 2, 4, 99])
def test_piece_that_does_not_follow_is_a_conflict(uploads: Uploads, offset: int):
    upload = uploads.create("a.keras", 6)
    send(uploads, upload.id, b"abc")
    with pytest.raises(UploadConflict, match=f"Received: {offset}, where 3 bytes have come"):
        uploads.open_piece(upload.id, offset)
    assert uploads.read(upload.id).offset == 3


def test_second_tab_waits_for_the_piece_of_the_first(folder_uploads: Uploads):
    uploads = folder_uploads
    upload = uploads.create("a.keras", 6)
    piece = uploads.open_piece(upload.id, 0)
    with pytest.raises(UploadConflict, match="Another piece of this file is on its way"):
        uploads.open_piece(upload.id, 0)
    piece.close()
    assert send(uploads, upload.id, b"abc").offset == 3


def test_piece_with_another_hash_is_not_kept(uploads: Uploads):
    upload = uploads.create("a.keras", 6)
    checksum = Checksum("sha256", hashlib.sha256(b"abc").digest())
    with pytest.raises(Damaged, match="arrived changed"):
        send(uploads, upload.id, b"abX", checksum=checksum)
    assert uploads.read(upload.id).offset == 0
    assert send(uploads, upload.id, b"abc", checksum=checksum).offset == 3


@pytest.mark.parametrize("bytes_in_a_part", [1, 2, 3, 100])
def test_of_two_pieces_at_two_servers_one_counts(store_address: str, monkeypatch, bytes_in_a_part: int, tmp_path: Path):
    monkeypatch.setattr("core.uploads.store_place.PART_BYTES", bytes_in_a_part)
    one, other = (Uploads(open_store_place(store_address), Settings()) for _ in range(2))
    upload = one.create("a.keras", 6)
    late = other.open_piece(upload.id, 0)
    late.write(b"XX")
    send(one, upload.id, b"abc")
    late.write(b"X")
    with pytest.raises(UploadConflict, match=r"came meanwhile\. Ask how much has come"):
        late.keep()
    late.close()
    assert send(other, upload.id, b"def", 3).sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert read_file(one.find_files([upload.id])[0], tmp_path) == b"abcdef"
    parts = [key for key in open_object_store(store_address).list_keys("uploads") if "/parts/" in key]
    assert len(parts) == 2 * -(-3 // bytes_in_a_part)  # none of the piece that did not count


def test_file_that_changed_in_the_store_is_not_given(store_address: str, tmp_path: Path):
    uploads = Uploads(open_store_place(store_address), Settings())
    id_ = uploads.create("a", 6).id
    send(uploads, id_, b"abc")
    (part,) = (tmp_path / "objects" / "uploads" / id_ / "parts").iterdir()
    part.write_bytes(b"abX")
    with pytest.raises(Damaged, match="not in the store as it came"):
        send(uploads, id_, b"def", 3)
    part.write_bytes(b"abc")
    send(uploads, id_, b"def", 3)
    (file,) = uploads.find_files([id_])
    part.write_bytes(b"abX")
    with pytest.raises(Damaged, match="Remove the file where it was chosen"):
        place_file(file, tmp_path / "target")
    part.unlink()
    with pytest.raises(UnknownName, match="removed"):
        place_file(file, tmp_path / "again")


def test_store_that_is_not_mounted_any_more_takes_no_upload(store_address: str, tmp_path: Path):
    uploads = Uploads(open_store_place(store_address), Settings())
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    (tmp_path / "objects").mkdir()
    with pytest.raises(StorageFailed, match="The store is not where it was"):
        uploads.create("a", 1)
    assert list((tmp_path / "objects").iterdir()) == []


@pytest.mark.parametrize("content", [b"abcdefg", b"abcdef" * 100])
def test_more_than_was_stated_is_refused(uploads: Uploads, content: bytes):
    upload = uploads.create("a.keras", 6)
    with pytest.raises(InputError, match="larger than what is to come"):
        uploads.open_piece(upload.id, 0, len(content))
    piece = uploads.open_piece(upload.id, 0)  # of an unknown size
    with pytest.raises(InputError, match="More has come than the size"):
        piece.write(content)
    piece.close()
    assert uploads.read(upload.id).offset == 0


def test_empty_file_is_whole_at_once(uploads: Uploads):
    assert uploads.read(uploads.create("a.keras", 0).id).sha256 == hashlib.sha256().hexdigest()


@settings(max_examples=15)
@given(
    cuts=st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=8),
    content=st.binary(min_size=1, max_size=999),
)
@pytest.mark.parametrize("kind", ["folder", "store"])
def test_any_pieces_and_breaks_give_the_file(tmp_path_factory, kind: str, cuts, content):
    folder = tmp_path_factory.mktemp("any")
    place = FolderPlace(folder / "uploads") if kind == "folder" else open_store_place(f"file://{folder}/objects")
    uploads = Uploads(place, Settings())
    id_ = uploads.create("x", len(content)).id
    for length, is_lost in [*cuts, (len(content), False)]:
        offset = uploads.read(id_).offset
        piece = uploads.open_piece(id_, offset)
        piece.write(content[offset : offset + length])
        if not is_lost:
            piece.keep()
        piece.close()
    assert read_file(uploads.find_files([id_])[0], folder) == content


# Limits


@pytest.mark.parametrize("size", [1_000_001, 10**18])
def test_file_that_is_too_large_is_refused_before_anything_is_sent(uploads: Uploads, size: int):
    with pytest.raises(Refused, match="ROUNDTRIP_UPLOAD_MB") as refusal:
        uploads.create("a.keras", size)
    assert refusal.value.rule == "too-large"
    assert list_whole_uploads(uploads) == []


@pytest.mark.parametrize("name", ["", "x" * 1001])
def test_file_without_a_fitting_name_is_refused(uploads: Uploads, name: str):
    with pytest.raises(InputError, match="needs a name"):
        uploads.create(name, 1)


def test_quota_is_each_persons_own_and_free_after_use(uploads: Uploads):
    adas, bos = uploads.for_viewer(ADA), uploads.for_viewer(BO)
    first = adas.create("a", 1_000_000).id
    adas.create("b", 1_000_000)
    with pytest.raises(StorageFailed, match="Too much was sent that nobody has used yet"):
        adas.create("c", 1)
    bos.create("c", 1_000_000)
    adas.discard([first])
    adas.create("c", 1_000_000)


def test_upload_that_was_left_alone_gives_way_to_another(uploads: Uploads, monkeypatch: pytest.MonkeyPatch):
    bos = uploads.for_viewer(BO).create("a", 1_000_000).id
    older, old = (uploads.create("a", 1_000_000).id for _ in range(2))
    with pytest.raises(StorageFailed, match="Too much was sent"):
        uploads.create("c", 1)
    monkeypatch.setattr("core.uploads.store.LEFT_ALONE_HOURS", 1e-9)
    uploads.create("b", 1_000_000)
    assert uploads.read(old)
    with pytest.raises(UnknownName):
        uploads.read(older)
    assert uploads.for_viewer(BO).read(bos)


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_upload_that_is_being_written_does_not_give_way(tmp_path: Path, monkeypatch, kind: str):
    place = FolderPlace(tmp_path) if kind == "folder" else open_store_place(f"file://{tmp_path}/objects")
    uploads = Uploads(place, Settings(upload_mb=1, uploads_total_mb=2))
    monkeypatch.setattr("core.uploads.store_place.PART_BYTES", 1)
    busy, left = (uploads.create("a", 1_000_000).id for _ in range(2))
    piece = uploads.open_piece(busy, 0)
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    piece.write(b"x")
    monkeypatch.setattr(Upload, "has_expired", lambda _, hours: hours <= 1)  # the last piece came long ago
    uploads.create("b", 1_000_000)
    assert piece.keep().offset == 1
    piece.close()
    with pytest.raises(UnknownName):
        uploads.read(left)


def test_disk_without_room_is_said_before_anything_is_sent(folder_uploads: Uploads, monkeypatch: pytest.MonkeyPatch):
    uploads = folder_uploads
    usage = type("Usage", (), {"free": 1500})
    monkeypatch.setattr("core.uploads.folder_place.shutil.disk_usage", lambda _: usage)
    uploads.create("a", 1000)  # of which nothing has come
    with pytest.raises(StorageFailed, match="The disk has no room for this file"):
        uploads.create("b", 1000)


def test_disk_that_fills_up_keeps_what_has_come(tmp_path: Path):
    with mounted_tmpfs(tmp_path / "little", 1) as home:
        uploads = Uploads(FolderPlace(home / "uploads"), Settings())
        upload = uploads.create("a", 900_000)
        send(uploads, upload.id, b"x" * 400_000)
        (home / "other").write_bytes(b"x" * 500_000)
        with pytest.raises(StorageFailed, match="The disk is full"):
            send(uploads, upload.id, b"y" * 500_000, 400_000)
        (home / "other").unlink()
        assert send(uploads, upload.id, b"y" * 500_000, 400_000).sha256


# Owners, and what is deleted


@pytest.mark.parametrize("id_", ["another's", "unknown", "../../etc", "", "u" + "0" * 31])
def test_upload_of_another_person_is_as_if_it_were_not_there(uploads: Uploads, id_: str):
    adas, bos = uploads.for_viewer(ADA), uploads.for_viewer(BO)
    own = adas.create("a", 0).id
    asked = {"another's": own, "unknown": "u" + "0" * 32}.get(id_, id_)
    for view in (bos, uploads):
        for ask in (
            view.read,
            lambda each, view=view: view.open_piece(each, 0),
            lambda each, view=view: view.find_files([each]),
        ):
            with pytest.raises(UnknownName, match="This upload is not here any more"):
                ask(asked)
        view.discard([asked])
    assert adas.find_files([own])


def test_upload_that_nobody_continues_expires(uploads: Uploads, open_again: UploadsOpener):
    left, used = uploads.create("a", 5), uploads.create("b", 5)
    send(uploads, left.id, b"ab")
    assert uploads.delete_expired() == 0
    later = open_again(upload_hours=1e-9)
    with pytest.raises(UnknownName, match="after 1e-09 hours"):
        later.open_piece(left.id, 2)
    assert later.delete_expired() == 2
    assert uploads._place.list_uploads() == []
    with pytest.raises(UnknownName):
        uploads.read(used.id)


def test_what_a_killed_process_left_of_an_upload_is_deleted_in_time(open_again: UploadsOpener, tmp_path: Path):
    uploads, id_ = open_again(), "u" + "f" * 32
    if isinstance(uploads._place, FolderPlace):
        (tmp_path / "uploads" / id_).mkdir(parents=True)
    else:
        uploads._place._store.put_if_absent(f"uploads/{id_}/parts/{id_}", b"abc")
    assert uploads.delete_expired() == 0  # it may be on its way
    assert open_again(upload_hours=1e-9).delete_expired() == 1
    assert uploads._place.list_uploads() == []


def test_file_that_is_not_whole_is_not_given(uploads: Uploads):
    upload = uploads.create("a", 5)
    send(uploads, upload.id, b"ab")
    with pytest.raises(InputError, match="has not come whole yet"):
        uploads.find_files([upload.id])


def test_piece_of_an_upload_that_is_removed_meanwhile_is_refused(uploads: Uploads):
    upload = uploads.create("a", 5)
    piece = uploads.open_piece(upload.id, 0)
    piece.write(b"ab")
    uploads.discard([upload.id])
    with pytest.raises(UnknownName, match="removed"):
        piece.keep()
    piece.close()


@pytest.mark.parametrize("is_ours", [True, False])
def test_placed_file_has_the_content_and_outlives_the_upload(tmp_path: Path, is_ours: bool):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    target = place_file(NamedFile("x", source, is_ours=is_ours), tmp_path / "target")
    assert os.path.samefile(source, target) is is_ours
    source.unlink()
    assert target.read_bytes() == b"abc"
