"""Two people sign in with a real provider: each sees what is theirs or shared, in pages and at every address."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from html import unescape

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from playwright.sync_api import Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.jobs import Jobs
from core.library import Library
from core.library.permissions import Viewer
from core.settings import Settings
from core.worker import Worker
from tests.access.openid_provider import PEOPLE, OpenIdProvider, run_provider
from tests.browser.page_helpers import take_screenshot, wait_for_page, wait_until_idle
from tests.browser.server import Server, serve
from tests.factories.private_entries import PrivateEntries, make_private_entries
from tests.factories.warm_start import WarmProcess

pytestmark = pytest.mark.trust

TOKEN = "aa" * 16  # of a page
TUS = {"Tus-Resumable": "1.0.0", "X-Xsrftoken": TOKEN}
SECRET = "known to this test and to its server"
UNKNOWN_IDS = PrivateEntries("r00000000ff", "a00000000ff", "j00000000ff", "i00000000ff")
ENTRY_URLS = (
    "/download/{artifact}",
    "/kit/{artifact}.zip",
    "/serving/{artifact}/model/1.zip",
    "/inputs/{inputs}.npz",
    "/report/{job}.json",
    "/tensor/{artifact}.npy?key=w",
)


@pytest.fixture(scope="module")
def openid_provider() -> Iterator[OpenIdProvider]:
    """A running provider."""
    with run_provider() as item:
        yield item


@pytest.fixture(scope="module")
def private_entries(
    tmp_path_factory: pytest.TempPathFactory, openid_provider: OpenIdProvider
) -> dict[str, PrivateEntries]:
    """What Ada and Bo keep, by name, in one library."""
    config = Settings(home=tmp_path_factory.mktemp("signed-in") / "store")
    jobs = Jobs(Library(config.home), Worker(config), config)
    result = {}
    for name in ("Ada", "Bo"):
        own = jobs.for_viewer(Viewer.from_identity(openid_provider.url, PEOPLE[name][0], name))
        result[name] = make_private_entries(own, f"Run of {name}", job=f"j{name.lower():0<10}".replace("o", "0"))
    result["home"] = config.home
    return result


@pytest.fixture(scope="module")
def sign_in_server(
    private_entries: dict[str, PrivateEntries],
    openid_provider: OpenIdProvider,
    tmp_path_factory: pytest.TempPathFactory,
    warm_process: WarmProcess | None,
) -> Iterator[Server]:
    """A server over that library, whose people sign in."""
    path = tmp_path_factory.mktemp("secrets") / "secrets.toml"
    path.write_text(openid_provider.secrets(SECRET))
    with serve(private_entries["home"], options=("--secrets.files", str(path)), warm=warm_process) as server:
        yield server


@contextlib.contextmanager
def sign_in_client(house: Server, name: str) -> Iterator[httpx.Client]:
    """A client that has been through the provider as that person."""
    claims = {"provider": "default", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    with httpx.Client(base_url=house.url, follow_redirects=True, timeout=30) as client:
        response = client.get("/auth/login", params={"provider": token})
        (link,) = re.findall(f'href="([^"]*)">{name}<', response.text)
        client.get(str(response.url.join(unescape(link))))
        assert USER_COOKIE_NAME in client.cookies
        yield client


@pytest.fixture(scope="module")
def clients(sign_in_server: Server) -> Iterator[dict[str, httpx.Client]]:
    """Everybody, signed in, and nobody."""
    with contextlib.ExitStack() as stack:
        result = {name: stack.enter_context(sign_in_client(sign_in_server, name)) for name in PEOPLE}
        yield result | {"nobody": stack.enter_context(httpx.Client(base_url=sign_in_server.url))}


def fetch_redacted(client: httpx.Client, address: str, entries: PrivateEntries) -> tuple[int, str]:
    """Status and text of an address, with ids taken out of it."""
    reply = client.get(address.format(**entries._asdict()))
    return reply.status_code, re.sub("[aijr][0-9a-f]{10}", "ID", reply.text) if reply.status_code != 200 else ""


@pytest.mark.parametrize("address", ENTRY_URLS)
def test_private_entries_of_another_user_respond_like_unknown_ids(clients, private_entries, address):
    assert fetch_redacted(clients["Bo"], address, private_entries["Ada"]) == fetch_redacted(
        clients["Bo"], address, UNKNOWN_IDS
    )
    assert fetch_redacted(clients["Bo"], address, UNKNOWN_IDS)[0] == 404


@pytest.mark.parametrize("address", ENTRY_URLS)
def test_requests_without_valid_sign_in_get_401(clients, private_entries, address):
    for name in ("nobody", "Late Ada"):
        status, text = fetch_redacted(clients[name], address, private_entries["Ada"])
        assert (status, text[:30]) == (401, "You are not signed in any more")


def begin_upload(client: httpx.Client) -> httpx.Response:
    """Begin to send a file, with the token of a page."""
    client.cookies.set("_streamlit_xsrf", TOKEN)
    headers = TUS | {"Upload-Length": "3", "Upload-Metadata": "filename YQ=="}
    return client.post("/uploads", headers=headers)


def test_uploads_belong_to_the_person_who_began_them(clients):
    assert [begin_upload(clients[name]).status_code for name in ("nobody", "Late Ada")] == [401, 401]
    address = begin_upload(clients["Ada"]).headers["location"]
    begin_upload(clients["Bo"])
    piece = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    for method in ("HEAD", "PATCH", "DELETE"):
        codes = [clients[name].request(method, address, headers=piece).status_code for name in ("nobody", "Bo")]
        assert codes == [401, 404]
    assert clients["Ada"].patch(address, headers=piece, content=b"abc").headers["upload-offset"] == "3"
    assert clients["Ada"].delete(address, headers=TUS).status_code == 204


def test_own_entries_download_completely(clients, private_entries):
    assert clients["Ada"].get(f"/download/{private_entries['Ada'].artifact}").status_code == 200
    assert clients["Ada"].get(f"/inputs/{private_entries['Ada'].inputs}.npz").content[:2] == b"PK"


def test_session_files_require_sign_in(clients):
    assert [clients[name].get("/media/0123.png").status_code for name in ("nobody", "Late Ada", "Ada")] == [
        401,
        401,
        404,
    ]
    upload = "/_stcore/upload_file/0123/4567"
    assert [clients[name].put(upload, files={"file": b"x"}).status_code for name in ("nobody", "Late Ada", "Ada")] == [
        401,
        401,
        403,  # for want of the page's own token
    ]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"sub": "2"},
        {"exp": 1},
        {"exp": None},
        {"exp": True},
        {"exp": "9999999999"},
        {"exp": float("nan")},
        {"sub": ""},
        {"sub": 1},
        {"iss": None},
        {"origin": "http://elsewhere.example"},
        {"is_logged_in": "true"},
        {"secret": "another secret than this server's"},
        {"name": "_streamlit_user_tokens"},
        {"cut": True},
    ],
    ids=str,
)
def test_auth_cookie_is_accepted_only_if_intact_and_unexpired(sign_in_server, private_entries, openid_provider, change):
    claims = {
        "iss": openid_provider.url,
        "sub": "1",
        "exp": time.time() + 60,
        "is_logged_in": True,
        "origin": sign_in_server.url,
    }
    how = {name: change.pop(name) for name in ("secret", "name", "cut") if name in (change := dict(change))}
    text = json.dumps(claims | change)
    cookie = create_signed_value(how.get("secret", SECRET), how.get("name", USER_COOKIE_NAME), text).decode()
    cookie = cookie[:-2] if how.get("cut") else cookie
    reply = httpx.get(
        f"{sign_in_server.url}/download/{private_entries['Ada'].artifact}", cookies={USER_COOKIE_NAME: cookie}
    )
    expected = 200 if not how and not change else 404 if change == {"sub": "2"} else 401
    assert reply.status_code == expected


def test_auth_cookie_in_chunks_is_joined_or_refused_if_incomplete(sign_in_server, private_entries, openid_provider):
    claims = {
        "iss": openid_provider.url,
        "sub": "1",
        "exp": time.time() + 60,
        "is_logged_in": True,
        "origin": sign_in_server.url,
    }
    text = json.dumps(claims | {"picture": "x" * 3000})
    pieces = {USER_COOKIE_NAME: "chunks-2", f"{USER_COOKIE_NAME}_1": text[:2000], f"{USER_COOKIE_NAME}_2": text[2000:]}
    cookies = {name: create_signed_value(SECRET, name, value).decode() for name, value in pieces.items()}
    address = f"{sign_in_server.url}/download/{private_entries['Ada'].artifact}"
    assert httpx.get(address, cookies=cookies).status_code == 200
    del cookies[f"{USER_COOKIE_NAME}_2"]
    assert httpx.get(address, cookies=cookies).status_code == 401


def sign_in(page: Page, house: Server, name: str) -> None:
    page.goto(house.url)
    wait_for_page(page, "Sign in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name, exact=True).click()


def open_artifact(page: Page, house: Server, entries: PrivateEntries) -> None:
    page.goto(f"{house.url}/inspect?artifact={entries.artifact}")
    wait_until_idle(page)


def test_signed_in_users_see_own_and_shared_entries(
    sign_in_server: Server, private_entries: dict, new_page: Callable[..., Page]
):
    ada, bo = new_page(), new_page(width=390, dark=True)
    for page, name in ((ada, "Ada"), (bo, "Bo")):
        page.goto(sign_in_server.url)
        wait_for_page(page, "Sign in")
        take_screenshot(page, f"sign-in-{name}")
        open_artifact(page, sign_in_server, private_entries[name])
        wait_for_page(page, "Sign in")
        expect(page.get_by_text(f"Run of {name}")).to_have_count(0)
        sign_in(page, sign_in_server, name)
        wait_for_page(page, "Save a model. Reload it. See what came back.")
        expect(page.get_by_text(re.compile(rf"person\s*{name}$"))).to_be_visible()
        take_screenshot(page, f"signed-in-{name}")
    for item in (private_entries["Ada"], UNKNOWN_IDS):
        open_artifact(bo, sign_in_server, item)
        expect(bo.get_by_text(f"Not in the library any more, or never was: {item.artifact}")).to_be_visible()
        expect(bo.get_by_text("Run of Ada")).to_have_count(0)
    open_artifact(ada, sign_in_server, private_entries["Ada"])
    ada.get_by_text("Private: only you").click()
    expect(ada.get_by_text("Shared with everybody who signs in")).to_be_visible()
    take_screenshot(ada, "shared-by-me")
    open_artifact(bo, sign_in_server, private_entries["Ada"])
    expect(bo.get_by_text("Shared with you. Only the person who made it can change it.")).to_be_visible()
    expect(bo.get_by_text("Run of Ada", exact=True)).to_be_visible()
    take_screenshot(bo, "shared-with-me")
    ada.get_by_text("Shared with everybody who signs in").click()
    expect(ada.get_by_text("Private: only you")).to_be_visible()


def test_sign_in_page_is_shown_after_sign_out_or_expiry(
    sign_in_server: Server, private_entries: dict, new_page: Callable[..., Page]
):
    page = new_page()
    sign_in(page, sign_in_server, "Ada")
    wait_for_page(page, "Save a model. Reload it. See what came back.")
    page.get_by_role("button", name="Sign out").click()
    wait_for_page(page, "Sign in")
    sign_in(page, sign_in_server, "Late Ada")
    wait_for_page(page, "Sign in again")
    take_screenshot(page, "sign-in-again")
    open_artifact(page, sign_in_server, private_entries["Ada"])
    wait_for_page(page, "Sign in again")
    expect(page.get_by_text("Run of Ada")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Ada", exact=True).click()
    wait_for_page(page, "Save a model. Reload it. See what came back.")
