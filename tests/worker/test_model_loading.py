"""A run's snapshot is the trained model exactly: training goes on from it as it would have from the live one."""

import numpy as np
import pytest

from core.demos import get_demo
from core.demos.base import Progress, make_train_settings
from core.errors import Damaged
from core.runtimes.live import live_predictor
from core.worker.live_models import load_live_model, write_variables
from core.worker.model_loading import model_code_for


def train_on(model, data, demo: str) -> None:
    """Two more steps of descent, on the same 64 rows in the same order."""
    rows, targets = data.train.inputs["pixels"][:64], data.train.targets["digit"][:64]
    if demo == "digits-core":
        from core.demos.digits_core import make_gradient_step

        step = make_gradient_step(model)
        for start in (0, 32):
            step(rows[start : start + 32], targets[start : start + 32])
    else:
        model.fit(rows, targets, batch_size=32, epochs=1, shuffle=False, verbose=0)


def read_state(model) -> dict[str, list[np.ndarray]]:
    predictor = live_predictor(model)
    return {
        "weights": [array for _, array in predictor.weights()],
        "optimizer": [array for _, array in predictor.optimizer_state()],
    }


def assert_same_bits(left: dict[str, list[np.ndarray]], right: dict[str, list[np.ndarray]]) -> None:
    for part in left:
        assert [array.tobytes() for array in left[part]] == [array.tobytes() for array in right[part]]


@pytest.fixture(scope="module", params=["digits-mlp", "digits-core", "digits-custom"])
def trained_model(request, tmp_path_factory):
    """A demo's model after two epochs in this process, its snapshot, and what it was made from."""
    import keras

    demo = get_demo(request.param)
    chosen = make_train_settings(demo, epochs=2, hidden_units=16)
    keras.utils.set_random_seed(chosen.seed)
    data, model = demo.data(chosen), demo.build(chosen)
    received: list[Progress] = []
    demo.train(model, data, chosen, received.append)
    assert [item.epoch for item in received if item.logs] == [1, 2]
    folder = tmp_path_factory.mktemp("snapshot")
    write_variables(model, folder)
    return demo, {"demo": demo.key, "settings": chosen.model_dump()}, model, data, folder


def test_snapshot_trains_on_exactly_as_the_live_model(trained_model):
    demo, source, model, data, folder = trained_model
    again = load_live_model(source, demo.kind, folder)
    before = read_state(model)
    assert_same_bits(read_state(again), before)
    for item in (model, again):
        train_on(item, data, demo.key)
    after = read_state(again)
    assert_same_bits(after, read_state(model))
    assert [array.tobytes() for array in after["weights"]] != [array.tobytes() for array in before["weights"]]
    assert len(after["optimizer"]) == 2 + 2 * len(after["weights"])


def test_rebuild_refuses_snapshot_not_matching_code(trained_model, tmp_path):
    demo, source, _, _, folder = trained_model
    with np.load(folder / "variables.npz") as values:
        stored = {name: values[name] for name in values.files[:-1]}
    np.savez(tmp_path / "variables.npz", **stored)
    with pytest.raises(Damaged) as caught:
        load_live_model(source, demo.kind, tmp_path)
    assert caught.value.sentence == "The snapshot of this run does not fit the demo's code."
    assert caught.value.received == f"{len(stored)} values for {len(stored) + 1} variables"
    assert caught.value.cure == "Train the demo again: its code has changed since."


def test_code_from_no_source_is_empty():
    code = model_code_for(None)
    assert (code.build, dict(code.classes)) == (None, {})


def test_code_from_demo_source_has_its_classes(trained_model):
    demo, source, *_ = trained_model
    code = model_code_for(source)
    assert sorted(code.classes) == (["Scale"] if demo.key == "digits-custom" else [])
    assert len(live_predictor(code.build()).weights()) == (5 if demo.key == "digits-custom" else 4)


def test_run_weight_fingerprints_match_its_snapshot(jobs, trained):
    """Across processes: what the training child hashed is what this process rebuilds."""
    from core.arrays import fingerprint_arrays

    run = jobs.library.run(trained("digits-mlp"))
    model = load_live_model(run.code_source, run.kind, jobs.library.snapshot(run.id))
    predictor = live_predictor(model)
    bits = [(array["shape"], array["sha256"]) for array in fingerprint_arrays(predictor.weights())]
    assert bits == [(weight["shape"], weight["sha256"]) for weight in run.weights]
    bits = [array["sha256"] for array in fingerprint_arrays(predictor.optimizer_state())]
    assert bits == [item["sha256"] for item in run.optimizer]
