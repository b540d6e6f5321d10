"""Which children copies are reloaded in: as few as a proof needs, and none is left open."""

import io
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from core.arrays import Arrays
from core.errors import ChildDied
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence
from core.formats import FORMATS, get_format
from core.reload import gather_evidence, reload_in_child
from core.runtimes.keras import keras_predictor
from core.runtimes.model_facts import describe_model
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference
from core.settings import MB
from core.worker import serve
from core.worker.child_handle import Child, never_cancelled
from core.worker.processes import worker_environment
from core.worker.protocol import FrameLimit, encode_frame, read_frame
from tests.factories.keras_models import ROWS, build_dense_model, fit

LIMITS: dict[str, Any] = {"seconds": 60.0, "cancelled": never_cancelled, "sandboxed": False}


class Known(NamedTuple):
    """A live model, its snapshot, and what copies are compared with."""

    model: Any
    snapshot: Path
    original: OriginalFingerprint
    reference: Reference


@pytest.fixture
def opened(worker, monkeypatch: pytest.MonkeyPatch) -> list[Child]:
    """The children that are opened from now on."""
    children: list[Child] = []
    open_child = worker.open
    monkeypatch.setattr(worker, "open", lambda *given: children.append(open_child(*given)) or children[-1])
    return children


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """A model of a person's own, which has no demo."""
    model, snapshot = fit(build_dense_model()), tmp_path_factory.mktemp("snapshot")
    get_format("keras").save(model, snapshot)
    facts = describe_model(model)
    settings = ModelSettings.read(facts["traits"])
    original = OriginalFingerprint(weights=facts["weights"], optimizer=facts["optimizer"], settings=settings)
    return Known(model, snapshot, original, Reference({"x": ROWS}, keras_predictor(model).predict({"x": ROWS}), {}))


def _save_and_gather(worker: Any, known: Known, folder: Path, key: str) -> Evidence:
    """Save the model, and reload it: without its code, and where it needs that with the snapshot of its run."""
    get_format(key).save(known.model, folder)
    source = {"demo": None, "settings": None, "kind": "keras", "snapshot": known.snapshot}
    return gather_evidence(worker, key, folder, source, known.original, known.reference, **LIMITS)


def _require_closed(children: list[Child]) -> None:
    for child in children:
        with pytest.raises(ChildDied):
            child.request("unload", seconds=1)


@pytest.mark.parametrize("key", [format_.key for format_ in FORMATS if format_.needs_architecture])
def test_half_of_a_model_is_completed_in_the_child_that_lacked_it(key: str, worker, known, opened, tmp_path: Path):
    evidence = _save_and_gather(worker, known, tmp_path, key)
    assert evidence.without_code.error["code"] == "needs-architecture"
    assert evidence.completed.verdict.value == "bit-identical"
    assert len(opened) == 1
    _require_closed(opened)


def test_child_that_is_kept_is_closed_where_the_second_reload_stops(
    worker, known, opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reloads = iter([reload_in_child])
    monkeypatch.setattr("core.reload.reload_in_child", lambda *given, **how: next(reloads)(*given, **how))
    with pytest.raises(StopIteration):
        _save_and_gather(worker, known, tmp_path, "weights")
    assert len(opened) == 1
    _require_closed(opened)


@pytest.mark.parametrize("key", ["litert", "keras"])
def test_reload_in_another_runtime_leaves_the_warm_child(key: str, worker, known, tmp_path: Path, monkeypatch):
    asked: list[bool] = []
    take = worker._take_child
    monkeypatch.setattr(
        worker, "_take_child", lambda cancelled, sandboxed, warm: asked.append(warm) or take(cancelled, sandboxed, warm)
    )
    assert _save_and_gather(worker, known, tmp_path, key).without_code.verdict.rank <= 1
    assert asked == [key == "keras"]


def test_sandboxed_reload_takes_the_child_that_stands_ready(worker, known, tmp_path: Path, monkeypatch):
    asked: list[bool] = []

    def use_child(action: Any, cancelled: Any, sandboxed: bool, keep: Any, warm: bool) -> Any:
        asked.append(warm)
        raise ChildDied("It ended.")

    monkeypatch.setattr(worker, "use_child", use_child)
    how = LIMITS | {"sandboxed": True}
    assert not reload_in_child(
        worker, "litert", tmp_path, None, known.original, known.reference, **how
    ).outcome.has_loaded
    assert asked == [True]


def test_half_in_a_format_of_others_is_completed_in_a_fresh_child(worker, known, opened, tmp_path: Path, monkeypatch):
    """What they load before they find their layers missing is not known."""
    theirs = get_format("weights")
    monkeypatch.setattr("core.formats.FORMATS", tuple(each for each in FORMATS if each != theirs))
    monkeypatch.setattr("core.formats._load_third_party_formats", lambda: iter([theirs]))
    evidence = _save_and_gather(worker, known, tmp_path, "weights")
    assert evidence.completed.verdict.value == "bit-identical"
    assert len(opened) == 2
    _require_closed(opened)


def _ask(task: str, arrays: Arrays, **args: Any) -> dict[str, Any]:
    """What a child that is this process replies to a request."""
    stream = io.BytesIO()
    serve._handle_request({"task": task, "args": args}, arrays, stream)
    replies = iter(partial(read_frame, io.BytesIO(stream.getvalue()), FrameLimit(MB, "")), None)
    return list(replies)[-1].message


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """This process as a child that has loaded nothing; one word for each start of TensorFlow."""
    starts: list[str] = []
    monkeypatch.setattr(serve, "start_tensorflow", lambda: starts.append("started"))
    for memory in (
        "core.worker.serve._reloaded",
        "core.worker.tasks.predict._loaded",
        "core.worker.child_reuse._before",
    ):
        monkeypatch.setattr(memory, [])
    return starts


def test_copy_in_another_runtime_is_probed_without_tensorflow(known, started, tmp_path: Path, monkeypatch):
    get_format("litert").save(known.model, tmp_path)
    reply = _ask("reload", {"x": ROWS}, format="litert", folder=str(tmp_path), source=None, traits=True)
    assert reply["ok"]["rows"] == len(ROWS)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # an import of it fails
    rows = {"input:x": ROWS, "target:y": np.zeros((len(ROWS), 2), "float32")}
    probes = _ask("probe", rows, demo="digits-mlp", most_rows=1_000)["ok"]
    assert probes["step"] == {"why": "What came back answers, and has no way to train."}
    assert (probes["batches"], probes["repeats"]) == ({"1": "", "7": "", "64": ""}, 0.0)
    assert started == []


def test_copy_that_tensorflow_loads_has_it_started(known, started, tmp_path: Path):
    get_format("keras").save(known.model, tmp_path)
    _ask("reload", {"x": ROWS}, format="keras", folder=str(tmp_path), source=None)
    _ask("probe", {"input:x": ROWS}, demo=None, most_rows=1_000)
    _ask("predict", {"x": ROWS})
    assert started == ["started"] * 3


COUNT_NEW_THREADS = """
import os, sys
from core.worker.imports import import_everything
from core.worker.serve import serve_requests
import_everything()
count = lambda: len(os.listdir("/proc/self/task"))
before = count()
with open(sys.argv[1], "rb") as requests, open(sys.argv[2], "wb") as replies:
    serve_requests(requests, replies)
print(count() - before)
"""


@pytest.mark.long
@pytest.mark.parametrize(("key", "starts"), [("litert", False), ("keras", True)])
def test_child_has_threads_of_tensorflow_where_that_loads_the_copy(
    key: str, starts: bool, known, config, tmp_path: Path
):
    folder, requests, replies = tmp_path / "copy", tmp_path / "requests", tmp_path / "replies"
    folder.mkdir()
    get_format(key).save(known.model, folder)
    rows = {"input:x": ROWS, "target:y": ROWS[:, :3]}
    reload = {"task": "reload", "args": {"format": key, "folder": str(folder), "source": None}}
    probe = {"task": "probe", "args": {"demo": "digits-mlp", "most_rows": 1_000}}
    requests.write_bytes(b"".join([*encode_frame(reload, {"x": ROWS}), *encode_frame(probe, rows)]))
    command = [sys.executable, "-c", COUNT_NEW_THREADS, str(requests), str(replies)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=worker_environment(config))
    with replies.open("rb") as stream:
        messages = [frame.message for frame in iter(partial(read_frame, stream, FrameLimit(MB, "")), None)]
    assert [list(message) for message in messages if "progress" not in message] == [["ok"], ["ok"]]
    assert (int(ended.stdout) > 0) is starts
