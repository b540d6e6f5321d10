"""Files as they are found out there, read by the formats themselves: answers are held against NumPy's."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import DoesNotLoad, InputError
from core.formats import get_format
from core.runtimes.base import ModelCode, Predictor
from tests.bringing import makers

ROWS, KERNEL = makers.ROWS, makers.KERNEL


def loaded(key: str, folder: Path, **code) -> Predictor:
    return get_format(key).load(folder, ModelCode(**code, compiles=False))


@pytest.mark.parametrize("resource", [False, True], ids=["reference variables", "resource variables"])
def test_a_saved_model_of_tensorflow_1_answers_in_a_session_and_says_so(resource: bool, tmp_path: Path):
    predictor = loaded("saved_model", makers.tensorflow_1(tmp_path, resource))
    keep = np.array([1.0, 1.0, 0.5], "float32")
    answers = predictor.predict({"x": ROWS, "keep": keep})
    assert np.allclose(answers["y"], ROWS @ KERNEL * keep[:, None], atol=1e-6)
    assert np.allclose(answers["mean"], [ROWS[:2].mean()] * 2 + [ROWS[2].mean()])
    assert "TensorFlow 1" in predictor.remark
    assert "through its signature “predict”; it also has “twice”" in predictor.remark
    assert [(name, array.tolist()) for name, array in predictor.weights()] == [("kernel", KERNEL.tolist())]


def test_a_signature_of_unknown_rank_answers_when_it_is_chosen(tmp_path: Path):
    folder = makers.tensorflow_1(tmp_path)
    predictor = loaded("saved_model", folder, signature="twice")
    assert predictor.inputs[0].shape is None
    assert predictor.predict({"u": ROWS})["v"].tolist() == (2 * ROWS).tolist()
    with pytest.raises(InputError, match="It has no such signature"):
        loaded("saved_model", folder, signature="thrice")


def test_a_saved_model_of_keras_2_with_slots_answers_where_tensorflow_fails(tmp_path: Path):
    import tensorflow as tf

    folder = makers.keras_2_with_slots(tmp_path)
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(folder)
    predictor = loaded("saved_model", folder)
    assert np.allclose(predictor.predict({"x": ROWS})["y"], ROWS @ KERNEL, atol=1e-6)
    assert "optimizer slots of Keras 2" in predictor.remark
    assert [array.tolist() for _, array in predictor.weights()] == [KERNEL.tolist()]


def test_a_saved_model_that_fixes_its_rows_is_fed_in_portions(tmp_path: Path):
    predictor = loaded("saved_model", makers.saved_model(tmp_path, shape=(2, 3)))
    answers = predictor.predict({"x": ROWS})
    assert np.allclose(answers["y"], ROWS @ KERNEL, atol=1e-6)
    assert "exactly 2 rows at a time" in predictor.remark


def test_an_lstm_of_keras_1_answers_as_keras_1_did(tmp_path: Path):
    folder = makers.folder_of(makers.keras_1_lstm(tmp_path), "model.h5")
    predictor = loaded("h5", folder)
    rows = np.random.default_rng(0).normal(size=(5, 4, 3)).astype("float32")
    answer = next(iter(predictor.predict({"lstm_1_input": rows}).values()))
    assert np.allclose(answer, makers.lstm_by_hand(rows), atol=1e-5)
    for said in ("Keras 1.2.2", "output_dim → units", "inner_activation → recurrent_activation", "0.2 x + 0.5"):
        assert said in predictor.remark


def test_a_file_of_keras_2_answers_as_the_model_that_it_was_written_from(tmp_path: Path):
    import h5py
    import keras

    path = makers.keras_2_h5(tmp_path)
    with pytest.raises(Exception, match=r"groups|time_major|Unrecognized|deserialize"):
        keras.models.load_model(path, compile=False)
    predictor = loaded("h5", makers.folder_of(path, "model.h5"))
    with h5py.File(path) as file:
        kernel = file["model_weights/gru"]
        assert kernel.attrs["weight_names"] is not None
    image = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype("float32")
    answer = next(iter(predictor.predict({"image": image}).values()))
    assert answer.shape == (3, 2)
    for said in ("Keras 2.2.4", "groups of DepthwiseConv2D left out", "reset_after=False"):
        assert said in predictor.remark


def test_weights_answer_inside_of_the_architecture_that_lies_beside_them(tmp_path: Path):
    weights, layers = makers.weights_and_architecture(tmp_path)
    folder = makers.folder_of(weights, "model.weights.h5")
    (folder / "architecture.json").write_text(layers.read_text())
    answer = next(iter(loaded("weights", folder).predict({"x": ROWS}).values()))
    assert np.allclose(answer, makers.linear(ROWS), atol=1e-6)


@pytest.mark.parametrize("signature", [True, False], ids=["signature", "no signature"])
@pytest.mark.parametrize("batch", [None, 1, 2])
def test_a_litert_file_answers_any_number_of_rows(batch: int | None, signature: bool, tmp_path: Path):
    folder = makers.folder_of(makers.tflite(tmp_path, batch, signature), "model.tflite")
    predictor = loaded("litert", folder)
    answers = predictor.predict({predictor.inputs[0].name: ROWS})
    assert np.allclose(next(iter(answers.values())), ROWS @ KERNEL, atol=1e-6)
    assert ("no signature" in predictor.remark) is not signature
    said = {None: "", 1: "one row at a time", 2: "exactly 2 rows at a time"}[batch]
    assert said in predictor.remark


def test_a_litert_file_of_integers_is_asked_in_floats_and_says_so(tmp_path: Path):
    predictor = loaded("litert", makers.folder_of(makers.tflite_int8(tmp_path), "model.tflite"))
    assert predictor.inputs[0].dtype == "float32"
    answer = next(iter(predictor.predict({predictor.inputs[0].name: ROWS}).values()))
    assert answer.dtype == "float32"
    assert np.allclose(answer, ROWS @ KERNEL, atol=0.15)
    assert "takes int8: values from -2" in predictor.remark
    assert "rounded to steps of 0.0" in predictor.remark


def test_a_litert_file_of_several_subgraphs_answers(tmp_path: Path):
    predictor = loaded("litert", makers.folder_of(makers.tflite_branches(tmp_path), "model.tflite"))
    answer = next(iter(predictor.predict({predictor.inputs[0].name: ROWS}).values()))
    assert answer.tolist() == [(row * 2 if row.sum() > 0 else row - 1).tolist() for row in ROWS]


@pytest.mark.parametrize("batch", ["rows", 1, 2])
def test_an_onnx_file_answers_any_number_of_rows_under_the_names_it_has(batch: int | str, tmp_path: Path):
    predictor = loaded("onnx", makers.folder_of(makers.onnx_file(tmp_path, batch), "model.onnx"))
    answers = predictor.predict({"args_0": ROWS})
    assert list(answers) == ["StatefulPartitionedCall:2"]
    assert np.allclose(answers["StatefulPartitionedCall:2"], makers.linear(ROWS), atol=1e-6)


def test_a_layer_that_keras_3_has_no_word_for_is_said(tmp_path: Path):
    words = {"name": "lstm", "units": 2, "time_major": True, "batch_input_shape": [None, 4, 3]}
    config = {"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": words}]}
    path = makers.old_h5(tmp_path / "model.h5", config, {}, version="2.4.0")
    with pytest.raises(DoesNotLoad, match="asks for time_major, which Keras 3 no longer has"):
        loaded("h5", path.parent)
