"""Children that are given one task after another, and the live model that such a child keeps between two saves."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import ChildDied, DoesNotLoad, TimedOut
from core.formats import get_format
from core.runtimes.base import ModelSource
from core.runtimes.inference_model import shared_conversions
from core.worker.child_handle import never_cancelled
from core.worker.child_pool import ChildPool
from core.worker.live_models import live_model
from tests.factories.keras_models import build_dense_model, fit

SOURCE: ModelSource = {"demo": None, "settings": None}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    get_format("keras").save(fit(build_dense_model()), folder)
    return folder


def test_pool_gives_the_next_task_to_the_same_child(misbehaving_worker):
    opened: list[Any] = []
    open_child = misbehaving_worker.open
    with ChildPool(misbehaving_worker) as pool:
        misbehaving_worker.open = lambda *arguments: opened.append(open_child(*arguments)) or opened[-1]
        try:
            for _ in range(3):
                assert pool.run("print_lines", seconds=60, lines=1).message == {"lines": 1}
        finally:
            del misbehaving_worker.open
    assert len(opened) == 1
    with pytest.raises(ChildDied):
        opened[0].request("print_lines", seconds=60, lines=1)


def test_pool_task_that_kills_a_child_does_not_stop_the_next(misbehaving_worker):
    with ChildPool(misbehaving_worker) as pool:
        pool.run("print_lines", seconds=60, lines=1)
        with pytest.raises(ChildDied, match="SIGABRT"):
            pool.run("abort", seconds=60)
        assert pool.run("print_lines", seconds=60, lines=2).message == {"lines": 2}


def _pids(pool: ChildPool, *subjects: str, registers: bool = False) -> list[int]:
    """The processes in which something was done about each subject."""

    def act(child: Any) -> int:
        return child.request("register_class", seconds=60, registers=registers).message["pid"]

    return [pool.use_for(subject, act, never_cancelled) for subject in subjects]


def test_pool_child_serves_other_subjects_and_none_twice(misbehaving_worker):
    with ChildPool(misbehaving_worker) as pool:
        first, second, again, third = _pids(pool, "a", "b", "a", "c")
    assert first == second
    assert again != first
    assert third in (first, again)


def test_pool_child_in_which_a_class_was_registered_serves_nothing_else(misbehaving_worker):
    with ChildPool(misbehaving_worker) as pool:
        assert len(set(_pids(pool, "a", "b", "c", registers=True))) == 3


@pytest.mark.parametrize("kind", [DoesNotLoad, TimedOut])
def test_pool_failure_in_a_used_child_is_done_again_in_a_fresh_one(kind, misbehaving_worker):
    calls: list[int] = []

    def fail_in_used(child: Any) -> int:
        calls.append(child.pid)
        if child.pid == used:
            raise kind("Only here.")
        return child.pid

    with ChildPool(misbehaving_worker) as pool:
        (used,) = _pids(pool, "a")
        assert pool.use_for("b", fail_in_used, never_cancelled) != used
    assert calls[0] == used
    assert len(calls) == 2


def test_live_model_that_was_left_whole_is_kept(snapshot):
    with live_model(SOURCE, "keras", snapshot) as first:
        get_format("weights").save(first, snapshot.parent)
    with live_model(SOURCE, "keras", snapshot) as second:
        pass
    assert second is first


def _move_weight(model):
    model.weights[0].assign_add(model.weights[0] * 0 + 1e-6)


def _freeze_layer(model):
    model.layers[0].trainable = False


def _move_optimizer(model):
    model.optimizer.learning_rate = 0.5


def _compile_anew(model):
    model.compile("sgd", "mae")


@pytest.mark.parametrize("change", [_move_weight, _freeze_layer, _move_optimizer, _compile_anew])
def test_live_model_that_a_save_changed_is_rebuilt(change, snapshot):
    with live_model(SOURCE, "keras", snapshot) as first:
        change(first)
    with live_model(SOURCE, "keras", snapshot) as second:
        assert second is not first


@pytest.mark.parametrize(
    ("key", "shared", "files"),
    [
        ("litert", "litert", ["model.tflite"]),
        ("onnx", "onnx 15", ["model.onnx"]),
        ("openvino", "openvino", ["model.xml", "model.bin"]),
    ],
)
def test_forms_of_a_runtime_begin_with_what_was_converted(key: str, shared: str, files: list[str], tmp_path: Path):
    contents = [f"converted before, {name}".encode() for name in files]
    token = shared_conversions.set({shared: (contents, "a remark")})
    try:
        assert get_format(key).save(build_dense_model(), tmp_path) == "a remark"
    finally:
        shared_conversions.reset(token)
    assert [(tmp_path / name).read_bytes() for name in files] == contents


def test_conversion_of_openvino_is_kept_for_its_other_forms(tmp_path: Path):
    """The two later forms convert nothing again, and are what they are when converted alone."""
    model, (first, second, alone) = build_dense_model(), (tmp_path / name for name in ("first", "second", "alone"))
    for folder in (first, second, alone):
        folder.mkdir()
    get_format("openvino_fp16").save(model, alone)
    shared: dict[str, Any] = {}
    token = shared_conversions.set(shared)
    try:
        get_format("openvino").save(model, first)
        (kept, _) = shared["openvino"]
        get_format("openvino_fp16").save(model, second)
    finally:
        shared_conversions.reset(token)
    assert kept == [(first / name).read_bytes() for name in ("model.xml", "model.bin")]
    assert shared.keys() == {"openvino"}
    assert (second / "model.bin").read_bytes() == (alone / "model.bin").read_bytes()
