"""Who is asking where there is no session: broken secrets, an office for nobody, the frame of a graph."""

import time

import pytest
from streamlit import config
from streamlit.runtime.secrets import secrets_singleton

from core.errors import InputError, SignedOut, UnknownName
from tests.access.conftest import ADA, BO
from ui import auth, session
from ui.auth import SignedInUser, acting_as, current_user, current_viewer, is_sign_in_required
from ui.routes import graph_viewer as graph

pytestmark = pytest.mark.trust

LATER, EARLIER = time.time() + 3600, time.time() - 1


@pytest.fixture
def signing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """People sign in here."""
    for module in (auth, session, graph):
        monkeypatch.setattr(module, "is_sign_in_required", lambda: True)


@pytest.fixture
def secrets_in(tmp_path, monkeypatch):
    """A function that makes this text the secrets of the server."""
    path, before = tmp_path / "secrets.toml", config.get_option("secrets.files")

    def write(text: str) -> None:
        path.write_text(text)
        config.set_option("secrets.files", [str(path)])
        monkeypatch.setattr(secrets_singleton, "_secrets", None)
        is_sign_in_required.cache_clear()

    yield write
    config.set_option("secrets.files", before)
    secrets_singleton._secrets = None
    is_sign_in_required.cache_clear()


@pytest.mark.parametrize("text", ["[auth\n", "auth = [", "\x00", "[auth]\nx = 1\n[auth]\n"])
def test_broken_secrets_open_the_server_to_nobody(secrets_in, text):
    secrets_in(text)
    with pytest.raises(InputError, match="cannot be read"):
        is_sign_in_required()


@pytest.mark.parametrize(
    ("text", "asked"), [("", False), ("[other]\nx = 1\n", False), ("[auth]\n", True), ("auth = 1\n", True)]
)
def test_people_sign_in_where_the_secrets_say_so(secrets_in, text, asked):
    secrets_in(text)
    assert is_sign_in_required() is asked


def test_an_office_is_given_to_nobody_who_is_not_signed_in(signing_in):
    for who in (None, SignedInUser(ADA, EARLIER)):
        with acting_as(who), pytest.raises(SignedOut):
            session.current_jobs()


def test_an_office_is_that_of_who_asks(signing_in, house, adas, monkeypatch):
    monkeypatch.setattr(session, "server_jobs", lambda: house)
    with acting_as(SignedInUser(ADA, LATER)):
        assert session.current_jobs().library.run(adas.run).owner == ADA.id
    with acting_as(SignedInUser(BO, LATER)), pytest.raises(UnknownName):
        session.current_jobs().library.run(adas.run)


def test_the_address_of_a_graph_names_its_person_and_nobody_writes_another(signing_in):
    with acting_as(SignedInUser(ADA, LATER)):
        token = graph.graph_token("a0123456789")
    assert graph._user_from_token("a0123456789", token) == SignedInUser((ADA.id, ""), float(int(LATER)))
    forged = [token.replace(ADA.id, BO.id), f"{token}9", token.partition(".")[0], "", "é", token.replace(".", "..")]
    for artifact, given in [("a0123456780", token), *(("a0123456789", one) for one in forged)]:
        with pytest.raises(UnknownName):
            graph._user_from_token(artifact, given)


def test_the_address_of_a_graph_ends_with_its_persons_sign_in(signing_in):
    with acting_as(graph._user_from_token("a0123456789", graph._sign_token("a0123456789", f"{ADA.id}.{int(EARLIER)}"))):
        assert current_user() is None
        with pytest.raises(SignedOut):
            current_viewer()
