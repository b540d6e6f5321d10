"""Files as they are found out there, read by the formats themselves: answers are compared with NumPy's."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import DoesNotLoad, InputError
from core.formats import get_format
from core.runtimes.base import ModelCode, Predictor
from tests.factories import external_models

ROWS, KERNEL = external_models.ROWS, external_models.KERNEL


def load_predictor(key: str, folder: Path, **code) -> Predictor:
    return get_format(key).load(folder, ModelCode(**code, compiles=False))


@pytest.mark.parametrize("resource", [False, True], ids=["reference variables", "resource variables"])
def test_tf1_saved_model_predicts_in_session_and_notes_it(resource: bool, tmp_path: Path):
    predictor = load_predictor("saved_model", external_models.write_tf1_saved_model(tmp_path, resource))
    keep = np.array([1.0, 1.0, 0.5], "float32")
    answers = predictor.predict({"x": ROWS, "keep": keep})
    assert np.allclose(answers["y"], ROWS @ KERNEL * keep[:, None], atol=1e-6)
    assert np.allclose(answers["mean"], [ROWS[:2].mean()] * 2 + [ROWS[2].mean()])
    assert "TensorFlow 1" in predictor.remark
    assert "through its signature “predict”; it also has “twice”" in predictor.remark
    assert [(name, array.tolist()) for name, array in predictor.weights()] == [("kernel", KERNEL.tolist())]


def test_saved_model_signature_of_unknown_rank_predicts_when_chosen(tmp_path: Path):
    folder = external_models.write_tf1_saved_model(tmp_path)
    predictor = load_predictor("saved_model", folder, signature="twice")
    assert predictor.inputs[0].shape is None
    assert predictor.predict({"u": ROWS})["v"].tolist() == (2 * ROWS).tolist()
    with pytest.raises(InputError, match="It has no such signature"):
        load_predictor("saved_model", folder, signature="thrice")


def test_keras2_saved_model_with_optimizer_slots_loads_and_predicts(tmp_path: Path):
    import tensorflow as tf

    folder = external_models.write_keras2_saved_model_with_slots(tmp_path)
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(folder)
    predictor = load_predictor("saved_model", folder)
    assert np.allclose(predictor.predict({"x": ROWS})["y"], ROWS @ KERNEL, atol=1e-6)
    assert "optimizer slots of Keras 2" in predictor.remark
    assert [array.tolist() for _, array in predictor.weights()] == [KERNEL.tolist()]


def test_saved_model_with_fixed_batch_size_is_fed_in_batches(tmp_path: Path):
    predictor = load_predictor("saved_model", external_models.write_saved_model(tmp_path, shape=(2, 3)))
    answers = predictor.predict({"x": ROWS})
    assert np.allclose(answers["y"], ROWS @ KERNEL, atol=1e-6)
    assert "exactly 2 rows at a time" in predictor.remark


def test_keras1_lstm_matches_keras1_equations(tmp_path: Path):
    folder = external_models.copy_to_folder(external_models.write_keras1_lstm(tmp_path), "model.h5")
    predictor = load_predictor("h5", folder)
    rows = np.random.default_rng(0).normal(size=(5, 4, 3)).astype("float32")
    answer = next(iter(predictor.predict({"lstm_1_input": rows}).values()))
    assert np.allclose(answer, external_models.compute_keras1_lstm(rows), atol=1e-5)
    for text in ("Keras 1.2.2", "output_dim → units", "inner_activation → recurrent_activation", "0.2 x + 0.5"):
        assert text in predictor.remark


def test_keras2_h5_predicts_like_the_model_it_was_saved_from(tmp_path: Path):
    import h5py
    import keras

    path = external_models.write_keras2_h5(tmp_path)
    with pytest.raises(Exception, match=r"groups|time_major|Unrecognized|deserialize"):
        keras.models.load_model(path, compile=False)
    predictor = load_predictor("h5", external_models.copy_to_folder(path, "model.h5"))
    with h5py.File(path) as file:
        kernel = file["model_weights/gru"]
        assert kernel.attrs["weight_names"] is not None
    image = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype("float32")
    answer = next(iter(predictor.predict({"image": image}).values()))
    assert answer.shape == (3, 2)
    for text in ("Keras 2.2.4", "groups of DepthwiseConv2D left out", "reset_after=False"):
        assert text in predictor.remark


def test_weights_file_predicts_with_architecture_beside_it(tmp_path: Path):
    weights, layers = external_models.write_weights_and_architecture(tmp_path)
    folder = external_models.copy_to_folder(weights, "model.weights.h5")
    (folder / "architecture.json").write_text(layers.read_text())
    answer = next(iter(load_predictor("weights", folder).predict({"x": ROWS}).values()))
    assert np.allclose(answer, external_models.expected_predictions(ROWS), atol=1e-6)


@pytest.mark.parametrize("signature", [True, False], ids=["signature", "no signature"])
@pytest.mark.parametrize("batch", [None, 1, 2])
def test_litert_file_predicts_any_number_of_rows(batch: int | None, signature: bool, tmp_path: Path):
    folder = external_models.copy_to_folder(external_models.write_tflite(tmp_path, batch, signature), "model.tflite")
    predictor = load_predictor("litert", folder)
    answers = predictor.predict({predictor.inputs[0].name: ROWS})
    assert np.allclose(next(iter(answers.values())), ROWS @ KERNEL, atol=1e-6)
    assert ("no signature" in predictor.remark) is not signature
    text = {None: "", 1: "one row at a time", 2: "exactly 2 rows at a time"}[batch]
    assert text in predictor.remark


def test_int8_litert_file_takes_and_returns_floats(tmp_path: Path):
    predictor = load_predictor(
        "litert", external_models.copy_to_folder(external_models.write_int8_tflite(tmp_path), "model.tflite")
    )
    assert predictor.inputs[0].dtype == "float32"
    answer = next(iter(predictor.predict({predictor.inputs[0].name: ROWS}).values()))
    assert answer.dtype == "float32"
    assert np.allclose(answer, ROWS @ KERNEL, atol=0.15)
    assert "takes int8: values from -2" in predictor.remark
    assert "rounded to steps of 0.0" in predictor.remark


def test_litert_file_with_several_subgraphs_predicts(tmp_path: Path):
    predictor = load_predictor(
        "litert", external_models.copy_to_folder(external_models.write_branching_tflite(tmp_path), "model.tflite")
    )
    answer = next(iter(predictor.predict({predictor.inputs[0].name: ROWS}).values()))
    assert answer.tolist() == [(row * 2 if row.sum() > 0 else row - 1).tolist() for row in ROWS]


@pytest.mark.parametrize("batch", ["rows", 1, 2])
def test_onnx_file_predicts_any_number_of_rows_under_its_names(batch: int | str, tmp_path: Path):
    predictor = load_predictor(
        "onnx", external_models.copy_to_folder(external_models.write_onnx_file(tmp_path, batch), "model.onnx")
    )
    answers = predictor.predict({"args_0": ROWS})
    assert list(answers) == ["StatefulPartitionedCall:2"]
    assert np.allclose(answers["StatefulPartitionedCall:2"], external_models.expected_predictions(ROWS), atol=1e-6)


def test_h5_with_argument_removed_in_keras3_raises_does_not_load(tmp_path: Path):
    words = {"name": "lstm", "units": 2, "time_major": True, "batch_input_shape": [None, 4, 3]}
    config = {"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": words}]}
    path = external_models.write_legacy_h5(tmp_path / "model.h5", config, {}, version="2.4.0")
    with pytest.raises(DoesNotLoad, match="asks for time_major, which Keras 3 no longer has"):
        load_predictor("h5", path.parent)
