"""Locks that are made anew, over an index of small wheels of our own."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from core.environments import ENVIRONMENTS, __main__
from core.environments.base import Environment
from core.environments.resolution import LockRequirements, describe_changes, list_locks, make_lock
from core.environments.uv import run_uv
from core.errors import InputError, NotBuilt
from core.worker.child_handle import never_cancelled
from tests.factories.environment_kits import make_locked
from tests.package_registries import skip_what_is_not_here

REQUIREMENTS = ("needy>=1",)


def write_wheel(index: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> str:
    """Write a package of nothing but its facts into an index; returns its hash."""
    (index / name).mkdir(parents=True, exist_ok=True)
    wheel = index / name / f"{name}-{version}-py3-none-any.whl"
    facts, lines = f"{name}-{version}.dist-info", [f"Requires-Dist: {each}" for each in requires]
    with zipfile.ZipFile(wheel, "w") as archive:
        metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
        archive.writestr(f"{facts}/METADATA", metadata)
        archive.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{facts}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with open(index / name / "index.html", "a", encoding="utf-8") as page:
        page.write(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>\n')
    return digest


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The main index, which has three packages; a side index has a later release of one."""
    main, side = tmp_path / "main", tmp_path / "side"
    write_wheel(main, "needy", "1.0", ("plain>=1", "heavy>=1"))
    write_wheel(main, "plain", "1.0")
    write_wheel(main, "heavy", "1.0")
    write_wheel(side, "plain", "2.0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", main.as_uri())
    monkeypatch.setenv("UV_INDEX", side.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return main


def test_lock_is_made_anew_of_the_main_index_alone(index: Path, tmp_path: Path):
    lock = LockRequirements(tmp_path / "small.txt", REQUIREMENTS, (), "3.11")
    lock.path.write_text("plain==0.5\n")
    assert make_lock(lock)
    text = lock.path.read_text()
    wheel = index / "plain" / "plain-1.0-py3-none-any.whl"
    assert f"plain==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n" in text
    assert list(describe_changes("plain==0.5\n", text)) == ["- plain 0.5", "+ heavy 1.0", "+ needy 1.0", "+ plain 1.0"]
    assert not make_lock(lock)


def test_lock_does_without_what_is_left_out(index: Path, tmp_path: Path):
    lock = LockRequirements(tmp_path / "small.txt", REQUIREMENTS, ("heavy",), "3.11")
    make_lock(lock)
    assert list(describe_changes("", lock.path.read_text())) == ["+ needy 1.0", "+ plain 1.0"]


def test_lock_that_does_not_resolve_stays_as_it_was(index: Path, tmp_path: Path):
    lock = LockRequirements(tmp_path / "small.txt", ("needy==9",), (), "3.11")
    lock.path.write_text("needy==1.0\n")
    with pytest.raises(NotBuilt) as raised:
        make_lock(lock)
    assert "needy==9" in str(raised.value.detail)
    assert lock.path.read_text() == "needy==1.0\n"
    assert list(tmp_path.glob("*.new")) == []


def test_lock_with_an_address_is_refused(tmp_path: Path, index: Path):
    wheel = index / "plain" / "plain-1.0-py3-none-any.whl"
    lock = LockRequirements(tmp_path / "small.txt", (f"plain @ {wheel.as_uri()}",), (), "3.11")
    with pytest.raises(NotBuilt, match="address"):
        make_lock(lock)
    assert not lock.path.exists()


def test_shared_lock_is_made_once_and_of_equal_requirements(tmp_path: Path):
    first, second = make_locked(tmp_path), make_locked(tmp_path, key="other")
    assert list_locks([first, second]) == list_locks([first])
    with pytest.raises(InputError, match="share a lock"):
        list_locks([first, make_locked(tmp_path, key="other", requirements=("six==1.16.0",))])


def test_locks_are_for_the_oldest_python_that_has_packages():
    assert len(list_locks(ENVIRONMENTS)) == len({each.lock_path for each in ENVIRONMENTS})
    assert {lock.python for lock in list_locks(ENVIRONMENTS)} == {"3.11", "3.13"}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.key)
def test_lock_in_the_repository_holds_nothing_that_is_left_out(environment: Environment):
    text = environment.lock_path.read_text(encoding="utf-8")
    assert [name for name in environment.leaves_out if f"\n{name}==" in f"\n{text}"] == []


def test_command_says_what_has_changed_and_fails_in_one_line(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    good, bad = (
        LockRequirements(tmp_path / "good.txt", REQUIREMENTS, ("heavy",), "3.11"),
        LockRequirements(tmp_path / "bad.txt", ("needy==9",), (), "3.11"),
    )
    assert __main__.main(["nowhere"]) == 1
    assert capsys.readouterr().err.startswith("There is no such environment.")
    monkeypatch.setattr(__main__, "list_locks", lambda environments: [bad, good])
    assert __main__.main([]) == 1
    out, err = capsys.readouterr()
    assert out == "good: resolved anew\n  + needy 1.0\n  + plain 1.0\n"
    assert err.startswith("bad: ")
    assert err.count("\n") == 1


LOCKS_BY_RELEASE = {(each.lock_path.stem, release): each for each in ENVIRONMENTS for release in each.pythons}


@pytest.mark.long
@pytest.mark.parametrize("case", LOCKS_BY_RELEASE, ids=" ".join)
def test_lock_has_packages_for_each_python_that_it_is_for(case: tuple[str, str], tmp_path: Path):
    environment, release = LOCKS_BY_RELEASE[case], case[1]
    options = ("--dry-run", "--no-deps", "--no-build", "--require-hashes", "--python-version", release)
    arguments = (*options, "--target", tmp_path, "-r", environment.lock_path)
    given = {"label": environment.label, "seconds": 300.0, "is_cancelled": never_cancelled}
    with skip_what_is_not_here():
        run_uv("pip", "install", *arguments, main_index=True, **given)
