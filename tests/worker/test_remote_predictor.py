"""A predictor that is held by a child answers again and again, as the reload of a comparison does."""

import numpy as np
import pytest

from core.errors import ChildDied, Damaged, DoesNotLoad, UnknownName, WorkerError
from core.jobs.participants import load_participant


def test_remote_predictor_repeats_predictions_of_live_model(jobs, saved):
    artifact = saved("digits-mlp", "keras")["artifact"]
    reference = jobs.library.reference(jobs.library.artifact(artifact).run).head(64)
    with load_participant(jobs, artifact, first_row=reference.head(1).inputs) as loaded:
        answers = [loaded.predict(reference.inputs)[0] for _ in range(2)]
    assert loaded.facts["first_seconds"] > 0
    for given in answers:
        np.testing.assert_array_equal(next(iter(given.values())), next(iter(reference.predictions.values())))


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core", "tips"])
def test_remote_predictor_rebuilt_live_model_is_bit_identical(jobs, trained, demo):
    run = trained(demo)
    reference = jobs.library.reference(run).head(64)
    with load_participant(jobs, run) as loaded:
        answers, seconds = loaded.predict(reference.inputs)
    assert seconds > 0
    for name, array in reference.predictions.items():
        np.testing.assert_array_equal(answers[name], array)


def test_remote_predictor_with_fixed_batch_of_one_has_remark(jobs, saved):
    artifact = saved("stocks-lstm", "litert")
    if artifact["state"] != "done":
        pytest.skip("the runtime here cannot run it")
    with load_participant(jobs, artifact["artifact"]) as loaded:
        assert loaded.facts["remark"] == "It takes one row at a time, so it is fed row by row."


def test_open_participant_failure_raises_and_leaves_no_child(jobs, saved):
    artifact = saved("digits-custom", "keras")["artifact"]
    with pytest.raises(DoesNotLoad):
        load_participant(jobs, artifact, "none")
    with load_participant(jobs, artifact, "demo") as loaded:
        assert loaded.facts["load_seconds"] > 0
    with pytest.raises(UnknownName):
        load_participant(jobs, "a0000000000")


def test_remote_predictor_without_model_or_child_raises(jobs, saved):
    with jobs.worker.open() as child, pytest.raises(WorkerError, match="before anything was loaded"):
        child.request("predict", arrays={"x": np.zeros((1, 1))}, seconds=60)
    loaded = load_participant(jobs, saved("digits-mlp", "keras")["artifact"])
    loaded.close()
    with pytest.raises(ChildDied):
        loaded.predict({"pixels": np.zeros((1, 64), "float32")})


def test_damaged_files_are_never_loaded(jobs, saved, tmp_path):
    artifact = saved("digits-mlp", "h5")["artifact"]
    file = next(path for path in jobs.library.verified_folder(artifact).iterdir() if path.is_file())
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(Damaged):
            load_participant(jobs, artifact)
    finally:
        file.write_bytes(whole)
