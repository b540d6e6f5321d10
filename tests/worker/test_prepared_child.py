"""A child that has loaded a copy before it is known what the copy is asked."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.errors import ChildDied
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence
from core.formats import get_format
from core.reload import gather_evidence
from core.runtimes.keras import keras_predictor
from core.runtimes.model_facts import describe_model
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference
from core.worker.child_handle import never_cancelled
from core.worker.child_pool import PreparedChild, prepared_child
from tests.factories.keras_models import ROWS, build_dense_model, fit
from tests.factories.misbehaving_worker import misbehave

LIMITS: dict[str, Any] = {"seconds": 60.0, "cancelled": never_cancelled, "sandboxed": False}


class KeptCopy(NamedTuple):
    """The folder of a `.keras`, and what it is compared with."""

    folder: Path
    original: OriginalFingerprint
    reference: Reference


@pytest.fixture(scope="module")
def kept_copy(tmp_path_factory: pytest.TempPathFactory) -> KeptCopy:
    folder, model = tmp_path_factory.mktemp("copy"), fit(build_dense_model())
    get_format("keras").save(model, folder)
    facts, inputs = describe_model(model), {"x": ROWS}
    settings = ModelSettings.read(facts["traits"])
    original = OriginalFingerprint(weights=facts["weights"], optimizer=facts["optimizer"], settings=settings)
    return KeptCopy(folder, original, Reference(inputs, keras_predictor(model).predict(inputs), {}))


def _gather(worker: Any, copy: KeptCopy, prepared: PreparedChild | None) -> Evidence:
    known = {"demo": None, "settings": None}, copy.original, copy.reference
    return gather_evidence(worker, "keras", copy.folder, *known, prepared, **LIMITS)


def test_reload_in_a_prepared_child_opens_no_other_and_finds_the_same(worker, kept_copy, monkeypatch):
    with prepared_child(worker, "keras", kept_copy.folder, None, **LIMITS) as prepared:
        child = prepared.result().child
        with monkeypatch.context() as patch:
            patch.setattr(worker, "open", None)
            evidence = _gather(worker, kept_copy, prepared)
    expected = _gather(worker, kept_copy, None)
    found, known = (
        each.without_code.model_dump(exclude={"load_seconds", "first_seconds"}) for each in (evidence, expected)
    )
    assert evidence.without_code.verdict.value == "bit-identical"
    assert found == known
    with pytest.raises(ChildDied):
        child.request("reload", seconds=1)


def test_prepared_copy_is_given_to_the_request_of_its_id_alone(worker, kept_copy, tmp_path):
    other = build_dense_model()
    other.set_weights([weight * 0 + 1 for weight in other.get_weights()])
    get_format("keras").save(other, tmp_path)
    request = {"format": "keras", "source": None, "arrays": {"x": ROWS}, "seconds": 60}
    with prepared_child(worker, "keras", kept_copy.folder, None, **LIMITS) as prepared:
        child, id_ = prepared.result()
        of_other = child.request("reload", folder=tmp_path, **request).arrays
        (tmp_path / "model.keras").unlink()
        of_prepared = child.request("reload", folder=tmp_path, prepared=id_, **request).arrays
    for answers, expected in (
        (of_other, keras_predictor(other).predict({"x": ROWS})),
        (of_prepared, kept_copy.reference.predictions),
    ):
        assert {name: array.tolist() for name, array in answers.items()} == {
            name: array.tolist() for name, array in expected.items()
        }


def test_prepared_child_that_nobody_used_is_closed(worker, kept_copy):
    with prepared_child(worker, "keras", kept_copy.folder, None, **LIMITS) as prepared:
        child = prepared.result().child
    with pytest.raises(ChildDied):
        child.request("reload", seconds=1)


def test_copy_not_loaded_in_a_prepared_child_is_judged_by_a_fresh_one(worker, kept_copy, tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK")
    with prepared_child(worker, "keras", tmp_path, None, **LIMITS) as prepared:
        assert prepared.result() is None
        outcome = _gather(worker, kept_copy._replace(folder=tmp_path), prepared).without_code
    assert outcome.verdict.value == "does-not-load"


@pytest.mark.parametrize("way", ["late", "dead"])
def test_late_or_dead_prepared_child_leaves_the_verdict_to_a_fresh_one(misbehaving_worker, kept_copy, way):
    with (
        misbehave(way, "prepare_reload"),
        prepared_child(misbehaving_worker, "keras", kept_copy.folder, None, **LIMITS) as prepared,
    ):
        assert prepared.result() is None
        assert _gather(misbehaving_worker, kept_copy, prepared).without_code.verdict.value == "bit-identical"


def test_prepared_child_that_ends_unasked_leaves_verdict_to_a_fresh_one(worker, kept_copy):
    with prepared_child(worker, "keras", kept_copy.folder, None, **LIMITS) as prepared:
        prepared.result().child.close()
        assert _gather(worker, kept_copy, prepared).without_code.verdict.value == "bit-identical"
