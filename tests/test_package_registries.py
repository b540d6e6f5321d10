"""What the tests make of packages that they cannot install: without a network they are skipped, else they fail."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.package_registries import install_npm_package, install_wheels

NOBODY = "http://127.0.0.1:9"  # where nothing listens


def test_wheels_of_an_index_that_does_not_answer_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOBODY)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(pytest.skip.Exception, match="index did not answer"):
        install_wheels(sys.executable, tmp_path, "idna==3.10")


def test_wheels_that_cannot_be_installed_fail(tmp_path: Path):
    with pytest.raises(pytest.fail.Exception, match="no-release"):
        install_wheels(sys.executable, tmp_path, "idna==no-release")


@pytest.mark.parametrize(
    ("registry", "raised"), [(NOBODY, pytest.skip.Exception), ("no address", pytest.fail.Exception)]
)
def test_npm_package_skips_without_registry_and_fails_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: str, raised: type[BaseException]
):
    if not shutil.which("npm"):
        pytest.skip("there is no npm here")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry)
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")
    with pytest.raises(raised, match=r"did not answer|Invalid URL"):
        install_npm_package(tmp_path, "is-number@7.0.0")
