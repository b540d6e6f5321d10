#!/usr/bin/env bash
# tract reads LSTM, GRU and RNN of ONNX without their direction "reverse", their activations and their limits.
#
# Guess: tract, which refuses operators that it does not know, refuses settings that it does not know.
# Seen on 2026-12-01, tract 0.23.9, onnx 1.23.2, ONNX Runtime 1.31.1, NumPy 2.4.6, Python 3.11, x86-64, no error and no
# warning: it answers to the last digits as ONNX Runtime does for the layer without that setting. Off, of -1 to 1:
#   LSTM, GRU, RNN, direction reverse                      0.19, 0.56, 1.4
#   RNN, activation Relu (nonlinearity="relu" of PyTorch)   1
#   LSTM, gates by HardSigmoid                              0.065
#   LSTM, GRU, clip 0.2                                     0.47, 0.81
#   LSTM, input_forget                                      0.14
# Sound in the same run: all three forward and in both directions, GRU with linear_before_reset.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tract==0.23.9 onnx==1.23.2 onnxruntime==1.31.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

names = ("tract", "onnx", "onnxruntime", "numpy")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
UNITS, FEATURES, STEPS = 2, 3, 4
REVERSE, BOTH, CLIP = {"direction": "reverse"}, {"direction": "bidirectional"}, {"clip": 0.2}
RELU, HARD = {"activations": ["Relu"]}, {"activations": ["HardSigmoid", "Tanh", "Tanh"]}
SOUND = [(kind, settings) for kind in GATES for settings in ({}, BOTH)] + [("GRU", {"linear_before_reset": 1})]
IGNORED = [(kind, REVERSE) for kind in GATES] + [("LSTM", CLIP), ("GRU", CLIP)]
IGNORED += [("RNN", RELU), ("LSTM", HARD), ("LSTM", {"input_forget": 1})]


def draw(kind, directions):
    random, rows = np.random.default_rng(0), GATES[kind] * UNITS
    shapes = {"w": (directions, rows, FEATURES), "r": (directions, rows, UNITS), "b": (directions, 2 * rows)}
    weights = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    return weights, random.normal(size=(STEPS, 1, FEATURES)).astype("float32")


def write(kind, settings, weights, directions):
    x = make_tensor_value_info("x", TensorProto.FLOAT, (STEPS, 1, FEATURES))
    y = make_tensor_value_info("y", TensorProto.FLOAT, (STEPS, directions, 1, UNITS))
    node = make_node(kind, ["x", *weights], ["y"], hidden_size=UNITS, **settings)
    graph = make_graph([node], "g", [x], [y], [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")


def ask(kind, settings):
    directions = 2 if settings == BOTH else 1
    weights, x = draw(kind, directions)
    write(kind, settings, weights, directions)
    expected = onnxruntime.InferenceSession("model.onnx").run(None, {"x": x})[0]
    answered = tract.onnx().load("model.onnx").into_model().into_runnable().run([x])[0].to_numpy()
    off = float(np.abs(expected - answered).max())
    print(kind, settings, f"off by {off:.2g}")
    return off, answered


for kind, settings in SOUND:
    assert ask(kind, settings)[0] < 1e-5, (kind, settings)
for kind, settings in IGNORED:
    off, answered = ask(kind, settings)
    _, plain = ask(kind, {})
    assert off > 0.05 and np.abs(answered - plain).max() < 1e-6, (kind, settings)
PY
