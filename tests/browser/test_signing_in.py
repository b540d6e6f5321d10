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
from tests.access.conftest import Kept, keep
from tests.access.provider import PEOPLE, Provider, provider
from tests.browser.conftest import heading, picture, settled
from tests.browser.server import Server, serve

pytestmark = pytest.mark.trust

SECRET = "known to this test and to its server"
NEVER = Kept("r00000000ff", "a00000000ff", "j00000000ff", "i00000000ff")
ADDRESSES = (
    "/download/{artifact}",
    "/kit/{artifact}.zip",
    "/serving/{artifact}/model/1.zip",
    "/inputs/{inputs}.npz",
    "/report/{job}.json",
    "/tensor/{artifact}.npy?key=w",
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    """A running provider."""
    with provider() as one:
        yield one


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, issuer: Provider) -> dict[str, Kept]:
    """What Ada and Bo keep, by name, in one library."""
    config = Settings(home=tmp_path_factory.mktemp("signed-in") / "store")
    jobs = Jobs(Library(config.home), Worker(config), config)
    found = {}
    for name in ("Ada", "Bo"):
        own = jobs.for_viewer(Viewer.from_identity(issuer.url, PEOPLE[name][0], name))
        found[name] = keep(own, f"Run of {name}", job=f"j{name.lower():0<10}".replace("o", "0"))
    found["home"] = config.home
    return found


@pytest.fixture(scope="module")
def house(kept: dict[str, Kept], issuer: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over that library, whose people sign in."""
    path = tmp_path_factory.mktemp("secrets") / "secrets.toml"
    path.write_text(issuer.secrets(SECRET))
    with serve(kept["home"], options=("--secrets.files", str(path))) as one:
        yield one


@contextlib.contextmanager
def signed_in(house: Server, name: str) -> Iterator[httpx.Client]:
    """A client that has been through the provider as that person."""
    claims = {"provider": "default", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    with httpx.Client(base_url=house.url, follow_redirects=True, timeout=30) as client:
        asked = client.get("/auth/login", params={"provider": token})
        (link,) = re.findall(f'href="([^"]*)">{name}<', asked.text)
        client.get(str(asked.url.join(unescape(link))))
        assert USER_COOKIE_NAME in client.cookies
        yield client


@pytest.fixture(scope="module")
def clients(house: Server) -> Iterator[dict[str, httpx.Client]]:
    """Everybody, signed in, and nobody."""
    with contextlib.ExitStack() as stack:
        found = {name: stack.enter_context(signed_in(house, name)) for name in PEOPLE}
        yield found | {"nobody": stack.enter_context(httpx.Client(base_url=house.url))}


def answered(client: httpx.Client, address: str, one: Kept) -> tuple[int, str]:
    """Status and text of an address, with ids taken out of it."""
    reply = client.get(address.format(**one._asdict()))
    return reply.status_code, re.sub("[aijr][0-9a-f]{10}", "ID", reply.text) if reply.status_code != 200 else ""


@pytest.mark.parametrize("address", ADDRESSES)
def test_anothers_private_things_are_answered_as_what_never_was(clients, kept, address):
    assert answered(clients["Bo"], address, kept["Ada"]) == answered(clients["Bo"], address, NEVER)
    assert answered(clients["Bo"], address, NEVER)[0] == 404


@pytest.mark.parametrize("address", ADDRESSES)
def test_whoever_is_not_signed_in_or_not_any_more_gets_nothing(clients, kept, address):
    for name in ("nobody", "Late Ada"):
        status, said = answered(clients[name], address, kept["Ada"])
        assert (status, said[:30]) == (401, "You are not signed in any more")


def test_ones_own_are_whole(clients, kept):
    assert clients["Ada"].get(f"/download/{kept['Ada'].artifact}").status_code == 200
    assert clients["Ada"].get(f"/inputs/{kept['Ada'].inputs}.npz").content[:2] == b"PK"


def test_files_of_sessions_are_for_who_signed_in(clients):
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
def test_only_a_whole_cookie_of_ours_and_in_time_names_a_person(house, kept, issuer, change):
    claims = {"iss": issuer.url, "sub": "1", "exp": time.time() + 60, "is_logged_in": True, "origin": house.url}
    how = {name: change.pop(name) for name in ("secret", "name", "cut") if name in (change := dict(change))}
    text = json.dumps(claims | change)
    cookie = create_signed_value(how.get("secret", SECRET), how.get("name", USER_COOKIE_NAME), text).decode()
    cookie = cookie[:-2] if how.get("cut") else cookie
    reply = httpx.get(f"{house.url}/download/{kept['Ada'].artifact}", cookies={USER_COOKIE_NAME: cookie})
    expected = 200 if not how and not change else 404 if change == {"sub": "2"} else 401
    assert reply.status_code == expected


def test_a_long_cookie_in_pieces_is_put_together_and_one_without_a_piece_is_nobodys(house, kept, issuer):
    claims = {"iss": issuer.url, "sub": "1", "exp": time.time() + 60, "is_logged_in": True, "origin": house.url}
    text = json.dumps(claims | {"picture": "x" * 3000})
    pieces = {USER_COOKIE_NAME: "chunks-2", f"{USER_COOKIE_NAME}_1": text[:2000], f"{USER_COOKIE_NAME}_2": text[2000:]}
    cookies = {name: create_signed_value(SECRET, name, value).decode() for name, value in pieces.items()}
    address = f"{house.url}/download/{kept['Ada'].artifact}"
    assert httpx.get(address, cookies=cookies).status_code == 200
    del cookies[f"{USER_COOKIE_NAME}_2"]
    assert httpx.get(address, cookies=cookies).status_code == 401


def enter(page: Page, house: Server, name: str) -> None:
    page.goto(house.url)
    heading(page, "Sign in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name, exact=True).click()


def look(page: Page, house: Server, one: Kept) -> None:
    page.goto(f"{house.url}/inspect?artifact={one.artifact}")
    settled(page)


def test_two_people_see_their_own_and_what_is_shared(house: Server, kept: dict, new_page: Callable[..., Page]):
    ada, bo = new_page(), new_page(width=390, dark=True)
    for page, name in ((ada, "Ada"), (bo, "Bo")):
        page.goto(house.url)
        heading(page, "Sign in")
        picture(page, f"sign-in-{name}")
        look(page, house, kept[name])
        heading(page, "Sign in")
        expect(page.get_by_text(f"Run of {name}")).to_have_count(0)
        enter(page, house, name)
        heading(page, "Save a model. Reload it. See what came back.")
        expect(page.get_by_text(re.compile(rf"person\s*{name}$"))).to_be_visible()
        picture(page, f"signed-in-{name}")
    for one in (kept["Ada"], NEVER):
        look(bo, house, one)
        expect(bo.get_by_text(f"Not in the library any more, or never was: {one.artifact}")).to_be_visible()
        expect(bo.get_by_text("Run of Ada")).to_have_count(0)
    look(ada, house, kept["Ada"])
    ada.get_by_text("Private: only you").click()
    expect(ada.get_by_text("Shared with everybody who signs in")).to_be_visible()
    picture(ada, "shared-by-me")
    look(bo, house, kept["Ada"])
    expect(bo.get_by_text("Shared with you. Only the person who made it can change it.")).to_be_visible()
    expect(bo.get_by_text(f"Run of Ada · {kept['Ada'].artifact}")).to_be_visible()
    picture(bo, "shared-with-me")
    ada.get_by_text("Shared with everybody who signs in").click()
    expect(ada.get_by_text("Private: only you")).to_be_visible()


def test_who_signs_out_or_whose_time_is_up_is_asked_again(house: Server, kept: dict, new_page: Callable[..., Page]):
    page = new_page()
    enter(page, house, "Ada")
    heading(page, "Save a model. Reload it. See what came back.")
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    enter(page, house, "Late Ada")
    heading(page, "Sign in again")
    picture(page, "sign-in-again")
    look(page, house, kept["Ada"])
    heading(page, "Sign in again")
    expect(page.get_by_text("Run of Ada")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Ada", exact=True).click()
    heading(page, "Save a model. Reload it. See what came back.")
