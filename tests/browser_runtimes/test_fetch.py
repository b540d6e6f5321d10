"""Fetching the browser's runtimes: whole or not at all, only what the lock states; from a folder, and by npm."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.browser_runtimes import LOCK, Lock, LockedPackage, fetch_runtimes, find_file, require_runtimes
from core.errors import Damaged, PackageMissing, StorageFailed, UnknownName
from core.npm import compute_integrity
from core.settings import Settings
from tests.factories.npm_tarballs import make_tarball

CONTENT = {"dist/run.mjs": b"export const answer = 42\n", "dist/run.wasm": b"\0asm" + bytes(range(256))}
UNWANTED = {"package.json": b'{"name": "small-runtime", "version": "1.2.3"}', "dist/other.js": b"other"}


TARBALL = make_tarball(CONTENT | UNWANTED)


def make_lock(tarball: bytes = TARBALL, files: dict[str, bytes] = CONTENT) -> Lock:
    hashes = {name: compute_integrity(content) for name, content in files.items()}
    name, integrity = "@ours/small-runtime", compute_integrity(tarball)
    return Lock(packages=(LockedPackage(name=name, version="1.2.3", integrity=integrity, files=hashes),))


@pytest.fixture
def tarballs(tmp_path: Path) -> Path:
    """A folder with the tarball of the lock."""
    folder = tmp_path / "tarballs"
    folder.mkdir()
    (folder / "ours-small-runtime-1.2.3.tgz").write_bytes(TARBALL)
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_fetch_from_folder_writes_wanted_files_and_removes_older(tmp_path: Path, tarballs: Path):
    home, lock = tmp_path / "home", make_lock()
    (home / "0123456789abcdef").mkdir(parents=True)  # of an older lock
    (home / "of-somebody-else").mkdir()
    folder = fetch_runtimes(home, tarballs, lock)
    assert {path.name for path in home.iterdir()} == {lock.fingerprint, "of-somebody-else"}
    assert list_files(folder) == ["@ours/small-runtime/dist/run.mjs", "@ours/small-runtime/dist/run.wasm"]
    assert (folder / "@ours/small-runtime/dist/run.wasm").read_bytes() == CONTENT["dist/run.wasm"]
    shutil.rmtree(tarballs)
    assert fetch_runtimes(home, tarballs, lock) == folder  # it is there


def test_fetch_of_other_tarball_is_refused_and_leaves_nothing(tmp_path: Path, tarballs: Path):
    home = tmp_path / "home"
    with pytest.raises(Damaged, match=r"not the one that the lock states.*@ours/small-runtime@1.2.3"):
        fetch_runtimes(home, tarballs, make_lock(tarball=b"another"))
    assert list(home.iterdir()) == []


def test_fetch_of_other_file_in_a_right_tarball_is_refused(tmp_path: Path, tarballs: Path):
    home = tmp_path / "home"
    lock = make_lock(files=CONTENT | {"dist/run.wasm": b"another"})
    with pytest.raises(Damaged, match=r"dist/run.wasm"):
        fetch_runtimes(home, tarballs, lock)
    assert list(home.iterdir()) == []


def test_fetch_of_half_a_tarball_leaves_nothing(tmp_path: Path, tarballs: Path):
    tarball = next(tarballs.iterdir())
    tarball.write_bytes(tarball.read_bytes()[: len(TARBALL) // 2])
    with pytest.raises(Damaged, match="SHA-512 differs"):
        fetch_runtimes(tmp_path / "home", tarballs, make_lock())
    assert list((tmp_path / "home").iterdir()) == []


def test_fetch_without_the_tarball_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(PackageMissing, match=r"ours-small-runtime-1\.2\.3\.tgz.*make browser-runtimes FROM=FOLDER"):
        fetch_runtimes(tmp_path / "home", tmp_path, make_lock())


def test_fetch_into_a_file_names_the_setting(tmp_path: Path, tarballs: Path):
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(StorageFailed, match="ROUNDTRIP_BROWSER_RUNTIMES"):
        fetch_runtimes(tmp_path / "home", tarballs, make_lock())


class Registry(BaseHTTPRequestHandler):
    """A registry of one package, as npm asks for it."""

    tarball = TARBALL

    def do_GET(self) -> None:
        is_tarball = self.path.endswith(".tgz")
        content = self.tarball if is_tarball else json.dumps(self._describe()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if is_tarball else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _describe(self) -> dict:
        host, port = self.server.server_address[:2]
        address = f"http://{host}:{port}/small-runtime-1.2.3.tgz"
        version = {"name": "@ours/small-runtime", "version": "1.2.3"}
        version |= {"dist": {"tarball": address, "integrity": compute_integrity(self.tarball)}}
        return {"name": "@ours/small-runtime", "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}}

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Registry]]:
    """A registry on this machine, for which npm is set up."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed here")
    handler = type("OwnRegistry", (Registry,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "npm-cache"))
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.long
def test_fetch_by_npm_asks_the_registry_that_is_set_up(tmp_path: Path, registry: type[Registry]):
    folder = fetch_runtimes(tmp_path / "home", None, make_lock())
    assert (folder / "@ours/small-runtime/dist/run.mjs").read_bytes() == CONTENT["dist/run.mjs"]
    assert [path.name for path in (tmp_path / "home").iterdir()] == [folder.name]


@pytest.mark.long
def test_fetch_by_npm_of_another_package_of_that_name_is_refused(tmp_path: Path, registry: type[Registry]):
    registry.tarball = make_tarball(CONTENT | {"dist/run.mjs": b"export const answer = 43\n"})
    with pytest.raises(Damaged, match="not the one that the lock states"):
        fetch_runtimes(tmp_path / "home", None, make_lock())
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.long
def test_fetch_offline_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if not shutil.which("npm"):
        pytest.skip("npm is not installed here")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "npm-cache"))
    with pytest.raises(
        PackageMissing, match=r"could not be downloaded\. Received: npm.*Everything else works"
    ) as caught:
        fetch_runtimes(tmp_path / "home", None, make_lock())
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "home").iterdir()) == []


@pytest.fixture
def installed(tmp_path: Path, tarballs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runtimes of the lock, fetched where the settings say."""
    settings = Settings(browser_runtimes=tmp_path / "home")
    monkeypatch.setattr("core.browser_runtimes.installed.get_settings", lambda: settings)
    return fetch_runtimes(tmp_path / "home", tarballs, make_lock())


def test_find_file_gives_a_file_until_it_is_changed_or_gone(installed: Path):
    path = find_file("@ours/small-runtime/dist/run.mjs", make_lock())
    assert path.read_bytes() == CONTENT["dist/run.mjs"]
    path.write_bytes(b"export const answer = 41\n\n")
    with pytest.raises(Damaged, match=r"missing or was changed.*make browser-runtimes"):
        find_file("@ours/small-runtime/dist/run.mjs", make_lock())
    path.unlink()
    with pytest.raises(Damaged):
        find_file("@ours/small-runtime/dist/run.mjs", make_lock())


@pytest.mark.parametrize("name", ["", "dist/run.mjs", "@ours/small-runtime/dist/other.js", "../home", "/etc/hostname"])
def test_find_file_outside_of_the_lock_is_unknown(installed: Path, name: str):
    with pytest.raises(UnknownName):
        find_file(name, make_lock())


def test_require_runtimes_that_were_not_fetched_names_the_command(installed: Path):
    require_runtimes(make_lock())
    with pytest.raises(
        PackageMissing, match=r"onnxruntime-web@1\.30\.0 and @litertjs/core@2\.5\.3.*make browser-runtimes"
    ):
        require_runtimes(LOCK)


def test_lock_holds_hashes_and_no_address():
    assert [package.spec for package in LOCK.packages] == [
        "onnxruntime-web@1.30.0",
        "@litertjs/core@2.5.3",
        "@litertjs/wasm-utils@2.5.3",
    ]
    hashes = [package.integrity for package in LOCK.packages] + list(LOCK.files.values())
    assert {len(hash_) for hash_ in hashes} == {len("sha512-") + 88}
    assert "://" not in LOCK.model_dump_json()
