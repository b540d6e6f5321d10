"""What a confined child can do, and what becomes of one that does what it should not.

What it does are tasks of our own (see `misbehaving_worker.py`): no file here makes it do so.
"""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.errors import (
    ChildDied,
    DoesNotLoad,
    NotConfined,
    Refused,
    TimedOut,
    TooLarge,
    TooMuchToSend,
    WorkerError,
)
from core.sandbox.escape_attempts import ATTEMPTS
from core.settings import Settings
from core.worker import Child, OutputFolder, SandboxCheck, Worker
from core.worker.file_exchange import FileExchange, substitute_paths
from core.worker.protocol import encode_frame
from core.worker.remote_predictor import load_in_child
from core.worker.sandbox_check import EscapeAttempt
from tests.helpers import wait_until

ONE_ROW = {"input:x": np.ones((1, 1), "float32")}

pytestmark = [
    pytest.mark.trust,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux confines"),
]


@pytest.fixture
def confined_child(misbehaving_worker: Worker):
    """A confined child that also knows tasks of our own."""
    with misbehaving_worker.open(sandboxed=True) as child:
        yield child


def list_canaries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("canary-*"))


def load_and_predict(runner: Child | Worker, folder: Path):
    """Have a SavedModel loaded and asked one row."""
    do, more = (runner.run, {"sandboxed": True}) if isinstance(runner, Worker) else (runner.request, {})
    return do("reload", format="saved_model", folder=folder, source=None, seconds=60, arrays=ONE_ROW, **more)


# The self-test


def test_sandbox_test_blocks_every_attempt(worker):
    tested = worker.run_sandbox_check()
    assert [probe.sentence for probe in tested.probes if not probe.blocked] == []
    assert [probe.name for probe in tested.probes] == list(ATTEMPTS)
    assert tested.sentence == f"Everything that a confined process tried was blocked: {len(ATTEMPTS)} attempts."


def test_attempts_succeed_without_confinement(worker, tmp_path):
    """Else the self-test would prove nothing; those that would end or change more than their trap are left out."""
    for name in ("secret", "lent"):
        (tmp_path / name).write_text(name)
    targets = {"secret": str(tmp_path / "secret"), "outside": str(tmp_path), "lent": str(tmp_path / "lent")}
    targets |= {"app": os.getpid(), "scratch": str(tmp_path / "scratch"), "scratch_folder": "/nowhere"}
    targets |= {"tcp": 1, "udp": 1, "unix": "/nowhere", "abstract": "nowhere", "program": str(tmp_path / "none")}
    attempts = worker.run("attempt", seconds=60, targets=targets).message["attempts"]
    through = {name for name, item in attempts.items() if not item["refused"]}
    assert through >= {"read-secret", "read-system", "list-library", "write-outside", "write-secret", "cut-lent"}
    assert through >= {"delete-lent", "symlink", "connect-tcp", "connect-udp", "connect-unix", "execute", "fork"}
    assert through >= {"signal", "signal-parent", "limits", "connect-abstract"}


def test_worker_with_leaking_sandbox_refuses_untrusted_model(config, tmp_path):
    worker = Worker(config)
    leaky = EscapeAttempt(name="fork", blocked=False, sentence="It could start another process.")
    worker._sandbox_check = SandboxCheck(probes=[leaky], created="", seconds=0.0)
    with pytest.raises(NotConfined) as caught:
        load_and_predict(worker, tmp_path)
    assert caught.value.sentence.startswith("What was imported is not run here")
    assert "ROUNDTRIP_RUN_UNCONFINED=1" in caught.value.cure
    assert "It could start another process." in caught.value.detail
    assert worker.state().phase == "cold"  # not even a process was started for it


def test_require_confined_of_unconfined_child_raises_not_confined(config):
    text = encode_frame({"confined": False, "why": "no Landlock"})
    with pytest.raises(NotConfined), child_sending([text], config) as child:
        child.require_confined()
    with child_sending([text], config.model_copy(update={"run_unconfined": True})) as child:
        child.require_confined()


# TensorFlow's own threads: what they do gets through in a plain child, and not in a confined one


def test_confined_child_tensorflow_threads_write_no_file(misbehaving_worker, confined_child, tmp_path):
    request = {"seconds": 60, "folder": str(tmp_path), "count": 8}
    misbehaving_worker.run("write_files", **request)
    assert list_canaries(tmp_path) == [f"canary-{item}" for item in range(8)]
    for canary in list_canaries(tmp_path):
        (tmp_path / canary).unlink()
    with pytest.raises(DoesNotLoad):
        confined_child.request("write_files", **request)
    assert list_canaries(tmp_path) == []


def test_confined_child_tensorflow_reads_no_file(misbehaving_worker, confined_child, tmp_path):
    (tmp_path / "secret").write_text("the secret of somebody else")
    request = {"seconds": 60, "path": str(tmp_path / "secret")}
    assert misbehaving_worker.run("read_file", **request).message == {"text": "the secret of somebody else"}
    with pytest.raises(DoesNotLoad) as caught:
        confined_child.request("read_file", **request)
    assert "the secret" not in str(caught.value.to_json())


# What it may do


def test_confined_child_predicts_like_unconfined_child(worker, jobs, saved, trained):
    rows = jobs.library.reference(trained("digits-mlp")).inputs
    request = {"format": "keras", "source": None, "arrays": {f"input:{name}": item for name, item in rows.items()}}
    folder = jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"])
    plain = worker.run("reload", seconds=60, folder=folder, **request)
    confined = worker.run("reload", seconds=60, folder=folder, sandboxed=True, **request)
    assert [array.tobytes() for array in plain.arrays.values()] == [
        array.tobytes() for array in confined.arrays.values()
    ]
    assert confined.message["weights"] == plain.message["weights"]
    assert (bool(plain.message["optimizer"]), confined.message["optimizer"]) == (True, [])  # no compile settings


def test_output_of_confined_child_is_collected_and_the_rest_deleted(worker, jobs, trained, tmp_path):
    run = jobs.library.run(trained("digits-mlp"))
    request = {"source": run.code_source, "kind": run.kind, "snapshot": jobs.library.snapshot(run.id), "options": {}}
    worker.run("save", seconds=60, sandboxed=True, format="saved_model", folder=OutputFolder(tmp_path), **request)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        "fingerprint.pb",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    }
    wait_until(
        lambda: not [item for item in worker._exchange_folders.iterdir() if item.name != str(worker._spares[True].pid)],
        10,
    )


def test_untrusted_pickle_is_refused_before_opening(worker, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(Refused) as caught:
        load_in_child(worker, seconds=60, sandboxed=True, format="pickle", folder=tmp_path, source=None)
    assert caught.value.code == "refused:runs-code"


def test_confined_child_error_names_no_exchange_path(worker, confined_child, tmp_path):
    with pytest.raises(DoesNotLoad) as caught:
        load_and_predict(confined_child, tmp_path)
    assert str(worker._exchange_folders) not in str(caught.value.to_json())
    assert str(tmp_path) not in str(caught.value.to_json())


# A child that goes wrong


def test_confined_child_over_time_limit_is_ended_and_cleaned_up(confined_child):
    confined_child.config = confined_child.config.model_copy(update={"confined_seconds": 1.0})
    with pytest.raises(TimedOut, match="longer than its limit of 1 seconds"):
        confined_child.request("wait", seconds=60)
    wait_until(lambda: not psutil.pid_exists(confined_child.pid))
    wait_until(lambda: not confined_child.file_exchange.folder.exists())


def test_confined_child_over_cpu_limit_raises_timed_out(confined_child):
    confined_child.config = confined_child.config.model_copy(update={"confined_cpu_seconds": 1})
    with pytest.raises(TimedOut) as caught:
        confined_child.request("compute", seconds=60)
    assert caught.value.sentence == "It used up its 1 seconds of processor time, and was stopped."


def test_confined_child_over_memory_limit_is_ended_and_names_the_setting(confined_child):
    confined_child.config = confined_child.config.model_copy(update={"confined_gb": 1.0})
    with pytest.raises(TooLarge) as caught:
        confined_child.request("ask_memory", seconds=60, gib=1.5, held_seconds=30)
    assert caught.value.sentence == "It is too large for the 1 GB of memory that its process may use here."
    assert caught.value.cure == "Raise ROUNDTRIP_CONFINED_GB, or use a smaller model or batch."
    wait_until(lambda: not psutil.pid_exists(confined_child.pid))


@pytest.mark.long
def test_confined_child_over_address_space_is_not_given_more(confined_child):
    confined_child.config = confined_child.config.model_copy(update={"confined_gb": 1.0})
    with pytest.raises(TooLarge, match="too large for the 1 GB of memory"):
        confined_child.request("ask_memory", seconds=60, gib=12)


@pytest.mark.parametrize(("task", "words"), [("end", "it stopped with status 0"), ("abort", "with SIGABRT")])
def test_confined_child_without_reply_raises_child_died(confined_child, task, words):
    with pytest.raises(ChildDied, match=words):
        confined_child.request(task, seconds=60)


def child_sending(frames: list, config: Settings, folder: Path = Path("/nowhere")) -> Child:
    """A confined child whose every word is given: a real process that says it and hangs up."""
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for pieces in frames:
        for piece in pieces:
            process.stdin.write(piece)
    process.stdin.close()
    nowhere = open(os.devnull, "wb")  # noqa: SIM115  closed with the child

    def hang_up() -> None:
        process.kill()
        process.wait()
        process.stdout.close()
        nowhere.close()

    return Child(process.stdout, nowhere, hang_up, config, process.pid, FileExchange(folder))


CONFINED_FRAME = encode_frame({"confined": True, "why": ""})


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ([], ChildDied, "it hung up without a reply"),
        ([encode_frame({"tada": 1})], WorkerError, "The reply of a child makes no sense."),
        ([[b"\xff" * 400]], TooMuchToSend, "larger than the 4 MB .* raise ROUNDTRIP_CONFINED_REPLY_MB"),
        ([encode_frame({"error": {"code": 5, "sentence": []}})], WorkerError, "makes no sense"),
        ([encode_frame({"error": {"code": "cancelled", "sentence": "Ha."}})], WorkerError, "Ha."),
        ([encode_frame({"exit": "now"})], ChildDied, "it hung up without a reply"),
        ([encode_frame({"ok": {}}, {"y": np.zeros(5 * 2**20, "uint8")})], TooMuchToSend, "larger than the 4 MB"),
        ([encode_frame({"ok": {"y": "x" * 5 * 2**20}})], TooMuchToSend, "larger than the 4 MB"),
    ],
)
def test_untrusted_error_reply_becomes_plain_sentence(config, reply, error, words):
    with child_sending([CONFINED_FRAME, *reply], config) as child:
        child.require_confined()
        with pytest.raises(error, match=words) as caught:
            child.receive(seconds=30)
    assert type(caught.value) is error


def test_large_reply_is_accepted_only_on_request(confined_child):
    assert confined_child.request("reply_with", seconds=60, mib=5, reply_mb=8).arrays["y"].nbytes == 5 * 2**20
    with pytest.raises(TooMuchToSend, match="The reply of a child is larger than the 4 MB that it may have"):
        confined_child.request("reply_with", seconds=60, mib=5)


# The box


def test_file_exchange_does_not_follow_symlink_in_output(tmp_path):
    box = FileExchange(tmp_path / "box")
    box.make()
    (tmp_path / "there").mkdir()
    box.create_output_folder(OutputFolder(tmp_path / "there"))
    (box.folder / "out" / "filled-0" / "mine").symlink_to(tmp_path / "there")
    with pytest.raises(WorkerError, match="no plain file"):
        box.collect(2**20)
    assert list((tmp_path / "there").iterdir()) == []


def test_file_exchange_output_over_limit_raises_worker_error(tmp_path):
    box = FileExchange(tmp_path / "box")
    box.make()
    box.create_output_folder(OutputFolder(tmp_path))
    (box.folder / "out" / "filled-0" / "large").write_bytes(b"x" * 11)
    with pytest.raises(WorkerError, match="more than it may"):
        box.collect(10)


def test_file_exchange_lends_same_file_and_skips_symlinks(tmp_path):
    (tmp_path / "copy" / "deep").mkdir(parents=True)
    (tmp_path / "copy" / "deep" / "file").write_bytes(b"x")
    (tmp_path / "copy" / "link").symlink_to(tmp_path / "copy" / "deep")
    box = FileExchange(tmp_path / "box")
    box.make()
    reply = substitute_paths(
        {"a": [tmp_path / "copy"], "b": tmp_path / "copy", "c": 1}, box.lend, box.create_output_folder
    )
    lent = Path(reply["b"])
    assert (reply["a"], reply["c"], lent.name) == ([reply["b"]], 1, "copy")
    assert [path.name for path in sorted(lent.rglob("*"))] == ["deep", "file"]
    assert (lent / "deep" / "file").stat().st_ino == (tmp_path / "copy" / "deep" / "file").stat().st_ino


def test_closed_worker_leaves_nothing_in_staging(config, tmp_path):
    worker = Worker(config.model_copy(update={"home": tmp_path}))
    started = time.monotonic()
    worker._create_exchange_folders()
    (worker._exchange_folders / "1").mkdir()
    worker.close()
    assert list((tmp_path / "staging").iterdir()) == []
    assert time.monotonic() - started < 10
