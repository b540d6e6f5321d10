"""Downloads: whole and in ranges, every byte checked, under any name, whatever happens to the files meanwhile."""

import errno
import io
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from core.exports.archive import archive_artifacts
from core.exports.download_names import name_of_artifact
from core.library import Artifact, Library
from core.library import integrity as checking
from core.library.integrity import verify_file
from tests.factories.route_requests import make_artifact_of, request_route
from ui.routes import download_url

CONTENT = bytes(range(256)) * 40


def stored_file(library: Library, artifact: Artifact, name: str) -> Path:
    return library.home / "artifacts" / artifact.id / "files" / name


def list_staged(library: Library) -> list[Path]:
    return list((library.home / "staging").iterdir())


def test_download_single_file_has_its_hash_as_etag(library: Library):
    artifact_of = make_artifact_of(library, **{"model.keras": CONTENT})
    reply = request_route(download_url([artifact_of.id]))
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["etag"] == f'"{artifact_of.files[0].sha256}"'
    assert reply.headers["content-length"] == str(len(CONTENT))
    assert reply.headers["accept-ranges"] == "bytes"
    assert (
        reply.headers["content-disposition"] == f'attachment; filename="a-run-keras-{artifact_of.created[:10]}.keras"'
    )
    assert list_staged(library) == []


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=5-99", slice(5, 100)),
        ("bytes=10000-", slice(10000, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-999999", slice(0, None)),
        ("bytes=10239-20000", slice(10239, None)),
    ],
)
def test_download_range_returns_that_range(library: Library, asked: str, part: slice):
    artifact_of = make_artifact_of(library, **{"model.keras": CONTENT})
    reply = request_route(download_url([artifact_of.id]), range=asked)
    start, stop, _ = part.indices(len(CONTENT))
    assert (reply.status, reply.body) == (206, CONTENT[part])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert reply.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_download_range_outside_file_is_416_with_size(library: Library, asked: str):
    reply = request_route(download_url([make_artifact_of(library, **{"model.keras": CONTENT}).id]), range=asked)
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert list_staged(library) == []


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-1-2"])
def test_download_unsupported_range_returns_whole_file(library: Library, asked: str):
    reply = request_route(download_url([make_artifact_of(library, **{"model.keras": CONTENT}).id]), range=asked)
    assert (reply.status, reply.body) == (200, CONTENT)


def test_download_if_range_with_other_etag_returns_whole_file(library: Library):
    artifact_of = make_artifact_of(library, **{"model.keras": CONTENT})
    address, tag = download_url([artifact_of.id]), f'"{artifact_of.files[0].sha256}"'
    assert request_route(address, range="bytes=3-4", if_range=tag).body == CONTENT[3:5]
    assert request_route(address, range="bytes=3-4", if_range='"another"').body == CONTENT
    assert request_route(address, range="bytes=3-4", if_range=f"W/{tag}").body == CONTENT
    known = request_route(address, if_none_match=f'"another", {tag}')
    assert (known.status, known.body) == (304, b"")


def test_download_head_has_headers_of_get_and_no_body(library: Library):
    address = download_url([make_artifact_of(library, **{"model.keras": CONTENT}).id])
    text, got = request_route(address, "HEAD", range="bytes=5-9"), request_route(address, range="bytes=5-9")
    assert (text.status, text.headers, text.body) == (206, got.headers, b"")
    assert request_route(address, "HEAD").headers == request_route(address).headers


def test_download_of_several_files_is_reproducible_zip(library: Library, tmp_path):
    artifact_of = make_artifact_of(
        library, **{"saved_model.pb": CONTENT, "variables__größe.bin": b"", "variables__data": CONTENT * 3}
    )
    other = make_artifact_of(library, **{"model.keras": b"k"})
    reply = request_route(download_url([artifact_of.id, other.id, artifact_of.id]))
    assert (reply.status, int(reply.headers["content-length"])) == (200, len(reply.body))
    assert (
        reply.headers["content-disposition"] == f'attachment; filename="roundtrip-2-artifacts-{other.created[:10]}.zip"'
    )
    folder = name_of_artifact(library, artifact_of.id)
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"{folder}/saved_model.pb": CONTENT,
            f"{folder}/variables/data": CONTENT * 3,
            f"{folder}/variables/größe.bin": b"",
            f"{folder}-2/model.keras": b"k",
        }
    (tmp_path / "some.zip").write_bytes(reply.body)
    subprocess.run(["python3", "-m", "zipfile", "-t", tmp_path / "some.zip"], check=True, capture_output=True)
    again = request_route(download_url([artifact_of.id, other.id]))
    assert (again.body, again.headers["etag"]) == (reply.body, reply.headers["etag"])
    assert request_route(download_url([other.id, artifact_of.id])).headers["etag"] != reply.headers["etag"]


def test_download_zip_range_equals_that_part_of_whole(library: Library):
    address = download_url([make_artifact_of(library, a=b"first", b=b"", c=b"third" * 9).id])
    whole = request_route(address).body
    for start in range(0, len(whole), 13):
        for stop in (start + 1, start + 60, len(whole)):
            assert request_route(address, range=f"bytes={start}-{stop - 1}").body == whole[start:stop]


def test_download_zip_uses_zip64_beyond_limits(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    body = request_route(download_url([make_artifact_of(library, a=CONTENT, b=b"b", c=CONTENT[::-1]).id])).body
    monkeypatch.undo()
    assert body.count(b"PK\x06\x06") == 1  # the directory of a large archive
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [CONTENT, b"b", CONTENT[::-1]]


def test_download_unchanged_file_is_hashed_once(library: Library, monkeypatch: pytest.MonkeyPatch):
    item, read = make_artifact_of(library, a=CONTENT, b=b"b"), []
    through = checking._verify_bytes
    monkeypatch.setattr(checking, "_verify_bytes", lambda *arguments: read.append(1) or through(*arguments))
    first = request_route(download_url([item.id])).body
    assert (request_route(download_url([item.id])).body, len(read)) == (first, 2)
    os.utime(stored_file(library, item, "a"), ns=(1, 1))
    assert (request_route(download_url([item.id])).body, len(read)) == (first, 3)


def test_recently_modified_file_is_hashed_again(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    item, read = make_artifact_of(library, a=CONTENT), []
    through = checking._verify_bytes
    monkeypatch.setattr(checking, "_verify_bytes", lambda *arguments: read.append(1) or through(*arguments))
    for _ in range(2):
        verify_file(library.home / "artifacts" / item.id / "files", item.files[0])
    assert len(read) == 2


@pytest.mark.trust
@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "link", "folder", "pipe"])
def test_download_damaged_file_is_refused(library: Library, tmp_path, harm: str):
    artifact_of = make_artifact_of(library, a=CONTENT, b=b"b")
    path = stored_file(library, artifact_of, "a")
    request_route(download_url([artifact_of.id]))
    path.unlink()
    if harm == "flip":
        path.write_bytes(b"\1" + CONTENT[1:])
    elif harm == "cut":
        path.write_bytes(CONTENT[:-1])
    elif harm == "link":
        (tmp_path / "same").write_bytes(CONTENT)
        path.symlink_to(tmp_path / "same")
    elif harm == "folder":
        path.mkdir()
    elif harm == "pipe":
        os.mkfifo(path)
    reply = request_route(download_url([artifact_of.id]))
    assert reply.status == 409
    assert reply.body.startswith(b"The file a is missing, or not what was saved")
    assert str(library.home).encode() not in reply.body
    assert list_staged(library) == []


@pytest.mark.trust
def test_a_linked_folder_is_not_followed(library: Library, tmp_path):
    artifact_of = make_artifact_of(library, sub__a=CONTENT)
    folder = stored_file(library, artifact_of, "sub")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert request_route(download_url([artifact_of.id])).status == 409


@pytest.mark.trust
def test_download_without_free_file_descriptors_is_503(library: Library, monkeypatch: pytest.MonkeyPatch):
    artifact_of = make_artifact_of(library, a=CONTENT)

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(checking.os, "open", refuse)
    reply = request_route(download_url([artifact_of.id]))
    monkeypatch.undo()
    assert (reply.status, b"not what was saved" in reply.body) == (503, False)


@pytest.mark.trust
def test_download_record_path_outside_folder_is_refused(library: Library):
    artifact_of = make_artifact_of(library, a=CONTENT)
    (library.home / "artifacts" / artifact_of.id / "secret").write_bytes(CONTENT)
    record = library.home / "artifacts" / artifact_of.id / "artifact.json"
    for path in ("../secret", "/etc/hostname", "..\\\\secret", ""):
        record.write_text(record.read_text().replace('"path": "a"', f'"path": "{path}"'))
        assert request_route(download_url([artifact_of.id])).status == 409
        record.write_text(record.read_text().replace(f'"path": "{path}"', '"path": "a"'))
    assert request_route(download_url([artifact_of.id])).status == 200


@pytest.mark.trust
@pytest.mark.parametrize(
    "asked", ["..", "%2e%2e", "a0123456789", "a0123456789,r0123456789", "a", "*", "a\0", "a" * 5000]
)
def test_download_malformed_id_is_404(library: Library, asked: str):
    reply = request_route(f"/download/{asked}")
    assert (reply.status, reply.body[:39]) == (404, b"Nothing in the library has this id. Rec")


@pytest.mark.trust
def test_download_completes_when_artifact_is_deleted_meanwhile(library: Library):
    artifact_of = make_artifact_of(library, a=CONTENT, b=CONTENT * 500)
    whole = request_route(download_url([artifact_of.id])).body

    def delete():
        library.remove(artifact_of.id)
        for path in sorted((library.home / "trash").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()

    assert request_route(download_url([artifact_of.id]), between=delete).body == whole
    assert list_staged(library) == []


@pytest.mark.trust
def test_download_aborts_when_file_changes_meanwhile(library: Library):
    artifact_of = make_artifact_of(library, a=b"a", b=CONTENT * 500)
    path, sent = stored_file(library, artifact_of, "b"), []
    with archive_artifacts(library, [artifact_of.id]) as parcel:
        chunks = parcel.read()
        sent += [next(chunks), next(chunks), next(chunks), next(chunks)]
        with path.open("r+b") as file:
            file.seek(len(CONTENT) * 400)
            file.write(b"other")
        os.utime(path, ns=(1, 1))
        with pytest.raises(checking.Damaged):
            sent += list(chunks)
    assert b"".join(sent).find(b"other") == -1
    assert list_staged(library) == []


def test_download_without_hard_links_reads_files_in_place(library: Library, monkeypatch: pytest.MonkeyPatch):
    artifact_of = make_artifact_of(library, a=CONTENT, b=b"b")
    whole = request_route(download_url([artifact_of.id])).body

    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert request_route(download_url([artifact_of.id])).body == whole
    assert list_staged(library) == []


@pytest.mark.trust
@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("/kit/a0123456789.zip", b"Nothing in the library has this id."),
        ("/serving/a0123456789/digits/1.zip", b"Nothing in the library has this id."),
        ("/serving/{id}/digits/1.zip", b"TensorFlow Serving reads SavedModels, and this copy is none."),
        ("/serving/{id}/digits/0.zip", b"A version is a whole number."),
        ("/serving/{id}/../1.zip", b"The name holds no letter and no digit."),
        ("/kit/{id}.zip", b"What this copy answers cannot be compared with"),
    ],
)
def test_export_routes_refusals_are_sentences(library: Library, address: str, text: bytes):
    reply = request_route(address.format(id=make_artifact_of(library, a=CONTENT).id))
    assert reply.status in (400, 404)
    assert reply.body.startswith(text)
    assert list_staged(library) == []


def test_download_by_alias_follows_the_alias(library: Library):
    item, two = make_artifact_of(library, a=b"one"), make_artifact_of(library, a=b"two")
    library.set_alias("champion", item.id)
    assert request_route("/download/champion").body == b"one"
    library.set_alias("champion", two.id)
    assert request_route("/download/champion").body == b"two"
    assert request_route(f"/download/champion,{two.id}").body == b"two"
    library.drop_alias("champion")
    assert request_route("/download/champion").status == 404


def test_address_that_the_import_page_had_leads_to_it_with_its_job():
    reply = request_route("/bring-in?job=j0123456789")
    assert (reply.status, reply.headers["location"]) == (301, "import?job=j0123456789")
