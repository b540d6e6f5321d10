"""Settings: units, and names that they had before."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InputError
from core.settings import MAX_DAYS, PROJECT, RENAMED, RENAMED_WHOLE, Settings, get_settings
from core.validation import RULES

# Rules that a file breaks by its size or by the time that it takes, and the setting that lifts each.
LIFTED_RULES = {
    "too-large": "ROUNDTRIP_UPLOAD_MB",
    "unpacked-size": "ROUNDTRIP_UNPACKED_MB",
    "h5-size": "ROUNDTRIP_UNPACKED_MB",
    "graph-size": "ROUNDTRIP_UNPACKED_MB",
    "inspector-slow": "ROUNDTRIP_CONFINED_SECONDS",
}


@pytest.fixture
def fresh_settings():
    """Settings are read from the environment of the test, and again after it."""
    get_settings.cache_clear()
    yield get_settings
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("former", "name"),
    [
        ("ROUNDTRIP_UPLOAD_MIB", "ROUNDTRIP_UPLOAD_MB"),
        ("ROUNDTRIP_CHILD_GIB", "ROUNDTRIP_CHILD_GB"),
        ("roundtrip_upload_mib", "ROUNDTRIP_UPLOAD_MB"),
        ("Roundtrip_child_GiB", "ROUNDTRIP_CHILD_GB"),
    ],
)
def test_settings_under_former_name_are_refused_with_new_one(monkeypatch, fresh_settings, former: str, name: str):
    monkeypatch.setenv(former, "7")
    with pytest.raises(InputError, match=f"{former} is called {name} now") as caught:
        fresh_settings()
    assert "Received: 7." in str(caught.value)


def test_catalog_url_is_refused_with_new_name_and_no_password(monkeypatch, fresh_settings):
    monkeypatch.setenv("ROUNDTRIP_CATALOG_URL", "postgresql://me:secret@host/db")
    with pytest.raises(InputError, match="ROUNDTRIP_CATALOG_URL is called ROUNDTRIP_DATABASE_URL now") as caught:
        fresh_settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("database_url", ["", "sqlite:///catalog.sqlite"])
def test_store_without_postgresql_is_refused(monkeypatch, fresh_settings, database_url: str):
    monkeypatch.setenv("ROUNDTRIP_STORE_URL", "s3://models/roundtrip")
    monkeypatch.setenv("ROUNDTRIP_DATABASE_URL", database_url)
    with pytest.raises(InputError, match="needs a PostgreSQL database"):
        fresh_settings()
    monkeypatch.setenv("ROUNDTRIP_DATABASE_URL", "postgresql://host/db")
    assert fresh_settings().is_team


@pytest.mark.parametrize(
    ("name", "most"), [("UNUSED_DAYS", MAX_DAYS), ("TRASH_DAYS", MAX_DAYS), ("UPLOAD_HOURS", 24 * MAX_DAYS)]
)
def test_settings_of_times_are_bound_to_what_dates_can_say(monkeypatch, fresh_settings, name: str, most: int):
    monkeypatch.setenv(f"ROUNDTRIP_{name}", str(most + 1))
    with pytest.raises(
        InputError, match=f"ROUNDTRIP_{name} does not fit: Input should be less than or equal to {most}"
    ):
        fresh_settings()
    monkeypatch.setenv(f"ROUNDTRIP_{name}", str(most))
    assert getattr(fresh_settings(), name.lower()) == most
    span = timedelta(hours=most) if name.endswith("HOURS") else timedelta(days=most)
    assert datetime.now(UTC) - span < datetime.now(UTC) + span


def test_settings_are_read_whatever_the_case_of_their_names(monkeypatch, fresh_settings):
    monkeypatch.setenv("roundtrip_upload_mb", "7")
    assert fresh_settings().upload_mb == 7


def test_settings_of_sizes_state_the_unit_of_their_names():
    units = {name: name.rsplit("_", 1)[-1].upper() for name in Settings.model_fields if name.endswith(("_mb", "_gb"))}
    assert len(units) == 12
    assert all(f"in {unit}" in (Settings.model_fields[name].description or "") for name, unit in units.items())
    assert not [name for name in Settings.model_fields if f"_{name.rsplit('_', 1)[-1]}".upper() in RENAMED]


def test_settings_that_sentences_name_exist():
    known = {f"ROUNDTRIP_{name.upper()}" for name in Settings.model_fields} | RENAMED_WHOLE.keys()
    sources = [*(PROJECT / "core").rglob("*.py"), *(PROJECT / "ui").rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"\bROUNDTRIP_[A-Z_]+[A-Z]\b", path.read_text("utf-8"))}
    assert named - known == set()
    assert {"ROUNDTRIP_CONFINED_REPLY_MB", "ROUNDTRIP_CHILD_GB"} <= named


@pytest.mark.parametrize(("rule", "setting"), LIFTED_RULES.items())
def test_rule_of_a_limit_names_the_setting_that_lifts_it(rule: str, setting: str):
    assert re.findall(r"ROUNDTRIP_\w+", RULES[rule].cure) == [setting]


def test_rules_speak_of_imports_also_where_nothing_was_uploaded():
    words = " ".join(word for rule in RULES.values() for word in rule)
    assert "upload" not in re.sub(r"ROUNDTRIP_\w+", "", words).lower()
