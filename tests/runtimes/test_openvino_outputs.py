"""Outputs of an OpenVINO file that are no answers: scalars and sizes that a converter left behind are said."""

import numpy as np
import pytest

from core.compare import Verdict, compare
from core.runtimes.openvino import FILE, compile_model, describe_model, import_openvino, load, name_answers

FLOATS = "OpenVINO computes whole numbers as floats: those above 16,777,216 lose their last digits"
LEFT = "whole/random_flip/strided_slice:0"
LEFT_REMARK = f"The converter left scalars or sizes from inside of layers among its outputs: {LEFT}."


def write_model(path, size_name, place):
    """Two numbers doubled; and the number of rows, as a second output of no dimension, or of one."""
    ov = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter([-1, 2], np.float32, name="x")
    x.output(0).set_names({"x"})
    doubled = ops.multiply(x, np.float32(2))
    doubled.output(0).set_names({"answer"})
    rows = ops.gather(ops.shape_of(x), np.array(place), np.int64(0))
    rows.output(0).set_names({size_name})
    ov.save_model(ov.Model([doubled, rows], [x]), path, compress_to_fp16=False)


@pytest.mark.parametrize(("dtype", "is_wide"), [(np.int32, True), (np.int64, True), (np.uint8, False)])
def test_openvino_file_of_wide_integers_says_that_it_computes_in_floats(dtype, is_wide, tmp_path):
    ov = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter([-1, 2], dtype, name="x")
    ov.save_model(ov.Model([ops.floor_mod(x, dtype(10))], [x]), tmp_path / FILE, compress_to_fp16=False)
    predictor = load(tmp_path)
    assert predictor.remark == (f"{FLOATS}." if is_wide else "")
    if is_wide:  # 100,000,007 modulo 10 is 7
        (given,) = predictor.predict({"x": np.array([[7, 100_000_007]], dtype)}).values()
        assert given.tolist() == [[7, 0]]


@pytest.mark.parametrize(
    ("name", "place", "answers", "remark"),
    [
        (LEFT, 0, ["answer"], LEFT_REMARK),
        (LEFT, [0], ["answer"], LEFT_REMARK),
        ("rows", 0, ["answer", "rows"], "One answer for all rows of a call, repeated for each: rows."),
    ],
)
def test_sizes_of_inner_layers_are_no_answers_and_are_said(name, place, answers, remark, tmp_path):
    write_model(tmp_path / FILE, name, place)
    predictor = load(tmp_path)
    given = predictor.predict({"x": np.array([[1, 2], [3, 4], [5, 6]], "float32")})
    assert sorted(given) == answers
    assert given["answer"].tolist() == [[2, 4], [6, 8], [10, 12]]
    assert predictor.remark == remark


@pytest.mark.parametrize(
    ("sizes", "dtype", "is_left_over"),
    [([-1, 3], "i64", True), ([2, -1], "i64", False), ([-1, 3], "f32", False), ([2, 3], "i64", False)],
)
def test_whole_vector_of_a_layer_is_left_over_where_rows_are_free(sizes, dtype, is_left_over):
    ov = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter(sizes, np.float32, name="x")
    doubled = ops.multiply(x, np.float32(2))
    doubled.output(0).set_names({"answer"})
    vector = ops.convert(ops.constant(np.arange(10, dtype="int32")), dtype)
    vector.output(0).set_names({LEFT})
    answers = name_answers(ov.Model([doubled, vector], [x]))
    assert sorted(answers) == (["answer"] if is_left_over else sorted(["answer", LEFT]))


def test_openvino_keeps_the_last_of_numbers_in_one_place_and_says_so(tmp_path):
    """As `findings/openvino_scatter_nd_keeps_the_last.sh`: `tf.scatter_nd` is written as an update."""
    import tensorflow as tf

    class Sums(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([4], name="numbers")])
        def fresh(self, numbers):
            return {"sums": tf.scatter_nd([[0], [1], [1], [3]], numbers, [5])}

        @tf.function(input_signature=[tf.TensorSpec([4], name="numbers")])
        def added(self, numbers):
            return {"sums": tf.tensor_scatter_nd_add(tf.ones([5]), [[0], [1], [1], [3]], numbers)}

    module, numbers = Sums(), np.arange(1, 5, dtype="float32")
    remarks = {}
    for name, expected in (("fresh", [1, 3, 0, 4, 0]), ("added", [2, 6, 1, 5, 1])):
        tf.saved_model.save(module, str(tmp_path / name), signatures=getattr(module, name))
        model = import_openvino().convert_model(tmp_path / name)
        (sums,) = compile_model(model)({"numbers": numbers}).values()
        assert sums.tolist() == expected
        remarks[name] = describe_model(model)
    assert module.fresh(numbers)["sums"].numpy().tolist() == [1, 5, 0, 4, 0]
    assert remarks["fresh"].startswith("Where several numbers go to one place (tf.scatter_nd), OpenVINO keeps the last")
    assert remarks["added"] == ""


def test_openvino_hides_a_weight_that_is_nan_and_counts_as_different(tmp_path):
    """As `findings/openvino_turns_nan_into_numbers.sh`: its Relu answers 0 for NaN, the model NaN."""
    ov = import_openvino()
    from openvino import opset13 as ops

    weights, rows = np.array([[1, np.nan], [1, 1]], "float32"), np.array([[1, 2], [3, 4]], "float32")
    x = ops.parameter([-1, 2], np.float32, name="x")
    x.output(0).set_names({"x"})
    answer = ops.relu(ops.matmul(x, ops.constant(weights), False, False))
    answer.output(0).set_names({"answer"})
    ov.save_model(ov.Model([answer], [x]), tmp_path / FILE, compress_to_fp16=False)
    given = load(tmp_path).predict({"x": rows})
    assert given["answer"].tolist() == [[3, 0], [7, 0]]
    assert compare({"answer": np.maximum(rows @ weights, 0)}, given).verdict == Verdict.DIFFERENT
