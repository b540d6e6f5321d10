"""Outputs of an OpenVINO file that are no answers: scalars that a converter left behind are said, and not compared."""

import numpy as np
import pytest

from core.runtimes.openvino import FILE, import_openvino, load

LEFT = "whole/random_flip/strided_slice:0"


def write_model(path, scalar_name):
    """Two numbers doubled; and the number of rows, as a second output of no dimension."""
    ov = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter([-1, 2], np.float32, name="x")
    x.output(0).set_names({"x"})
    doubled = ops.multiply(x, np.float32(2))
    doubled.output(0).set_names({"answer"})
    rows = ops.gather(ops.shape_of(x), np.int64(0), np.int64(0))
    rows.output(0).set_names({scalar_name})
    ov.save_model(ov.Model([doubled, rows], [x]), path, compress_to_fp16=False)


@pytest.mark.parametrize(
    ("name", "answers", "remark"),
    [
        (LEFT, ["answer"], f"The converter left scalars from inside of layers among its outputs: {LEFT}."),
        ("rows", ["answer", "rows"], "One answer for all rows of a call, repeated for each: rows."),
    ],
)
def test_scalars_of_inner_layers_are_no_answers_and_are_said(name, answers, remark, tmp_path):
    write_model(tmp_path / FILE, name)
    predictor = load(tmp_path)
    given = predictor.predict({"x": np.array([[1, 2], [3, 4], [5, 6]], "float32")})
    assert sorted(given) == answers
    assert given["answer"].tolist() == [[2, 4], [6, 8], [10, 12]]
    assert predictor.remark == remark
