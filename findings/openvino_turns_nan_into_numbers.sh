#!/usr/bin/env bash
# OpenVINO answers plain numbers where a network has become "not a number".
#
# Guess: NaN goes through an activation, as in NumPy, TensorFlow and PyTorch: a network whose weights or rows hold one NaN
# answers NaN.
# Seen on 2026-12-01, OpenVINO 2026.4.1 told f32, ONNX Runtime 1.31.1, onnx 1.23.2, NumPy 2.4.6, Python 3.11, x86-64, of
# the row 1 NaN -2:
#   Relu          NumPy 1 NaN 0    ONNX Runtime 1 NaN 0    OpenVINO 1 0 0      (Clip to 0 and 6, Max(x, 0) alike)
#   Min(x, 0)     NumPy 0 NaN -2   ONNX Runtime 0 NaN -2   OpenVINO 0 0 -2
#   ReduceMax     NumPy NaN        ONNX Runtime 1          OpenVINO -2
#   two layers, one weight NaN: NumPy and ONNX Runtime NaN in each answer, OpenVINO 0 0 and 2 0.5
# Tanh keeps NaN in all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 openvino==2026.4.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), "ONNX Runtime", onnxruntime.__version__, "OpenVINO", openvino.__version__)
print("onnx", onnx.__version__, "NumPy", np.__version__)
core = openvino.Core()
rows = np.array([[1, np.nan, -2], [3, -1, 2]], "float32")
zero, six = np.float32(0), np.float32(6)
broken = np.array([[1, 0], [np.nan, 1], [1, 1]], "float32")
spread = np.array([[1, -1], [2, 0.5]], "float32")


def node(kind, *inputs, out="y", **settings):
    return helper.make_node(kind, inputs, [out], **settings)


CASES = {
    "Tanh": ([node("Tanh", "x")], np.tanh(rows)),
    "Relu": ([node("Relu", "x")], np.maximum(rows, 0)),
    "Clip to 0 and 6": ([node("Clip", "x", "zero", "six")], np.clip(rows, 0, 6)),
    "Max(x, 0)": ([node("Max", "x", "zero")], np.maximum(rows, 0)),
    "Min(x, 0)": ([node("Min", "x", "zero")], np.minimum(rows, 0)),
    "ReduceMax": ([node("ReduceMax", "x", axes=[1], keepdims=0)], rows.max(1)),
    "two layers, one weight NaN": (
        [node("MatMul", "x", "broken", out="h"), node("Relu", "h", out="r"), node("MatMul", "r", "spread")],
        np.full((2, 2), np.nan),
    ),
}


def ask(nodes, rank):
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * r) for n, r in (("x", 2), ("y", rank))]
    constants = {"zero": zero, "six": six, "broken": broken, "spread": spread}
    used = {name for each in nodes for name in each.input}
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    compiled = core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return session.run(None, {"x": rows})[0], compiled([rows])[0]


lost = {}
for name, (nodes, expected) in CASES.items():
    answers = ask(nodes, np.ndim(expected))
    lost[name] = [int((np.isnan(expected) & ~np.isnan(answer)).sum()) for answer in answers]
    shown = [" ".join("%.2g" % number for number in array.ravel()) for array in (expected, *answers)]
    print(name.ljust(27), "NumPy %s | ONNX Runtime %s | OpenVINO %s" % tuple(shown))
assert lost.pop("Tanh") == [0, 0] and lost.pop("ReduceMax") == [1, 1]
assert lost.pop("two layers, one weight NaN") == [0, 4]
assert set(map(tuple, lost.values())) == {(0, 1)}, lost
PY
