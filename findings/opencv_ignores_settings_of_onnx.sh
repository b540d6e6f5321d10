#!/usr/bin/env bash
# OpenCV's dnn module reads LSTM, GRU, pooling, GridSample and Resize of ONNX without some of their settings.
#
# Guess: readNetFromONNX of OpenCV 5, with its new engine, refuses what it does not know.
# Seen on 2026-12-01, OpenCV 5.0.0, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11, x86-64, no error and no warning:
#   LSTM, direction reverse            0.098 as 0.134
#   GRU, direction reverse             0.144 as 0.223, the answer of forward
#   AveragePool, auto_pad SAME_LOWER   0 0.5 2.5 ... as 10.5 16.5 24.5 ..., the answer of SAME_UPPER (MaxPool alike)
#   GridSample, cubic                  4.02 37.5 ... as 8.5 40.66 ..., the answer of linear
#   Resize, antialias                  18 32 ... as 10.5 24.5 ..., the answer without
# Sound in the same run: each of them without that setting.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 \
  onnxruntime==1.31.1 numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), platform.machine(), "OpenCV", cv2.__version__, "onnx", onnx.__version__, end=" ")
print("ONNX Runtime", onnxruntime.__version__)
steps = np.array([1, 2, 4], "float32").reshape(3, 1, 1)
picture = np.arange(16, dtype="float32").reshape(1, 1, 4, 4) ** 2
grid = np.linspace(-0.7, 0.7, 8, dtype="float32").reshape(1, 2, 2, 2)
small = np.array([1, 1, 0.5, 0.5], "float32")
ones = {gates: np.full((1, gates, 1), 0.1, "float32") for gates in (1, 3, 4)}


def recurrent(kind, gates, direction):
    settings = {"hidden_size": 1, "direction": direction}
    return steps, helper.make_node(kind, ["x", "w", "r"], ["all", "y"], **settings), {"w": ones[gates], "r": ones[gates]}


def pool(kind, padding):
    return picture, helper.make_node(kind, ["x"], ["y"], kernel_shape=[2, 2], auto_pad=padding), {}


def sample(mode):
    return picture, helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode), {"grid": grid}


def shrink(**settings):
    return picture, helper.make_node("Resize", ["x", "", "by"], ["y"], mode="linear", **settings), {"by": small}


CASES = {
    "LSTM forward": recurrent("LSTM", 4, "forward"),
    "LSTM reverse": recurrent("LSTM", 4, "reverse"),
    "GRU forward": recurrent("GRU", 3, "forward"),
    "GRU reverse": recurrent("GRU", 3, "reverse"),
    "AveragePool SAME_UPPER": pool("AveragePool", "SAME_UPPER"),
    "AveragePool SAME_LOWER": pool("AveragePool", "SAME_LOWER"),
    "MaxPool SAME_UPPER": pool("MaxPool", "SAME_UPPER"),
    "MaxPool SAME_LOWER": pool("MaxPool", "SAME_LOWER"),
    "GridSample bilinear": sample("linear"),
    "GridSample bicubic": sample("cubic"),
    "Resize": shrink(),
    "Resize antialias": shrink(antialias=1),
}


def write(rows, node, constants, shape):
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, rows.shape), ("y", TensorProto.FLOAT, shape))]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def ask(rows, node, constants):
    content = write(rows, node, constants, None)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = session.run(["y"], {"x": rows})[0]
    net = cv2.dnn.readNetFromONNX(np.frombuffer(write(rows, node, constants, expected.shape), np.uint8))
    net.setInput(rows, "x")
    return expected, net.forward("y")


differ = []
for name, (rows, node, constants) in CASES.items():
    expected, answer = ask(rows, node, constants)
    shown = [" ".join("%.3g" % number for number in array.ravel()[:5]) for array in (expected, answer)]
    print(name.ljust(23), "ONNX Runtime %s OpenCV %s" % tuple(shown))
    if expected.shape != answer.shape or not np.allclose(expected, answer, atol=1e-3):
        differ.append(name)
assert differ == [
    "LSTM reverse",
    "GRU reverse",
    "AveragePool SAME_LOWER",
    "MaxPool SAME_LOWER",
    "GridSample bicubic",
    "Resize antialias",
], differ
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }
