"""Children that die, hang, lie or print without end, and a warm process that is killed under its work."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.demos.base import TrainSettings
from core.errors import Cancelled, ChildDied, DoesNotLoad, NeedsArchitecture, TimedOut, WorkerError
from core.settings import PROJECT, Settings
from core.worker import Child, Worker
from core.worker.protocol import Frame, encode_frame, read_frame

LONG = TrainSettings(epochs=500).model_dump()
SHORT = TrainSettings(epochs=1).model_dump()


@pytest.fixture
def cold(config: Settings):
    """A worker that has not begun to warm up."""
    one = Worker(config)
    yield one
    one.close()


@pytest.fixture(scope="module")
def fragile(config: Settings):
    """A worker that the tests here may bring down; it gets up again."""
    one = Worker(config)
    yield one
    one.close()


@pytest.fixture
def spawning(config: Settings):
    """A worker that starts every child by itself, as where there is no fork."""
    one = Worker(config.model_copy(update={"worker": "spawn"}))
    yield one
    one.close()


@pytest.fixture(scope="module")
def copy_of(jobs, saved):
    """A function that gives the folder of a demo's artifact in a format."""
    return lambda demo, format_key: jobs.library.verified_folder(saved(demo, format_key)["artifact"])


@pytest.fixture(scope="module")
def pixels(jobs, trained) -> dict[str, np.ndarray]:
    """The reference inputs of the demo digits-mlp."""
    return jobs.library.reference(trained("digits-mlp")).inputs


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Path:
    """SavedModels that a stranger might send: "endless" never answers, "loud" prints a hundred megabytes first,
    "huge" asks for a terabyte."""
    folder = tmp_path_factory.mktemp("strangers")
    script = Path(__file__).with_name("strangers.py")
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True, cwd=PROJECT)
    return folder


def gone(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return process in psutil.wait_procs([process], timeout=5)[0]
    return True


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        os.sched_yield()


def train(child: Child, tmp_path: Path, settings: dict = LONG, **request) -> Frame:
    request = {"seconds": 120} | request
    return child.request("train", demo="digits-core", settings=settings, folder=str(tmp_path), **request)


def reload(
    worker: Worker, folder: Path, format_key: str = "saved_model", source: dict | None = None, **request
) -> Frame:
    request = {"seconds": 120} | request
    return worker.run("reload", format=format_key, folder=str(folder), source=source, **request)


# Ways to die


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"])
def test_a_child_that_is_killed_at_work_is_a_plain_sentence(worker, tmp_path, name):
    with worker.open() as child, pytest.raises(ChildDied) as caught:
        train(child, tmp_path, on_progress=lambda _: os.kill(child.pid, getattr(signal, name)))
    assert caught.value.sentence == (
        f"The process that held the model ended before it answered: it was ended by the system with {name}."
    )
    assert caught.value.cure.startswith("Try again; if it happens again")
    assert gone(child.pid)


def test_the_next_child_works_after_one_has_died(worker, tmp_path):
    with worker.open() as child, pytest.raises(ChildDied):
        train(child, tmp_path / "a", on_progress=lambda _: os.kill(child.pid, signal.SIGKILL))
    (tmp_path / "b").mkdir()
    with worker.open() as child:
        assert train(child, tmp_path / "b", SHORT).message["rows"]["held_out"] == 270


def test_a_spare_child_that_died_unused_is_not_given_out(fragile, tmp_path):
    with fragile.open() as child:
        train(child, tmp_path, SHORT)  # by its end the next child stands ready
    spares = [one for one in psutil.Process(fragile._process.pid).children() if one.pid != child.pid]
    for spare in spares:
        spare.kill()
    until(lambda: fragile._spare.has_ended)
    dead = fragile._spare
    (tmp_path / "again").mkdir()
    with fragile.open() as child:
        assert train(child, tmp_path / "again", SHORT).message["rows"]["held_out"] == 270
    with pytest.raises(ChildDied, match=r"held the model was ended\."):  # closed: nothing waits for it
        dead.request("threads", seconds=5)


def test_a_child_that_is_closed_as_soon_as_it_was_asked_is_gone(worker, tmp_path):
    worker.open().close()  # now the warm process is there
    child = worker._connect(confined=False)
    child.send("train", demo="digits-core", settings=LONG, folder=str(tmp_path))
    child.close()
    assert child.pid is not None
    assert gone(child.pid)


def test_a_child_says_which_process_it_is_before_anything_else_and_can_then_be_ended_with_its_group(fragile):
    fragile.open().close()
    for _ in range(5):
        with connected(fragile) as connection, connection.makefile("rb") as stream:
            pid = read_frame(stream, 0).message["hello"]
            assert os.getpgid(pid) == pid
            os.killpg(pid, signal.SIGKILL)
            assert "exit" in read_frame(stream, 0).message


def test_a_child_that_ends_unheard_keeps_nobody_waiting(fragile):
    fragile.open().close()
    with connected(fragile) as connection:
        asked = b"".join(encode_frame({"task": "unknown", "args": {}}))
        connection.sendall(asked)
        with connection.makefile("rb") as stream:
            pid = read_frame(stream, 0).message["hello"]
            assert "error" in read_frame(stream, 0).message  # from now on it reads what it is asked
        while select.select([], [connection], [], 2)[1]:  # it answers until its channel is full, and reads no more
            connection.sendall(asked)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(pid))
        with fragile._connect(confined=False) as child:
            assert child.request("threads", seconds=30).message


@contextlib.contextmanager
def connected(worker: Worker) -> Iterator[socket.socket]:
    """A child of a worker's, without the app's side of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(worker._folder / "worker"))
        yield connection


@pytest.mark.long
def test_a_model_that_asks_for_a_terabyte_is_refused_in_words(worker, strangers):
    with pytest.raises(DoesNotLoad) as caught:
        reload(worker, strangers / "huge", arrays={"x": np.ones((1, 1), "float32")})
    assert caught.value.sentence == "The process ran out of the memory that it may use."
    assert caught.value.cure == "Raise ROUNDTRIP_CHILD_GIB, or use a smaller model or batch."


def test_a_child_that_never_answers_is_stopped_at_its_limit(worker, strangers):
    request = {"format": "saved_model", "folder": str(strangers / "endless"), "source": None}
    with worker.open() as child, pytest.raises(TimedOut) as caught:
        child.request("reload", seconds=1.5, arrays={"x": np.ones((1, 1), "float32")}, **request)
    assert caught.value.sentence == "It took longer than its limit of 1.5 seconds, and was stopped."
    assert gone(child.pid)


def test_a_child_that_prints_without_end_answers_all_the_same(worker, strangers):
    frame = reload(worker, strangers / "loud", arrays={"x": np.full((2, 1), 3, "float32")})
    assert frame.arrays["output_0"].tolist() == [[6.0], [6.0]]


def test_a_child_is_cancelled_within_a_second(worker, tmp_path):
    begun = []
    with worker.open() as child:
        with pytest.raises(Cancelled) as caught:
            train(child, tmp_path, on_progress=lambda _: begun.append(time.monotonic()), cancelled=lambda: bool(begun))
        assert gone(child.pid)
        assert time.monotonic() - begun[0] < 1
    assert caught.value.sentence == "It was cancelled."


def test_an_exception_in_a_task_is_a_sentence_and_the_child_lives_on(worker, tmp_path, copy_of, pixels):
    keras_file = copy_of("digits-mlp", "keras")
    with worker.open() as child:
        with pytest.raises(DoesNotLoad) as caught:
            child.request("reload", format="keras", folder=str(tmp_path), source=None, arrays=pixels, seconds=60)
        assert caught.value.sentence == "A file of this copy is missing."
        assert str(tmp_path) not in json.dumps(caught.value.to_json())
        frame = child.request("reload", format="keras", folder=str(keras_file), source=None, arrays=pixels, seconds=60)
    assert len(frame.arrays) == 1


def test_an_unknown_task_is_an_error_and_not_the_end(worker):
    with worker.open() as child, pytest.raises(WorkerError, match="The library said: 'juggle'"):
        child.request("juggle", seconds=60)


@pytest.mark.parametrize(
    ("format_key", "name", "sentence"),
    [
        ("h5", "model.h5", "The file is cut short or is not what its name says."),
        ("weights", "model.weights.h5", "The file is cut short or is not what its name says."),
        ("saved_model", "saved_model.pb", "The file is damaged or of another kind than its name says."),
        (
            "saved_model",
            "variables/variables.data-00000-of-00001",
            "The file is cut short or is not what its name says.",
        ),
    ],
)
def test_a_file_that_was_cut_in_half_is_an_error_in_words(
    worker, tmp_path, copy_of, pixels, jobs, trained, format_key, name, sentence
):
    folder = shutil.copytree(copy_of("digits-mlp", format_key), tmp_path / "copy")
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    source = jobs.library.run(trained("digits-mlp")).code_source if format_key == "weights" else None
    with pytest.raises(DoesNotLoad) as caught:
        reload(worker, folder, format_key, source, arrays=pixels)
    assert caught.value.sentence == sentence


# What a reloading process knows


def test_weights_alone_say_what_they_need(worker, copy_of, pixels):
    with pytest.raises(NeedsArchitecture):
        reload(worker, copy_of("digits-mlp", "weights"), "weights", arrays=pixels)


def test_a_fresh_child_never_knows_the_classes_of_a_demo(worker, tmp_path, copy_of, pixels):
    """Not even after other children have trained the very model."""
    folder = copy_of("digits-custom", "keras")
    with worker.open() as child:
        child.request("train", seconds=120, demo="digits-custom", settings=SHORT, folder=str(tmp_path))
        for attempt in (child.request, worker.run):
            with pytest.raises(DoesNotLoad, match="does not know the custom class 'Scale'"):
                attempt("reload", seconds=60, format="keras", folder=str(folder), source=None, arrays=pixels)


def test_spawned_children_answer_as_forked_ones_do(worker, spawning, copy_of, pixels):
    folder = copy_of("digits-mlp", "keras")
    assert spawning.state().phase == "ready"
    forked, spawned = (reload(one, folder, "keras", arrays=pixels) for one in (worker, spawning))
    assert forked.arrays.keys() == spawned.arrays.keys()
    for name, array in forked.arrays.items():
        assert array.tobytes() == spawned.arrays[name].tobytes()
    for fact in ("inputs", "weights", "optimizer"):
        assert forked.message[fact] == spawned.message[fact]


def test_a_spawned_child_that_is_killed_is_a_plain_sentence(spawning, tmp_path):
    with spawning.open() as child, pytest.raises(ChildDied, match="it hung up without a reply"):
        train(child, tmp_path, on_progress=lambda _: os.kill(child.pid, signal.SIGKILL))
    assert gone(child.pid)


# The warm process


def test_a_warm_process_that_is_killed_is_started_again_and_the_work_is_done(fragile, tmp_path):
    killed = []

    def kill_once(_: dict) -> None:
        if not killed:
            killed.append(fragile._process.pid)
            os.kill(killed[0], signal.SIGKILL)

    frame = fragile.run(
        "train", seconds=120, demo="digits-core", settings=SHORT, folder=str(tmp_path), on_progress=kill_once
    )
    assert frame.message["rows"] == {"training": 1257, "validation": 270, "held_out": 270}
    assert fragile._process.pid != killed[0]
    assert fragile.state().phase == "ready"


def test_a_python_that_cannot_start_is_tried_twice_and_then_said(cold, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerError) as caught:
        cold.open()
    assert caught.value.sentence == "The process in which TensorFlow lives could not be started, twice."
    assert caught.value.cure.startswith("Run `python -c 'import tensorflow'`")
    assert cold.state().phase == "failed"


def test_waiting_for_the_warm_process_can_be_cancelled(cold):
    assert cold.state() == ("cold", 0.0)
    looks = iter([False, False])  # then a person has pressed Cancel
    with pytest.raises(Cancelled):
        cold.open(cancelled=lambda: next(looks, True))
    assert cold.state().phase == "warming"


def test_nothing_outlives_a_closed_worker(fragile, tmp_path):
    begun = threading.Event()
    busy, idle = fragile.open(), fragile.open()
    at_work = threading.Thread(target=_train_until_the_end, args=(busy, tmp_path, begun), daemon=True)
    at_work.start()
    assert begun.wait(60)
    warm, folder = psutil.Process(fragile._process.pid), fragile._folder
    everyone = [warm, *warm.children(recursive=True)]
    assert busy.pid in {one.pid for one in everyone}
    fragile.close()
    assert psutil.wait_procs(everyone, timeout=5)[1] == []
    at_work.join(10)
    assert (folder.exists(), at_work.is_alive(), fragile.state().phase) == (False, False, "cold")
    idle.close()


def _train_until_the_end(child: Child, folder: Path, begun: threading.Event) -> None:
    with contextlib.suppress(ChildDied):
        train(child, folder, on_progress=lambda _: begun.set())


def test_nothing_outlives_an_app_that_is_killed(config):
    code = (
        "import sys; from core.worker import Worker; one = Worker(); child = one.open()\n"
        "print(one._process.pid, flush=True); sys.stdin.read()"
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


# How much goes over the wire


def test_a_real_reply_above_the_limit_is_refused_by_the_app(config, worker, jobs, saved, pixels):
    """The same worker, with less room for replies: 270 rows of 10 probabilities do fit, 40,000 do not."""
    many = {"pixels": np.tile(pixels["pixels"], (150, 1))}
    folder = jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"])
    with worker.open() as child:
        child._reply_limit = 2**20
        assert (
            len(
                child.request(
                    "reload", format="keras", folder=str(folder), source=None, arrays=pixels, seconds=60
                ).arrays
            )
            == 1
        )
        with pytest.raises(ChildDied, match="larger than allowed"):
            child.request("reload", format="keras", folder=str(folder), source=None, arrays=many, seconds=60)


def test_a_request_above_the_limit_is_refused_by_the_child_in_words(config, fragile):
    with fragile.open() as child, pytest.raises(WorkerError) as caught:
        child.request("answer", arrays={"x": np.zeros(config.reply_mib * 2**20 + 1, "uint8")}, seconds=60)
    assert caught.value.to_json() | {"received": ""} == {
        "code": "worker",
        "sentence": "What a child was asked is larger than allowed.",
        "received": "",
        "cure": "Choose fewer rows, or raise ROUNDTRIP_REPLY_MIB.",
        "detail": "",
    }
