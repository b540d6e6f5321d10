"""Who is asking where there is no session: broken secrets, an office for nobody, the frame of a graph."""

import time

import pytest
from streamlit import config

from core.errors import InputError, SignedOut, UnknownName
from tests.factories.private_entries import ADA, BO
from ui import auth, session
from ui.auth import SignedInUser, acting_as, current_user, current_viewer, is_sign_in_required
from ui.routes import graph_viewer as graph
from ui.routes import urls
from ui.streamlit_internals import secrets_singleton

pytestmark = pytest.mark.trust

NOT_EXPIRED, EXPIRED = time.time() + 3600, time.time() - 1


@pytest.fixture
def sign_in_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """People sign in here."""
    for module in (auth, session, urls):
        monkeypatch.setattr(module, "is_sign_in_required", lambda: True)


@pytest.fixture
def write_secrets(tmp_path, monkeypatch):
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
def test_is_sign_in_required_with_broken_secrets_raises_input_error(write_secrets, text):
    write_secrets(text)
    with pytest.raises(InputError, match="cannot be read"):
        is_sign_in_required()


@pytest.mark.parametrize(
    ("text", "asked"), [("", False), ("[other]\nx = 1\n", False), ("[auth]\n", True), ("auth = 1\n", True)]
)
def test_is_sign_in_required_follows_auth_section_of_secrets(write_secrets, text, asked):
    write_secrets(text)
    assert is_sign_in_required() is asked


def test_current_jobs_without_valid_sign_in_raises_signed_out(sign_in_required):
    for who in (None, SignedInUser(ADA, EXPIRED)):
        with acting_as(who), pytest.raises(SignedOut):
            session.current_jobs()


def test_current_jobs_shows_only_entries_of_current_user(sign_in_required, server_jobs, ada_entries, monkeypatch):
    monkeypatch.setattr(session, "server_jobs", lambda: server_jobs)
    with acting_as(SignedInUser(ADA, NOT_EXPIRED)):
        assert session.current_jobs().library.run(ada_entries.run).owner == ADA.id
    with acting_as(SignedInUser(BO, NOT_EXPIRED)), pytest.raises(UnknownName):
        session.current_jobs().library.run(ada_entries.run)


def test_graph_token_identifies_user_and_rejects_forgeries(sign_in_required):
    with acting_as(SignedInUser(ADA, NOT_EXPIRED)):
        token = urls.graph_token("a0123456789")
    assert graph._user_from_token("a0123456789", token) == SignedInUser((ADA.id, ""), float(int(NOT_EXPIRED)))
    forged = [token.replace(ADA.id, BO.id), f"{token}9", token.partition(".")[0], "", "é", token.replace(".", "..")]
    for artifact, given in [("a0123456780", token), *(("a0123456789", item) for item in forged)]:
        with pytest.raises(UnknownName):
            graph._user_from_token(artifact, given)


def test_graph_token_expires_with_sign_in(sign_in_required):
    with acting_as(graph._user_from_token("a0123456789", urls.sign_token("a0123456789", f"{ADA.id}.{int(EXPIRED)}"))):
        assert current_user() is None
        with pytest.raises(SignedOut):
            current_viewer()


def test_graph_token_is_taken_by_every_server_with_the_same_secret(sign_in_required, monkeypatch):
    def sign(secret: str) -> str:
        monkeypatch.setattr(urls, "get_cookie_secret", lambda: secret)
        with acting_as(SignedInUser(ADA, NOT_EXPIRED)):
            return urls.graph_token("a0123456789")

    token = sign("of the team")
    assert sign("another") != token == sign("of the team")
    sign("another")
    with pytest.raises(UnknownName):
        graph._user_from_token("a0123456789", token)
