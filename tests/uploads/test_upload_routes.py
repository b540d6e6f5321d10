"""The contract of the routes that take files in pieces: tus 1.0.0, the page's token, owners, errors."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from core.errors import SignedOut
from core.uploads import Uploads, place_file
from tests.factories.private_entries import ADA, BO
from tests.factories.route_requests import Reply, request_route
from tests.uploads.conftest import UploadsOpener

TOKEN = generate_xsrf_token_string()
PAGE = {"cookie": f"_streamlit_xsrf={TOKEN}", "x_xsrftoken": TOKEN, "sec_fetch_site": "same-origin"}
TUS = PAGE | {"tus_resumable": "1.0.0"}
PIECE = TUS | {"content_type": "application/offset+octet-stream"}


@pytest.fixture(autouse=True)
def served(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the routes serve: `uploads` can be replaced by those of another person or process."""
    item = SimpleNamespace(uploads=uploads)
    monkeypatch.setattr("ui.routes.uploads.current_jobs", lambda: item)
    return item


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def begin(size: int, name: str = "ünï.keras") -> Reply:
    metadata = f"filename {encode(name)},filetype {encode('x')}"
    return request_route("/uploads", "POST", body=[], **TUS, upload_length=str(size), upload_metadata=metadata)


def send(address: str, offset: int, parts: Iterable[bytes], is_cut: bool = False, **headers: str) -> Reply:
    return request_route(address, "PATCH", body=parts, is_cut=is_cut, **PIECE | headers, upload_offset=str(offset))


def ask(address: str) -> Reply:
    return request_route(address, "HEAD", **TUS)


def checksum_of(content: bytes) -> str:
    return f"sha256 {base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def test_file_in_pieces_arrives_whole(uploads: Uploads, tmp_path: Path):
    begun = begin(9)
    assert (begun.status, begun.headers["tus-resumable"], begun.headers["cache-control"]) == (201, "1.0.0", "no-store")
    address = begun.headers["location"]
    assert address.startswith("/uploads/u")
    first = send(address, 0, [b"ab", b"c"], upload_checksum=checksum_of(b"abc"))
    assert (first.status, first.headers["upload-offset"]) == (204, "3")
    assert send(address, 3, [b"defghi"], content_length="6").headers["upload-offset"] == "9"
    told = ask(address)
    assert (told.status, told.headers["upload-offset"], told.headers["upload-length"]) == (200, "9", "9")
    assert told.headers["upload-expires"].endswith(" GMT")
    (file,) = uploads.find_files([address.rpartition("/")[2]])
    assert (file.name, place_file(file, tmp_path / "target").read_bytes()) == ("ünï.keras", b"abcdefghi")


def test_server_tells_what_it_can_do():
    reply = request_route("/uploads", "OPTIONS", **PAGE)
    assert (reply.status, reply.headers["tus-version"], reply.headers["tus-max-size"]) == (204, "1.0.0", "1000000")
    assert reply.headers["tus-extension"] == "creation,checksum,expiration,termination"


def test_upload_goes_on_after_a_break_and_at_another_server(served: SimpleNamespace, open_again: UploadsOpener):
    address = begin(9).headers["location"]
    assert send(address, 0, [b"abc"], is_cut=True).status == 204
    assert ask(address).headers["upload-offset"] == "3"
    send(address, 3, [b"def"], is_cut=True, upload_checksum=checksum_of(b"defghi"))  # half of it cannot be held against
    assert ask(address).headers["upload-offset"] == "3"
    served.uploads = open_again()
    assert send(address, 3, [b"def", b"ghi"], upload_checksum=checksum_of(b"defghi")).headers["upload-offset"] == "9"


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_repeated_or_overlapping_piece_is_a_conflict(offset: int):
    address = begin(9).headers["location"]
    send(address, 0, [b"abc"])
    reply = send(address, offset, [b"abc"])
    assert (reply.status, reply.body[:40]) == (409, b"A piece does not follow what has come. R")
    assert ask(address).headers["upload-offset"] == "3"


def test_second_tab_is_told_that_another_piece_is_on_its_way(served: SimpleNamespace, folder_uploads: Uploads):
    uploads = served.uploads = folder_uploads
    address = begin(9).headers["location"]
    piece = uploads.open_piece(address.rpartition("/")[2], 0)
    assert send(address, 0, [b"abc"]).status == 409
    piece.close()
    assert send(address, 0, [b"abc"]).status == 204


def test_silent_connection_gives_the_upload_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ui.routes.uploads.SILENCE_SECONDS", 0.01)
    address = begin(9).headers["location"]
    assert request_route(address, "PATCH", **PIECE, upload_offset="0").status == 204  # nothing comes, and no end of it
    assert send(address, 0, [b"abc"]).status == 204


@pytest.mark.parametrize(
    ("size", "status", "words"),
    [
        ("1000001", 413, "ROUNDTRIP_UPLOAD_MB"),
        ("-1", 400, "must hold a number of bytes"),
        ("", 400, "must hold a number of bytes"),
        ("9" * 30, 400, "must hold a number of bytes"),
        ("²", 400, "must hold a number of bytes"),
    ],
)
def test_size_that_does_not_fit_is_refused_before_anything_is_sent(uploads: Uploads, size, status, words):
    reply = request_route(
        "/uploads", "POST", body=[], **TUS, upload_length=size, upload_metadata=f"filename {encode('a')}"
    )
    assert (reply.status, words in reply.body.decode()) == (status, True)
    assert not uploads._place.list_uploads()


@pytest.mark.parametrize(
    "metadata", ["", "filename", "filename ***", f"other {encode('a')}", "filename /w==", "filename é"]
)
def test_upload_without_a_readable_name_is_refused(metadata: str):
    reply = request_route("/uploads", "POST", body=[], **TUS, upload_length="1", upload_metadata=metadata)
    assert (reply.status, b"name" in reply.body) == (400, True)


def test_quota_and_full_disk_are_507():
    assert [begin(1_000_000).status for _ in range(3)] == [201, 201, 507]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/octet-stream"}, 415),
        ({"tus_resumable": "0.2.2"}, 412),
        ({"upload_checksum": "sha256 ***"}, 400),
        ({"upload_checksum": "md5 AAAA"}, 400),
        ({"upload_checksum": "sha256 é"}, 400),
        ({"upload_checksum": checksum_of(b"else")}, 460),
        ({"content_length": "10"}, 400),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"x_xsrftoken": ""}, 403),
        ({"x_xsrftoken": generate_xsrf_token_string()}, 403),
        ({"cookie": ""}, 403),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_piece_that_breaks_the_protocol_is_refused(headers: dict[str, str], status: int):
    address = begin(9).headers["location"]
    reply = send(address, 0, [b"abc"], **headers)
    assert (reply.status, len(reply.body) > 0) == (status, True)
    assert ask(address).headers["upload-offset"] == "0"


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_upload_of_another_person_is_not_found(served: SimpleNamespace, uploads: Uploads, method: str):
    served.uploads = uploads.for_viewer(ADA)
    address = begin(9).headers["location"]
    served.uploads = uploads.for_viewer(BO)
    replies = [
        request_route(path, method, body=[b"abc"], **PIECE, upload_offset="0")
        for path in (address, "/uploads/u" + "0" * 32)
    ]
    assert replies[0] == replies[1]
    assert replies[0].status == 404
    served.uploads = uploads.for_viewer(ADA)
    assert ask(address).status == 200


def test_person_who_is_signed_out_gets_401(monkeypatch: pytest.MonkeyPatch):
    def refuse():
        raise SignedOut("You are not signed in any more.", cure="Sign in, then do it again.")

    address = begin(9).headers["location"]
    monkeypatch.setattr("ui.routes.uploads.current_jobs", refuse)
    assert [begin(9).status, send(address, 0, [b"abc"]).status, ask(address).status] == [401] * 3


def test_deleted_upload_is_gone():
    address = begin(9).headers["location"]
    assert request_route(address, "DELETE", **TUS).status == 204
    assert [ask(address).status, send(address, 0, [b"abc"]).status] == [404, 404]
