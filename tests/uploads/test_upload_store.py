"""Uploads on the disk: pieces, restarts, limits, owners, and what is deleted."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Damaged, InputError, Refused, StorageFailed, UnknownName, UploadConflict
from core.library.storage import write_text_atomically
from core.settings import Settings
from core.uploads import NamedFile, Upload, Uploads, place_file
from core.uploads.piece import Checksum
from tests.factories.private_entries import ADA, BO
from tests.helpers import mounted_tmpfs


def send(uploads: Uploads, id_: str, content: bytes, offset: int = 0, **options) -> Upload:
    """One piece, kept."""
    piece = uploads.open_piece(id_, offset, len(content), **options)
    try:
        piece.write(content)
        return piece.keep()
    finally:
        piece.close()


def date_back(uploads: Uploads, id_: str, hours: float) -> None:
    """Make the last piece of an upload that much older."""
    changed = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    record = uploads.read(id_).model_copy(update={"changed": changed})
    write_text_atomically(uploads._folder / id_ / "upload.json", record.to_json_text())


def test_pieces_become_a_file_with_its_hash(uploads: Uploads):
    upload = uploads.create("a.keras", 6)
    assert (upload.offset, upload.sha256) == (0, "")
    assert send(uploads, upload.id, b"abc").offset == 3
    whole = send(uploads, upload.id, b"def", 3)
    assert whole == uploads.read(upload.id)
    assert whole.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    (file,) = uploads.find_files([upload.id])
    assert (file.name, file.path.read_bytes(), file.sha256) == ("a.keras", b"abcdef", whole.sha256)


def test_another_process_goes_on_where_the_last_one_stopped(
    uploads: Uploads, tmp_path: Path, upload_settings: Settings
):
    upload = uploads.create("a.keras", 6)
    send(uploads, upload.id, b"abc")
    killed = uploads.open_piece(upload.id, 3)
    killed.write(b"X")  # written, never kept, and its lock goes with the process
    killed._file.close()
    killed._lock.release()
    again = Uploads(tmp_path, upload_settings)
    assert again.read(upload.id).offset == 3
    send(again, upload.id, b"def", 3)
    assert again.find_files([upload.id])[0].path.read_bytes() == b"abcdef"


@pytest.mark.parametrize("offset", [0, 2, 4, 99])
def test_piece_that_does_not_follow_is_a_conflict(uploads: Uploads, offset: int):
    upload = uploads.create("a.keras", 6)
    send(uploads, upload.id, b"abc")
    with pytest.raises(UploadConflict, match=f"Received: {offset}, where 3 bytes have come"):
        uploads.open_piece(upload.id, offset)
    assert uploads.read(upload.id).offset == 3


def test_second_tab_waits_for_the_piece_of_the_first(uploads: Uploads):
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
def test_any_pieces_and_breaks_give_the_file(tmp_path_factory, cuts, content):
    uploads = Uploads(tmp_path_factory.mktemp("any"), Settings())
    id_ = uploads.create("x", len(content)).id
    for length, is_lost in [*cuts, (len(content), False)]:
        offset = uploads.read(id_).offset
        piece = uploads.open_piece(id_, offset)
        piece.write(content[offset : offset + length])
        if not is_lost:
            piece.keep()
        piece.close()
    assert uploads.find_files([id_])[0].path.read_bytes() == content


# Limits


@pytest.mark.parametrize("size", [1_000_001, 10**18])
def test_file_that_is_too_large_is_refused_before_anything_is_sent(uploads: Uploads, size: int):
    with pytest.raises(Refused, match="ROUNDTRIP_UPLOAD_MB") as refusal:
        uploads.create("a.keras", size)
    assert refusal.value.rule == "too-large"
    assert not uploads._folder.exists()


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


def test_upload_that_was_left_alone_gives_way_to_another(tmp_path: Path):
    uploads = Uploads(tmp_path, Settings(upload_mb=1, uploads_total_mb=2))
    old, older, bos = (view.create("a", 1_000_000).id for view in (uploads, uploads, uploads.for_viewer(BO)))
    date_back(uploads, old, 1.1)
    date_back(uploads, older, 2)
    date_back(uploads.for_viewer(BO), bos, 3)
    uploads.create("b", 1_000_000)
    assert uploads.read(old)
    with pytest.raises(UnknownName):
        uploads.read(older)
    date_back(uploads, old, 0.9)
    with pytest.raises(StorageFailed, match="Too much was sent"):
        uploads.create("c", 1)
    assert uploads.for_viewer(BO).read(bos)


def test_disk_without_room_is_said_before_anything_is_sent(uploads: Uploads, monkeypatch: pytest.MonkeyPatch):
    usage = type("Usage", (), {"free": 1500})
    monkeypatch.setattr("core.uploads.store.shutil.disk_usage", lambda _: usage)
    uploads.create("a", 1000)  # of which nothing has come
    with pytest.raises(StorageFailed, match="The disk has no room for this file"):
        uploads.create("b", 1000)


def test_disk_that_fills_up_keeps_what_has_come(tmp_path: Path):
    with mounted_tmpfs(tmp_path / "little", 1) as home:
        uploads = Uploads(home, Settings())
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


def test_upload_that_nobody_continues_expires(uploads: Uploads):
    left, used = uploads.create("a", 5), uploads.create("b", 5)
    send(uploads, left.id, b"ab")
    date_back(uploads, left.id, 1.01)
    with pytest.raises(UnknownName, match="after 1 hours"):
        uploads.open_piece(left.id, 2)
    (uploads._folder / ("u" + "f" * 32)).mkdir()  # as a process leaves it that is killed when it has just begun
    assert uploads.delete_expired() == 1
    os.utime(uploads._folder / ("u" + "f" * 32), (0, 0))
    assert uploads.delete_expired() == 1
    assert uploads.read(used.id) == used
    assert [path.name for path in uploads._folder.iterdir() if path.is_dir()] == [used.id]


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
