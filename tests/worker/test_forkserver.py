"""The warm process: it is killed, fails to start, is waited for, and ends with the app."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from core.errors import Cancelled, ChildDied, WorkerError
from core.settings import PROJECT, Settings
from core.worker import Child, Worker
from core.worker.imports import import_runtimes, import_tools
from core.worker.processes import start_process, worker_environment
from tests.factories.light_forkserver import LightWorker


@pytest.fixture
def cold_worker(config: Settings, monkeypatch: pytest.MonkeyPatch):
    """A worker that has not begun to warm up, and will import TensorFlow by itself."""
    monkeypatch.setattr("core.worker.worker.start_process", start_process)
    worker = Worker(config)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def killable_worker(config: Settings):
    """A worker without TensorFlow that the tests here may bring down; it gets up again."""
    worker = LightWorker(config)
    yield worker
    worker.close()


# The warm process


def test_forkserver_killed_during_task_restarts_and_task_completes(killable_worker):
    killed = []

    def kill_once(_: dict) -> None:
        if not killed:
            killed.append(killable_worker._process.pid)
            os.kill(killed[0], signal.SIGKILL)

    frame = killable_worker.run("wait", seconds=120, for_seconds=1.0, on_progress=kill_once)
    assert frame.message == {"waited": 1.0}
    assert killable_worker._process.pid != killed[0]
    assert killable_worker.state().phase == "ready"


def test_forkserver_start_failure_is_retried_once_then_raised(cold_worker, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerError) as caught:
        cold_worker.open()
    assert caught.value.sentence == "The process in which TensorFlow lives could not be started, twice."
    assert caught.value.cure.startswith("Run `python -c 'import tensorflow'`")
    assert cold_worker.state().phase == "failed"


def test_worker_wait_for_forkserver_can_be_cancelled(cold_worker):
    assert cold_worker.state() == ("cold", 0.0)
    looks = iter([False, False])  # then a person has pressed Cancel
    with pytest.raises(Cancelled):
        cold_worker.open(cancelled=lambda: next(looks, True))
    assert cold_worker.state().phase == "warming"


def test_worker_close_ends_all_processes(killable_worker):
    begun = threading.Event()
    busy, idle = killable_worker.open(), killable_worker.open()
    at_work = threading.Thread(target=_wait_until_killed, args=(busy, begun), daemon=True)
    at_work.start()
    assert begun.wait(60)
    warm, folder = psutil.Process(killable_worker._process.pid), killable_worker._folder
    everyone = [warm, *warm.children(recursive=True)]
    assert busy.pid in {item.pid for item in everyone}
    killable_worker.close()
    assert psutil.wait_procs(everyone, timeout=5)[1] == []
    at_work.join(10)
    assert (folder.exists(), at_work.is_alive(), killable_worker.state().phase) == (False, False, "cold")
    idle.close()


def _wait_until_killed(child: Child, begun: threading.Event) -> None:
    with contextlib.suppress(ChildDied):
        child.request("wait", seconds=120, for_seconds=100.0, on_progress=lambda _: begun.set())


def test_killed_app_leaves_no_worker_processes(config):
    code = (
        "import sys; from tests.factories.light_forkserver import LightWorker\n"
        "worker = LightWorker(); child = worker.open()\n"
        "print(worker._process.pid, flush=True); sys.stdin.read()"
    )
    environment = os.environ | {"ROUNDTRIP_HOME": str(config.home), "PYTHONPATH": str(PROJECT)}
    app = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    with app:
        warm = psutil.Process(int(app.stdout.readline()))
        everyone = [warm, *warm.children(recursive=True)]
        app.kill()
    assert psutil.wait_procs(everyone, timeout=10)[1] == []


COUNT_THREADS = """
import os, sys
import numpy
from core.worker.imports import import_runtimes
count = lambda: len(os.listdir("/proc/self/task"))
before = count()
import_runtimes()
print(before == count(), *sorted({"onnxruntime", "openvino", "ai_edge_litert"} & sys.modules.keys()))
"""


def test_runtimes_that_the_forkserver_imports_start_no_thread(config: Settings):
    command, variables = [sys.executable, "-c", COUNT_THREADS], worker_environment(config)
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    assert ended.stdout.split() == ["True", "ai_edge_litert", "onnxruntime", "openvino"]


def test_runtime_whose_import_raises_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch, capsys):
    def break_down() -> None:
        raise RuntimeError("its library was built for another processor")

    imported: list[str] = []
    monkeypatch.setattr("core.runtimes.onnx.import_onnxruntime", break_down)
    monkeypatch.setattr("core.runtimes.openvino.import_openvino", lambda: imported.append("openvino"))
    monkeypatch.setattr("core.worker.imports.import_module", imported.append)
    import_runtimes()
    assert imported == ["openvino", "ai_edge_litert.interpreter"]
    said = "A runtime is left out: RuntimeError: its library was built for another processor\n"
    assert capsys.readouterr().err == said


TOOLS_AFTER_IMPORT = """
import os, sys
from core.worker import imports
count = lambda: len(os.listdir("/proc/self/task"))
imports.import_tools, import_tools = lambda: None, imports.import_tools
imports.import_everything()
before = count()
import_tools()
print(count() - before, *(name for name in imports.TOOLS if name not in sys.modules))
"""


@pytest.mark.long
def test_tools_that_the_forkserver_imports_are_there_and_start_no_thread(config: Settings):
    command, variables = [sys.executable, "-c", TOOLS_AFTER_IMPORT], worker_environment(config)
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    assert ended.stdout.split() == ["0"]


def test_tool_that_breaks_is_said_and_one_that_is_missing_is_not(monkeypatch: pytest.MonkeyPatch, capsys):
    def import_module(name: str) -> None:
        if name == "pydantic.broken":
            raise RuntimeError("its library was built for another processor")
        if name == "pydantic.needs_another":
            raise ModuleNotFoundError("No module named 'another'")
        imported.append(name)

    imported: list[str] = []
    monkeypatch.setattr("core.runtimes.openvino.import_openvino", lambda: imported.append("openvino"))
    monkeypatch.setattr("core.worker.imports.import_module", import_module)
    monkeypatch.setattr("core.worker.imports.TOOLS", ("pydantic.broken", "pydantic.needs_another", "numpy.linalg"))
    import_tools()
    assert imported == ["openvino", "numpy.linalg"]  # the first sees to it that the others send nothing
    said = "A tool is left out: RuntimeError: its library was built for another processor\n"
    assert capsys.readouterr().err == said
