"""Building: whole or not at all, once for all who ask, and in one sentence where it cannot be."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from core.environments.build import (
    build_environment,
    environment_folder,
    find_built,
    is_unchanged,
    remove_environment,
)
from core.environments.interpreters import find_interpreter
from core.environments.uv import find_uv, parse_pip_settings, uv_environment
from core.errors import Cancelled, NotBuilt, PackageMissing, TimedOut
from core.settings import Settings
from tests.factories.environment_kits import SMALL_LOCK, make_locked
from tests.helpers import wait_until

pytestmark = pytest.mark.trust


@pytest.fixture
def own(config: Settings, tmp_path: Path) -> Settings:
    """Settings with a cache of environments of the test's own."""
    return config.model_copy(update={"environments": tmp_path / "environments"})


def list_left(own: Settings) -> list[str]:
    """What lies in the cache beside locks."""
    folder = own.environments_folder
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


def can_share_with_cache(folder: Path) -> bool:
    """Whether a file of uv's cache can have a second name in this folder."""
    ended = subprocess.run([find_uv(), "cache", "dir"], env=uv_environment(), capture_output=True, check=True)
    tag, second = Path(ended.stdout.decode().strip()) / "CACHEDIR.TAG", folder / "second-name"
    try:
        os.link(tag, second)
    except OSError:  # of another disk, or of one that has no such names
        return False
    is_shared = second.stat().st_nlink > 1
    second.unlink()
    return is_shared


def test_building_installs_the_lock_once(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("UV_LINK_MODE", "UV_NO_CACHE"):
        monkeypatch.delenv(name, raising=False)
    environment, notes = make_locked(tmp_path), []
    built = build_environment(own, environment, lambda share, note: notes.append(note))
    said = subprocess.run([built.python, "-c", "import six; print(six.__version__)"], capture_output=True, text=True)
    assert said.stdout.strip() == "1.17.0"
    assert is_unchanged(built)
    if can_share_with_cache(tmp_path):
        assert next(built.folder.rglob("six.py")).stat().st_nlink > 1  # shared with uv's cache, and other environments
    assert any("1 MB on the disk" in note for note in notes)
    assert list_left(own) == [environment.folder_name]
    count = len(notes)
    assert build_environment(own, environment, lambda share, note: notes.append(note)) == built
    assert len(notes) == count


def test_environment_that_lost_a_file_is_seen_as_changed(own: Settings, tmp_path: Path):
    environment = make_locked(tmp_path)
    built = build_environment(own, environment)
    next(built.folder.rglob("six.py")).unlink()
    assert not is_unchanged(built)
    assert remove_environment(own, environment) > 0
    assert (list_left(own), find_built(own, environment), remove_environment(own, environment)) == ([], None, 0)


def test_removal_leaves_nothing_of_earlier_ones(own: Settings, tmp_path: Path):
    environment = make_locked(tmp_path)
    folder = environment_folder(own, environment)
    for path in (folder, folder.with_name(f"{folder.name}.part-killed")):
        (path / "venv").mkdir(parents=True)
        (path / "venv" / "module.py").write_text("x = 1\n")
    assert remove_environment(own, environment) == 6
    assert list_left(own) == []


def test_removal_waits_for_who_holds_the_lock(own: Settings, tmp_path: Path):
    environment = make_locked(tmp_path)
    folder = environment_folder(own, environment)
    folder.mkdir(parents=True)
    removal = threading.Thread(target=remove_environment, args=(own, environment))
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        removal.start()
        removal.join(0.1)
        assert folder.exists()
    removal.join()
    assert list_left(own) == []


@pytest.mark.parametrize("file", ["uv.toml", "pyproject.toml"])
def test_settings_of_a_project_do_not_set_uv(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str):
    table = "" if file == "uv.toml" else "[tool.uv]\n"
    (tmp_path / file).write_text(f'{table}required-version = "==0.0.1"\n')  # with which uv does nothing
    monkeypatch.chdir(tmp_path)
    assert build_environment(own, make_locked(tmp_path)).folder.exists()


def write_wheel(folder: Path, version: str, tag: str) -> Path:
    """A wheel of nothing, called six, of that version for that release of Python."""
    path, inside = folder / f"six-{version}-{tag}.whl", f"six-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: six\nVersion: {version}\n")
        wheel.writestr(f"{inside}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr(f"{inside}/RECORD", "")
    return path


def test_lock_without_a_package_for_this_python_is_one_sentence(own: Settings, tmp_path: Path, monkeypatch):
    digest = hashlib.sha256(write_wheel(tmp_path, "99.9", "cp27-cp27m-any").read_bytes()).hexdigest()
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "empty").as_uri())
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    sentence = "There is no package of six==99.9 for this system and this Python"
    with pytest.raises(NotBuilt, match=sentence):
        build_environment(own, make_locked(tmp_path, f"six==99.9 --hash=sha256:{digest}\n"))
    assert list_left(own) == []


def test_other_build_of_a_release_beside_the_index_is_left(own: Settings, tmp_path: Path, monkeypatch):
    write_wheel(tmp_path, "1.17.0+own", "py2.py3-none-any")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    built = build_environment(own, make_locked(tmp_path))
    assert [path.name for path in built.folder.rglob("six-*.dist-info")] == ["six-1.17.0.dist-info"]


def test_half_built_environment_is_built_anew(own: Settings, tmp_path: Path):
    environment = make_locked(tmp_path)
    folder = environment_folder(own, environment)
    (folder / "venv").mkdir(parents=True)
    folder.with_name(f"{folder.name}.part-killed").mkdir()
    assert find_built(own, environment) is None
    assert build_environment(own, environment).folder == folder
    assert list_left(own) == [folder.name]


def test_two_builders_build_once(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import core.environments.build as build

    environment, calls, real = make_locked(tmp_path), [], build._install
    monkeypatch.setattr(build, "_install", lambda *given: (calls.append(given), real(*given)))
    threads = [threading.Thread(target=build_environment, args=(own, environment)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert list_left(own) == [environment.folder_name]


def broken_lock(name: str) -> str:
    if name == "hash":
        return SMALL_LOCK.replace("4721", "0000").replace("ff70", "0000")
    return "six==99.9 --hash=sha256:" + 64 * "0" + "\n" if name == "version" else "this is no lock\n"


@pytest.mark.parametrize(
    ("lock", "variables", "sentence"),
    [
        ("good", {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}, "did not answer"),
        ("good", {"UV_DEFAULT_INDEX": "{empty}"}, "does not have six"),
        ("hash", {}, "six==1.17.0 that the index gave is not the one whose hash"),
        ("version", {"UV_DEFAULT_INDEX": "{empty}"}, "does not have six"),
        ("text", {}, "cannot be read"),
    ],
    ids=["no-index", "empty-index", "hash", "version", "no-lock"],
)
def test_build_without_packages_is_one_sentence_and_leaves_nothing(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str, variables: dict, sentence: str
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(empty=(tmp_path / "empty").as_uri()))
    environment = make_locked(tmp_path, SMALL_LOCK if lock == "good" else broken_lock(lock))
    with pytest.raises(NotBuilt, match=sentence) as raised:
        build_environment(own, environment)
    assert raised.value.detail
    assert str(tmp_path / "environments") not in str(raised.value)
    assert list_left(own) == []


def test_absent_python_is_one_sentence(own: Settings, tmp_path: Path):
    environment = dataclasses.replace(make_locked(tmp_path), pythons=("3.99",))
    with pytest.raises(NotBuilt, match="release of Python that this environment needs is not installed"):
        build_environment(own, environment)
    assert list_left(own) == []


@pytest.mark.parametrize(
    ("method", "error"), [("glob", PermissionError(13, "Permission denied")), ("home", RuntimeError("No home"))]
)
def test_release_is_named_where_pyenv_cannot_be_read(method: str, error: Exception, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(Path, method, refuse)
    assert find_interpreter("3.99") == "3.99"


def test_interpreter_that_only_pyenv_has_is_built_with(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    versions = tmp_path / "pyenv" / "versions"
    for name in ("3.99.9", "3.99.10", "3.99.11rc1", "3.99.12t", "3.9.30"):
        program = versions / name / "bin" / "python3.99"
        program.parent.mkdir(parents=True)
        program.symlink_to(sys.executable)
    (versions / "3.99.13").mkdir()  # whose installation was stopped
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find_interpreter("3.99") == str(versions / "3.99.10" / "bin" / "python3.99")
    assert find_interpreter("3.98") == "3.98"
    built = build_environment(own, dataclasses.replace(make_locked(tmp_path), pythons=("3.99",)))
    assert [path.name for path in built.folder.rglob("six-*.dist-info")] == ["six-1.17.0.dist-info"]


def make_slow_uv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of uv that never ends; gives the file that holds its process id."""
    pid = folder / "pid"
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr("core.environments.uv.find_uv", lambda: str(program))
    return pid


def is_alive(pid: Path) -> bool:
    return os.path.exists(f"/proc/{pid.read_text().strip()}/fd")


def test_cancelled_build_ends_uv_and_leaves_nothing(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pid = make_slow_uv(tmp_path, monkeypatch)
    with pytest.raises(Cancelled):
        build_environment(own, make_locked(tmp_path), is_cancelled=lambda: pid.exists() and bool(pid.read_text()))
    wait_until(lambda: not is_alive(pid))
    assert list_left(own) == []


def test_build_beyond_its_time_is_stopped(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_slow_uv(tmp_path, monkeypatch)
    short = own.model_copy(update={"environment_seconds": 0.2})
    with pytest.raises(TimedOut, match=r"limit of 0\.2 seconds.*ROUNDTRIP_ENVIRONMENT_SECONDS"):
        build_environment(short, make_locked(tmp_path))
    assert list_left(own) == []


def test_missing_uv_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PackageMissing, match=r"uv, which builds environments, is not installed.*pip install uv"):
        find_uv()


def test_index_of_pip_is_taken_where_uv_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = f"global.index-url='https://packages.example/simple'\nglobal.find-links='{tmp_path} /not/there'\n:env:.x='1'"
    settings = parse_pip_settings(text)
    assert settings["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert settings["UV_FIND_LINKS"] == str(tmp_path)
    monkeypatch.setattr("core.environments.uv.read_pip_index", lambda: settings)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert uv_environment()["UV_DEFAULT_INDEX"] == "https://mine.example/simple"
    assert "UV_FIND_LINKS" not in uv_environment()


def test_uv_never_downloads_an_interpreter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "automatic")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    environment = uv_environment()
    assert environment["UV_PYTHON_DOWNLOADS"] == "never"
    assert "VIRTUAL_ENV" not in environment
