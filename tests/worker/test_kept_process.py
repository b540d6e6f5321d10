"""Warm processes that stay after a command: found again, this user's alone, ended by time, by a stop, or by nobody."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.cli.forwarding import forward_command
from core.kept_process_lookup import environment_key, is_own_peer, private_folder
from core.settings import Settings, get_settings
from core.worker import Worker
from core.worker.kept_process import KeptProcess, stop_all
from tests.factories.light_forkserver import LightWorker
from tests.helpers import run_command, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is forked")
MODULES = ("core.cli.compare", "core.jobs")


@pytest.fixture
def kept_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """A function that makes a worker of a kept process, in temporary folders of the test's own."""
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as folder:  # short, as the path of a socket must be
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("ROUNDTRIP_HOME", str(tmp_path / "store"))
        get_settings.cache_clear()

        def make(**settings: object) -> Worker:
            workers.append(LightWorker(Settings(**settings), kept_for=MODULES))
            return workers[-1]

        yield make
        for worker in workers:
            worker.close()
        stop_all()
    get_settings.cache_clear()


def echo(worker: Worker) -> int:
    """Have a child reply; returns the id of its warm process."""
    assert worker.run("echo", seconds=30, word="yes").message == {"word": "yes"}
    return worker._process.pid


def test_kept_process_serves_next_worker_until_it_is_stopped(kept_worker: Callable[..., Worker]):
    first, second = kept_worker(), kept_worker()
    pid = echo(first)
    first.close()
    assert echo(second) == pid
    assert list(private_folder().glob("*/worker"))
    second.close()
    assert run_command("stop", "--json") == (0, '{\n  "stopped": 1\n}\n', "")
    assert not psutil.pid_exists(pid)
    assert [path.name for path in private_folder().iterdir()] == ["lock"]
    assert run_command("stop")[1] == "None was running.\n"
    assert echo(second) != pid  # a worker that finds it gone starts another


def test_kept_process_ends_by_itself_once_idle(kept_worker: Callable[..., Worker]):
    worker = kept_worker(warm_seconds=0.2)
    pid = echo(worker)
    folder, boxes = worker._folder, worker._exchange_folders
    assert boxes.is_dir()
    worker.close()
    wait_until(lambda: KeptProcess(folder, pid, psutil.boot_time()).poll() is not None and not folder.exists())
    assert (boxes.exists(), stop_all()) == (False, 0)


@pytest.mark.long
def test_kept_process_of_other_settings_is_another(kept_worker: Callable[..., Worker]):
    assert echo(kept_worker()) != echo(kept_worker(child_seconds=7.0))
    assert stop_all() == 2


@pytest.mark.long
def test_worker_with_no_time_to_keep_ends_its_process(kept_worker: Callable[..., Worker]):
    worker = kept_worker(warm_seconds=0)
    pid = echo(worker)
    worker.close()
    assert not psutil.pid_exists(pid)


def test_child_whose_app_is_gone_is_killed(kept_worker: Callable[..., Worker]):
    worker = kept_worker()
    echo(worker)
    child = worker._connect(sandboxed=False)
    with pytest.raises(ZeroDivisionError):
        child.request("wait", seconds=60, for_seconds=60, on_progress=lambda _: 1 / 0)  # it is at work
    child._hang_up()  # as the system does for an app that was killed
    wait_until(lambda: not psutil.pid_exists(child.pid))


def test_command_is_done_by_warm_process(kept_worker: Callable[..., Worker], capfd: pytest.CaptureFixture):
    worker = kept_worker()
    arguments = ["compare", "a0000000000"]
    assert forward_command(arguments) is None  # there is none yet
    echo(worker)
    assert forward_command(["list"]) is None  # which needs no TensorFlow
    assert forward_command(arguments) == 1
    assert capfd.readouterr().err.startswith("Nothing in the library has this id. Received: a0000000000.")
    assert forward_command([*arguments, "--rows", "many", "--tolerance", "none"]) == 1


def test_environment_key_follows_settings(monkeypatch: pytest.MonkeyPatch):
    before = environment_key()
    monkeypatch.setenv("ROUNDTRIP_PARALLEL", "7")
    assert environment_key() != before
    monkeypatch.delenv("ROUNDTRIP_PARALLEL")
    assert environment_key() == before


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_private_folder_that_others_may_enter_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = private_folder()
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
    folder.chmod(mode)
    assert private_folder() is None
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert private_folder() is None


def test_peer_of_another_user_is_not_served(monkeypatch: pytest.MonkeyPatch):
    left, right = socket.socketpair()
    with left, right:
        assert is_own_peer(left)
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert not is_own_peer(left)
