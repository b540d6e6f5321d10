"""A row that is asked alone, beside the same row among others: which engines give it the same bits."""

from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.base import NO_CODE
from core.text.summaries import describe_batch
from core.worker.model_loading import load_artifact
from core.worker.tasks.probes import probe_row_shift

PIXELS = np.random.default_rng(0).normal(size=(64, 784)).astype("float32")
ROUNDING = 1e-5  # of the largest answer
SAME_BITS = "Asked 64 rows at a time. A row asked alone gets the same bits."


@pytest.fixture(scope="module")
def wide_model():
    """A model of 784 inputs: TensorFlow gives the rows of a narrow one the same bits, too."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((784,), name="pixels")
    hidden = keras.layers.Dense(256, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden))


@pytest.mark.long  # which bits come out is the processor's affair, too
def test_row_alone_is_not_the_row_in_a_batch_of_tensorflow(wide_model):
    among = wide_model.predict(PIXELS, verbose=0, batch_size=64)
    alone = np.concatenate([wide_model.predict(PIXELS[row : row + 1], verbose=0) for row in range(4)])
    assert not (among[:4] == alone).all(axis=1).any()
    assert np.abs(among[:4] - alone).max() < ROUNDING


@pytest.mark.long  # as above
@pytest.mark.parametrize("key", ["keras", "onnx", "litert", "openvino"])
def test_other_engines_give_a_row_alone_the_same_bits(key, wide_model, tmp_path: Path):
    get_format(key).save_model(wide_model, "keras", tmp_path)
    shift = probe_row_shift(load_artifact(key, tmp_path, NO_CODE), {"pixels": PIXELS})
    assert (shift == 0) == (key != "keras")
    assert shift < ROUNDING
    assert (describe_batch({"batch": 64, "alone": shift}) == SAME_BITS) == (key != "keras")


@pytest.mark.long  # as above
@pytest.mark.parametrize(
    ("setting", "value"), [("intra_op_num_threads", 1), ("intra_op_num_threads", 4), ("graph_optimization_level", None)]
)
def test_onnx_runtime_gives_a_row_alone_its_bits_however_it_is_set(setting, value, wide_model, tmp_path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    setattr(options, setting, value or onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    get_format("onnx").save_model(wide_model, "keras", tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", options, providers=["CPUExecutionProvider"])
    (among,) = session.run(None, {"pixels": PIXELS})
    alone = np.concatenate([session.run(None, {"pixels": row[None]})[0] for row in PIXELS])
    assert among.shape == (64, 10)
    assert np.array_equal(among, alone)


def test_evidence_says_how_many_rows_were_asked_at_a_time(jobs, saved):
    best = jobs.library.evidence(saved("digits-mlp", "keras")["artifact"]).best
    assert (best.batch, best.alone) == (64, 0.0)
