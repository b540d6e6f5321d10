"""Children that die, are late, lie or print a lot, and a warm process that is killed under its work."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.demos.base import TrainSettings
from core.errors import (
    Cancelled,
    ChildDied,
    DoesNotLoad,
    NeedsArchitecture,
    TimedOut,
    TooLarge,
    TooMuchToSend,
    WorkerError,
)
from core.settings import MB, Settings
from core.worker import Child, Worker
from core.worker.protocol import Frame, FrameLimit, encode_frame, read_frame
from tests.factories.light_forkserver import LightWorker
from tests.helpers import CANCEL_SECONDS, wait_until

LONG_TRAINING = TrainSettings(epochs=500).model_dump()
SHORT_TRAINING = TrainSettings(epochs=1).model_dump()


@pytest.fixture(scope="module")
def killable_worker(config: Settings):
    """A worker without TensorFlow that the tests here may bring down; it gets up again."""
    worker = LightWorker(config)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def spawning_worker(config: Settings):
    """A worker that starts every child by itself, as where there is no fork."""
    worker = Worker(config.model_copy(update={"worker": "spawn"}))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def spawned_child(spawning_worker: Worker):
    """A child that it has started; killed by the last test that uses it."""
    with spawning_worker.open() as child:
        yield child


@pytest.fixture(scope="module")
def folder_of(jobs, saved):
    """A function that gives the folder of a demo's artifact in a format."""
    return lambda demo, format_key: jobs.library.verified_folder(saved(demo, format_key)["artifact"])


@pytest.fixture(scope="module")
def reference_inputs(jobs, trained) -> dict[str, np.ndarray]:
    """The reference inputs of the demo digits-mlp."""
    return jobs.library.reference(trained("digits-mlp")).inputs


def is_process_gone(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return process in psutil.wait_procs([process], timeout=5)[0]
    return True


def request_training(child: Child, tmp_path: Path, settings: dict = LONG_TRAINING, **request) -> Frame:
    request = {"seconds": 120} | request
    return child.request("train", demo="digits-core", settings=settings, folder=str(tmp_path), **request)


def request_reload(
    worker: Worker, folder: Path, format_key: str = "saved_model", source: dict | None = None, **request
) -> Frame:
    request = {"seconds": 120} | request
    return worker.run("reload", format=format_key, folder=str(folder), source=source, **request)


# Ways to die


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"])
def test_child_killed_during_task_raises_child_died_with_signal_name(worker, tmp_path, name):
    with worker.open() as child, pytest.raises(ChildDied) as caught:
        request_training(child, tmp_path, on_progress=lambda _: os.kill(child.pid, getattr(signal, name)))
    assert caught.value.sentence == (
        f"The process that held the model ended before it answered: it was ended by the system with {name}."
    )
    assert caught.value.cure.startswith("Try again; if it happens again")
    assert is_process_gone(child.pid)


def test_worker_opens_next_child_after_one_died(worker, tmp_path):
    with worker.open() as child, pytest.raises(ChildDied):
        request_training(child, tmp_path / "a", on_progress=lambda _: os.kill(child.pid, signal.SIGKILL))
    (tmp_path / "b").mkdir()
    with worker.open() as child:
        assert request_training(child, tmp_path / "b", SHORT_TRAINING).message["rows"]["held_out"] == 270


def test_worker_discards_dead_spare_child(killable_worker):
    with killable_worker.open():
        wait_until(lambda: False in killable_worker._spares)
        spare = killable_worker._spares[False]
        wait_until(lambda: spare.pid is not None)
    os.kill(spare.pid, signal.SIGKILL)
    wait_until(lambda: spare.has_ended)
    assert killable_worker._spares[False] is spare
    with killable_worker.open() as child:
        assert child.request("echo", seconds=30, word="yes").message == {"word": "yes"}
    with pytest.raises(ChildDied, match=r"held the model was ended\."):  # closed: nothing waits for it
        spare.request("echo", seconds=5, word="yes")


def test_worker_prepares_a_spare_child_once_many_have_ended(killable_worker):
    killable_worker.open().close()
    wait_until(lambda: False in killable_worker._spares)
    with killable_worker.without_new_spares():
        killable_worker.open().close()  # the spare that was there
        killable_worker._refill_spares()
        assert False not in killable_worker._spares
    wait_until(lambda: False in killable_worker._spares)


def test_child_closed_right_after_request_is_ended(worker, tmp_path):
    worker.open().close()  # now the warm process is there
    child = worker._connect(sandboxed=False)
    child.send("train", demo="digits-core", settings=LONG_TRAINING, folder=str(tmp_path))
    child.close()
    assert child.pid is not None
    assert is_process_gone(child.pid)


def test_child_sends_pid_first_and_is_killable_with_its_group(killable_worker):
    killable_worker.open().close()
    for _ in range(5):
        with connect_to_forkserver(killable_worker) as connection, connection.makefile("rb") as stream:
            pid = read_frame(stream).message["hello"]
            assert os.getpgid(pid) == pid
            os.killpg(pid, signal.SIGKILL)
            assert "exit" in read_frame(stream).message


def test_child_killed_with_full_channel_does_not_block_forkserver(killable_worker):
    killable_worker.open().close()
    with connect_to_forkserver(killable_worker) as connection:
        text = b"".join(encode_frame({"task": "unknown", "args": {}}))
        connection.sendall(text)
        with connection.makefile("rb") as stream:
            pid = read_frame(stream).message["hello"]
            assert "error" in read_frame(stream).message  # from now on it reads what it is asked
        while select.select([], [connection], [], 2)[1]:  # it answers until its channel is full, and reads no more
            connection.sendall(text)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid))
        with killable_worker._connect(sandboxed=False) as child:
            assert child.request("echo", seconds=30, word="yes").message == {"word": "yes"}


@contextlib.contextmanager
def connect_to_forkserver(worker: Worker) -> Iterator[socket.socket]:
    """A child of a worker's, without the app's side of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(worker._folder / "worker"))
        yield connection


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing bounds the memory of a child")
def test_child_over_memory_limit_names_the_setting(misbehaving_worker):
    with misbehaving_worker.open() as child:
        child.config = child.config.model_copy(update={"child_gb": 1.0})
        with pytest.raises(TooLarge) as caught:
            child.request("ask_memory", seconds=60, gib=1.5, held_seconds=30)
    assert caught.value.sentence == "It is too large for the 1 GB of memory that its process may use here."
    assert caught.value.cure == "Raise ROUNDTRIP_CHILD_GB, or use a smaller model or batch."


def test_child_without_reply_is_stopped_at_time_limit(misbehaving_worker):
    with misbehaving_worker.open() as child, pytest.raises(TimedOut) as caught:
        child.request("wait", seconds=1.5)
    assert caught.value.sentence == "It took longer than its limit of 1.5 seconds, and was stopped."
    assert is_process_gone(child.pid)


def test_child_with_long_output_still_replies(misbehaving_worker):
    assert misbehaving_worker.run("print_lines", seconds=60, lines=20_000).message == {"lines": 20_000}


def test_a_child_is_cancelled_at_once(worker, tmp_path):
    begun = []
    with worker.open() as child:
        with pytest.raises(Cancelled) as caught:
            request_training(
                child, tmp_path, on_progress=lambda _: begun.append(time.monotonic()), cancelled=lambda: bool(begun)
            )
        assert is_process_gone(child.pid)
        assert time.monotonic() - begun[0] < CANCEL_SECONDS
    assert caught.value.sentence == "It was cancelled."


def test_child_survives_exception_in_task(worker, tmp_path, folder_of, reference_inputs):
    keras_file = folder_of("digits-mlp", "keras")
    with worker.open() as child:
        with pytest.raises(DoesNotLoad) as caught:
            child.request(
                "reload", format="keras", folder=str(tmp_path), source=None, arrays=reference_inputs, seconds=60
            )
        assert caught.value.sentence == "A file of this copy is missing."
        assert str(tmp_path) not in json.dumps(caught.value.to_json())
        frame = child.request(
            "reload", format="keras", folder=str(keras_file), source=None, arrays=reference_inputs, seconds=60
        )
    assert len(frame.arrays) == 1


def test_child_unknown_task_raises_worker_error(worker):
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
def test_reload_truncated_file_raises_does_not_load(
    worker, tmp_path, folder_of, reference_inputs, jobs, trained, format_key, name, sentence
):
    folder = shutil.copytree(folder_of("digits-mlp", format_key), tmp_path / "copy")
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    source = jobs.library.run(trained("digits-mlp")).code_source if format_key == "weights" else None
    with pytest.raises(DoesNotLoad) as caught:
        request_reload(worker, folder, format_key, source, arrays=reference_inputs)
    assert caught.value.sentence == sentence


# What a reloading process knows


def test_reload_weights_without_code_needs_architecture(worker, folder_of, reference_inputs):
    with pytest.raises(NeedsArchitecture):
        request_reload(worker, folder_of("digits-mlp", "weights"), "weights", arrays=reference_inputs)


def test_fresh_child_does_not_know_demo_classes(worker, tmp_path, folder_of, reference_inputs):
    """Not even after other children have trained the very model."""
    folder = folder_of("digits-custom", "keras")
    with worker.open() as child:
        child.request("train", seconds=120, demo="digits-custom", settings=SHORT_TRAINING, folder=str(tmp_path))
        for attempt in (child.request, worker.run):
            with pytest.raises(DoesNotLoad, match="does not know the custom class 'Scale'"):
                attempt("reload", seconds=60, format="keras", folder=str(folder), source=None, arrays=reference_inputs)


def test_spawned_child_matches_forked_child(worker, spawning_worker, spawned_child, folder_of, reference_inputs):
    folder = folder_of("digits-mlp", "keras")
    assert spawning_worker.state().phase == "ready"
    request = {"format": "keras", "folder": str(folder), "source": None, "arrays": reference_inputs, "seconds": 120}
    forked, spawned = worker.run("reload", **request), spawned_child.request("reload", **request)
    assert forked.arrays.keys() == spawned.arrays.keys()
    for name, array in forked.arrays.items():
        assert array.tobytes() == spawned.arrays[name].tobytes()
    for fact in ("inputs", "weights", "optimizer"):
        assert forked.message[fact] == spawned.message[fact]


def test_spawned_child_killed_raises_child_died(spawned_child, tmp_path):
    with pytest.raises(ChildDied, match="it hung up without a reply"):
        request_training(spawned_child, tmp_path, on_progress=lambda _: os.kill(spawned_child.pid, signal.SIGKILL))
    assert is_process_gone(spawned_child.pid)


# How much goes over the wire


def test_child_reply_above_limit_is_refused_by_app(config, worker, jobs, saved, reference_inputs):
    """The same worker, with less room for replies: 270 rows of 10 probabilities do fit, 40,000 do not."""
    many = {"pixels": np.tile(reference_inputs["pixels"], (150, 1))}
    folder = jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"])
    with worker.open() as child:
        child._reply_limit = FrameLimit(2**20)
        assert (
            len(
                child.request(
                    "reload", format="keras", folder=str(folder), source=None, arrays=reference_inputs, seconds=60
                ).arrays
            )
            == 1
        )
        with pytest.raises(TooMuchToSend, match=r"larger than the 1\.05 MB"):
            child.request("reload", format="keras", folder=str(folder), source=None, arrays=many, seconds=60)


def test_child_refuses_request_above_limit_with_sentence(config, killable_worker):
    with killable_worker.open() as child, pytest.raises(WorkerError) as caught:
        child.request("predict", arrays={"x": np.zeros(config.reply_mb * MB + 1, "uint8")}, seconds=60)
    assert caught.value.to_json() | {"received": ""} == {
        "code": "too-much-to-send",
        "sentence": "What a child was asked is larger than the 256 MB that it may have.",
        "received": "",
        "cure": "Choose fewer rows, or raise ROUNDTRIP_REPLY_MB.",
        "detail": "",
    }
