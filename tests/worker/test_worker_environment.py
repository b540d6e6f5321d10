"""What a child sees of the environment of the server or worker that starts it."""

import json
from pathlib import Path

import pytest

from core.settings import Settings
from core.worker.processes import start_process, worker_environment

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret-of-s3",
    "AWS_SESSION_TOKEN": "token-of-s3",
    "AZURE_STORAGE_ACCOUNT_KEY": "secret-of-azure",
    "GOOGLE_APPLICATION_CREDENTIALS": "secret-of-google",
    "PGPASSWORD": "secret-of-postgresql",
    "ROUNDTRIP_DATABASE_URL": "postgresql://team:secret-of-database@host/team",
    "ROUNDTRIP_STORE_URL": "s3://secret-of-store/team",
    "STREAMLIT_SERVER_COOKIE_SECRET": "secret-of-cookies",
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a team, read from an environment that holds secrets."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    config = Settings(home=tmp_path)
    assert config.database_url == SECRETS["ROUNDTRIP_DATABASE_URL"]
    assert config.store_url == SECRETS["ROUNDTRIP_STORE_URL"]
    return config


def list_leaks(environment: dict[str, str]) -> list[str]:
    """Secrets by name, and whatever else holds the value of one."""
    return sorted(
        name
        for name, value in environment.items()
        if name in SECRETS or any(secret in value for secret in SECRETS.values())
    )


def test_environment_of_a_child_holds_no_secret_and_all_other_settings(config: Settings):
    environment = worker_environment(config)
    assert list_leaks(environment) == []
    settings = {name for name in environment if name.startswith("ROUNDTRIP_")}
    all_settings = {f"ROUNDTRIP_{name.upper()}" for name in Settings.model_fields}
    assert all_settings - settings == {"ROUNDTRIP_DATABASE_URL", "ROUNDTRIP_STORE_URL"}
    assert environment["ROUNDTRIP_HOME"] == str(config.home)


def test_process_that_is_started_sees_no_secret(config: Settings, tmp_path: Path):
    program = "import json, os\nprint(json.dumps(dict(os.environ)))\n"
    (tmp_path / "print_environment.py").write_text(program, encoding="utf-8")
    with start_process(config, "print_environment", variables={"PYTHONPATH": str(tmp_path)}) as process:
        output, _ = process.communicate(timeout=60)
    environment = json.loads(output)
    assert list_leaks(environment) == []
    assert environment["ROUNDTRIP_HOME"] == str(config.home)
