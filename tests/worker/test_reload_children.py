"""Which children copies are reloaded in: as few as a proof needs, and none is left open."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.errors import ChildDied
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence
from core.formats import FORMATS, get_format
from core.reload import gather_evidence, reload_in_child
from core.runtimes.keras import keras_predictor
from core.runtimes.model_facts import describe_model
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference
from core.worker.child_handle import Child, never_cancelled
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
