"""Downloads: whole and in ranges, every byte checked, under any name, whatever happens to the files meanwhile."""

import asyncio
import errno
import io
import os
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from starlette.applications import Starlette

from core.compare import Verdict
from core.evidence import Evidence, ReloadOutcome
from core.exports.archive import archive_artifacts
from core.library import Artifact, Library
from core.library import integrity as checking
from core.library.integrity import verify_file
from core.runtimes.reference import Reference
from ui.routes import ROUTES, download_url, endpoints
from ui.routes.graph_viewer import graph_token
from ui.routes.ranges import content_disposition

CONTENT = bytes(range(256)) * 40
FACTS = {"demo": None, "settings": None, "kind": "keras", "parameters": 1, "summary": "", "inputs": []}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def library(empty_library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library that the routes serve, and files whose checks are remembered although they are new."""

    class Office:
        library = empty_library

    monkeypatch.setattr("ui.routes.endpoints._current_jobs", lambda: Office)
    monkeypatch.setattr(checking, "CLOCK_TICK", 0)
    return empty_library


def keep(library: Library, **contents: bytes) -> Artifact:
    """An artifact of these files; "__" in a name is a folder's end."""
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        Reference({"x": np.zeros(1)}, {"y": np.zeros(1)}, {}).write(staged / "reference.npz")
        run = library.commit_run(staged, FACTS | {"name": "a run", "weights": [], "optimizer": []})
    with library.staging() as staged:
        for name, content in contents.items():
            path = staged / "files" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        evidence = Evidence(without_code=ReloadOutcome(verdict=Verdict.BIT_IDENTICAL))
        return library.commit_artifact(staged, run.id, evidence, format="keras", seconds=0.1)


def kept_file(library: Library, artifact: Artifact, name: str) -> Path:
    return library.home / "artifacts" / artifact.id / "files" / name


def ask(address: str, method: str = "GET", between=lambda: None, **headers: str) -> Reply:
    """What our routes answer; `between` is done when the headers are out."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
    scope |= {"method": method, "path": address, "raw_path": address.encode(), "query_string": b"", "headers": given}
    found: dict = {"body": b""}

    async def receive():
        await asyncio.sleep(60)

    async def hear(message):
        if message["type"] == "http.response.start":
            found["status"] = message["status"]
            found["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
            between()
        found["body"] += message.get("body", b"")

    # In a thread of its own: a browser test before this one may have left its loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, Starlette(routes=ROUTES)(scope, receive, hear)).result()
    return Reply(found["status"], found["headers"], found["body"])


def staged(library: Library) -> list[Path]:
    return list((library.home / "staging").iterdir())


def test_one_file_comes_as_it_is_with_its_hash_as_its_tag(library: Library):
    one = keep(library, **{"model.keras": CONTENT})
    reply = ask(download_url([one.id]))
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["etag"] == f'"{one.files[0].sha256}"'
    assert reply.headers["content-length"] == str(len(CONTENT))
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-disposition"] == f'attachment; filename="{one.id}-model.keras"'
    assert staged(library) == []


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
def test_a_range_is_answered_with_that_range(library: Library, asked: str, part: slice):
    one = keep(library, **{"model.keras": CONTENT})
    reply = ask(download_url([one.id]), range=asked)
    start, stop, _ = part.indices(len(CONTENT))
    assert (reply.status, reply.body) == (206, CONTENT[part])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert reply.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_that_is_not_in_the_file_is_refused_with_its_size(library: Library, asked: str):
    reply = ask(download_url([keep(library, **{"model.keras": CONTENT}).id]), range=asked)
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert staged(library) == []


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-1-2"])
def test_what_is_no_single_range_gives_the_whole(library: Library, asked: str):
    reply = ask(download_url([keep(library, **{"model.keras": CONTENT}).id]), range=asked)
    assert (reply.status, reply.body) == (200, CONTENT)


def test_a_range_of_other_bytes_than_those_begun_with_gives_the_whole(library: Library):
    one = keep(library, **{"model.keras": CONTENT})
    address, tag = download_url([one.id]), f'"{one.files[0].sha256}"'
    assert ask(address, range="bytes=3-4", if_range=tag).body == CONTENT[3:5]
    assert ask(address, range="bytes=3-4", if_range='"another"').body == CONTENT
    assert ask(address, range="bytes=3-4", if_range=f"W/{tag}").body == CONTENT
    known = ask(address, if_none_match=f'"another", {tag}')
    assert (known.status, known.body) == (304, b"")


def test_head_says_what_get_would_and_sends_nothing(library: Library):
    address = download_url([keep(library, **{"model.keras": CONTENT}).id])
    said, got = ask(address, "HEAD", range="bytes=5-9"), ask(address, range="bytes=5-9")
    assert (said.status, said.headers, said.body) == (206, got.headers, b"")
    assert ask(address, "HEAD").headers == ask(address).headers


def test_several_files_are_a_zip_that_other_programs_open_and_that_is_the_same_every_time(library: Library, tmp_path):
    one = keep(library, **{"saved_model.pb": CONTENT, "variables__größe.bin": b"", "variables__data": CONTENT * 3})
    other = keep(library, **{"model.keras": b"k"})
    reply = ask(download_url([one.id, other.id, one.id]))
    assert (reply.status, int(reply.headers["content-length"])) == (200, len(reply.body))
    assert reply.headers["content-disposition"] == 'attachment; filename="roundtrip-2-artifacts.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"{one.id}/saved_model.pb": CONTENT,
            f"{one.id}/variables/data": CONTENT * 3,
            f"{one.id}/variables/größe.bin": b"",
            f"{other.id}/model.keras": b"k",
        }
    (tmp_path / "some.zip").write_bytes(reply.body)
    subprocess.run(["python3", "-m", "zipfile", "-t", tmp_path / "some.zip"], check=True, capture_output=True)
    again = ask(download_url([one.id, other.id]))
    assert (again.body, again.headers["etag"]) == (reply.body, reply.headers["etag"])
    assert ask(download_url([other.id, one.id])).headers["etag"] != reply.headers["etag"]


def test_every_range_of_a_zip_is_that_part_of_it(library: Library):
    address = download_url([keep(library, a=b"first", b=b"", c=b"third" * 9).id])
    whole = ask(address).body
    for start in range(0, len(whole), 13):
        for stop in (start + 1, start + 60, len(whole)):
            assert ask(address, range=f"bytes={start}-{stop - 1}").body == whole[start:stop]


def test_what_large_archives_need_is_written(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    body = ask(download_url([keep(library, a=CONTENT, b=b"b", c=CONTENT[::-1]).id])).body
    monkeypatch.undo()
    assert body.count(b"PK\x06\x06") == 1  # the directory of a large archive
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [CONTENT, b"b", CONTENT[::-1]]


def test_a_file_that_was_not_touched_is_hashed_once(library: Library, monkeypatch: pytest.MonkeyPatch):
    one, read = keep(library, a=CONTENT, b=b"b"), []
    through = checking._hash_stream
    monkeypatch.setattr(checking, "_hash_stream", lambda file: read.append(file.name) or through(file))
    first = ask(download_url([one.id])).body
    assert (ask(download_url([one.id])).body, len(read)) == (first, 2)
    os.utime(kept_file(library, one, "a"), ns=(1, 1))
    assert (ask(download_url([one.id])).body, len(read)) == (first, 3)


def test_a_file_of_just_now_is_hashed_again(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    one, read = keep(library, a=CONTENT), []
    through = checking._hash_stream
    monkeypatch.setattr(checking, "_hash_stream", lambda file: read.append(1) or through(file))
    for _ in range(2):
        verify_file(library.home / "artifacts" / one.id / "files", one.files[0])
    assert len(read) == 2


@pytest.mark.trust
@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "link", "folder", "pipe"])
def test_a_damaged_file_is_not_given_out(library: Library, tmp_path, harm: str):
    one = keep(library, a=CONTENT, b=b"b")
    path = kept_file(library, one, "a")
    ask(download_url([one.id]))
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
    reply = ask(download_url([one.id]))
    assert reply.status == 409
    assert reply.body.startswith(b"The file a is missing, or not what was saved")
    assert str(library.home).encode() not in reply.body
    assert staged(library) == []


@pytest.mark.trust
def test_a_linked_folder_is_not_followed(library: Library, tmp_path):
    one = keep(library, sub__a=CONTENT)
    folder = kept_file(library, one, "sub")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert ask(download_url([one.id])).status == 409


@pytest.mark.trust
def test_a_server_without_room_for_more_open_files_blames_no_file(library: Library, monkeypatch: pytest.MonkeyPatch):
    one = keep(library, a=CONTENT)

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(checking.os, "open", refuse)
    reply = ask(download_url([one.id]))
    monkeypatch.undo()
    assert (reply.status, b"not what was saved" in reply.body) == (503, False)


@pytest.mark.trust
def test_a_record_does_not_lead_out_of_its_folder(library: Library):
    one = keep(library, a=CONTENT)
    (library.home / "artifacts" / one.id / "secret").write_bytes(CONTENT)
    record = library.home / "artifacts" / one.id / "artifact.json"
    for path in ("../secret", "/etc/hostname", "..\\\\secret", ""):
        record.write_text(record.read_text().replace('"path": "a"', f'"path": "{path}"'))
        assert ask(download_url([one.id])).status == 409
        record.write_text(record.read_text().replace(f'"path": "{path}"', '"path": "a"'))
    assert ask(download_url([one.id])).status == 200


@pytest.mark.trust
@pytest.mark.parametrize(
    "asked", ["..", "%2e%2e", "a0123456789", "a0123456789,r0123456789", "a", "*", "a\0", "a" * 5000]
)
def test_nothing_of_a_request_becomes_a_path(library: Library, asked: str):
    reply = ask(f"/download/{asked}")
    assert (reply.status, reply.body[:39]) == (404, b"Nothing in the library has this id. Rec")


@pytest.mark.trust
def test_an_artifact_that_is_deleted_during_its_download_comes_whole(library: Library):
    one = keep(library, a=CONTENT, b=CONTENT * 500)
    whole = ask(download_url([one.id])).body

    def delete():
        library.remove(one.id)
        for path in sorted((library.home / "trash").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()

    assert ask(download_url([one.id]), between=delete).body == whole
    assert staged(library) == []


@pytest.mark.trust
def test_a_file_that_is_changed_during_its_download_breaks_it_off(library: Library):
    one = keep(library, a=b"a", b=CONTENT * 500)
    path, sent = kept_file(library, one, "b"), []
    with archive_artifacts(library, [one.id]) as parcel:
        chunks = parcel.read()
        sent += [next(chunks), next(chunks), next(chunks), next(chunks)]
        with path.open("r+b") as file:
            file.seek(len(CONTENT) * 400)
            file.write(b"other")
        os.utime(path, ns=(1, 1))
        with pytest.raises(checking.Damaged):
            sent += list(chunks)
    assert b"".join(sent).find(b"other") == -1
    assert staged(library) == []


def test_the_graph_viewer_is_sent_the_very_bytes_that_were_checked(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ui.session.current_jobs", endpoints._current_jobs)
    one = keep(library, **{"model.keras": CONTENT})
    address = f"/graph/{one.id}/{graph_token(one.id)}/files/model.keras"
    reply = ask(address)
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (200, CONTENT, "no-store")
    assert "sandbox allow-scripts" in reply.headers["content-security-policy"]
    assert ask(address, range="bytes=5-9").body == CONTENT[5:10]
    assert ask(address.replace("model.keras", "../artifact.json")).status == 404

    def change():
        kept_file(library, one, "model.keras").write_bytes(b"x" * len(CONTENT))

    with pytest.raises(checking.Damaged):
        ask(address, between=change)
    assert ask(address).status == 404
    assert staged(library) == []


def test_where_the_disk_makes_no_links_files_are_read_in_place(library: Library, monkeypatch: pytest.MonkeyPatch):
    one = keep(library, a=CONTENT, b=b"b")
    whole = ask(download_url([one.id])).body

    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert ask(download_url([one.id])).body == whole
    assert staged(library) == []


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("model.keras", 'attachment; filename="model.keras"'),
        ("größe.h5", "attachment; filename=\"gr__e.h5\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.h5"),
        ('a"b\r\nSet-Cookie: x', 'attachment; filename="a_b__Set-Cookie: x"'),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("model\u202esarek", 'attachment; filename="model_sarek"'),
        ("100%.h5", "attachment; filename=\"100_.h5\"; filename*=UTF-8''100%25.h5"),
        ("...", 'attachment; filename="download"'),
        ("x" * 400 + ".h5", f'attachment; filename="{"x" * 177}.h5"'),
    ],
)
def test_any_name_is_a_name_and_nothing_else(name: str, header: str):
    assert content_disposition(name) == header


@pytest.mark.trust
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/kit/a0123456789.zip", b"Nothing in the library has this id."),
        ("/serving/a0123456789/digits/1.zip", b"Nothing in the library has this id."),
        ("/serving/{id}/digits/1.zip", b"TensorFlow Serving reads SavedModels, and this copy is none."),
        ("/serving/{id}/digits/0.zip", b"A version is a whole number."),
        ("/serving/{id}/../1.zip", b"The name holds no letter and no digit."),
        ("/kit/{id}.zip", b"What this copy answers cannot be held against"),
    ],
)
def test_what_cannot_be_taken_is_said_in_a_sentence(library: Library, address: str, said: bytes):
    reply = ask(address.format(id=keep(library, a=CONTENT).id))
    assert reply.status in (400, 404)
    assert reply.body.startswith(said)
    assert staged(library) == []


def test_an_alias_stands_for_its_artifact_in_an_address_and_moves_with_it(library: Library):
    one, two = keep(library, a=b"one"), keep(library, a=b"two")
    library.set_alias("champion", one.id)
    assert ask("/download/champion").body == b"one"
    library.set_alias("champion", two.id)
    assert ask("/download/champion").body == b"two"
    assert ask(f"/download/champion,{two.id}").body == b"two"
    library.drop_alias("champion")
    assert ask("/download/champion").status == 404
