#!/usr/bin/env bash
# onnxscript's optimizer merges two Clips, or a Clip and a Relu, into one that answers otherwise.
#
# Guess: onnxscript.optimizer.optimize(model) leaves the answers of a valid model as they are, and merges nothing that
# draws numbers.
# Seen on 2026-12-01, onnxscript 0.7.2, onnx 1.23.2, ONNX Runtime 1.31.1, NumPy 2.4.6, Python 3.11, no error, no warning:
#   Clip to 0..1, then to 2..3          before 2 2 2 2, after 1 1 1 1: one Clip with lower bound 2 and upper bound 1, of
#                                       which ONNX says that all numbers become the upper one
#   Clip to -3..-1, then Relu           before 0 0 0 0, after -1 -1 -1 -1: negative numbers out of a Relu
#   two Dropouts of one tensor in training mode: independent before, one and the same after
# Sound in the same run: ranges that overlap.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.31.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import onnxscript.optimizer

names = ("onnxscript", "onnx", "onnxruntime", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
CLIPS = "g (float[4] x) => (float[4] y) <float a = {%g}, float b = {%g}, float c = {%g}, float d = {%g}> {"
CLIPS += " t = Clip(x, a, b) y = Clip(t, c, d) }"
RELU = "g (float[4] x) => (float[4] y) <float a = {%g}, float b = {%g}> { t = Clip(x, a, b) y = Relu(t) }"
DROPOUTS = """g (float[1000] x) => (float[1000] y) <float half = {0.5}, bool is_training = {1}> {
    a = Dropout(x, half, is_training)
    b = Dropout(x, half, is_training)
    y = Sub(a, b)
}"""
numbers = np.array([-5, -2, 0.5, 4], "float32")


def build(text):
    model = onnx.parser.parse_model('<ir_version: 9, opset_import: ["": 18]>\n' + text)
    onnx.checker.check_model(model, full_check=True)
    return model


def ask(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def compare(text, x=numbers):
    before, optimized = ask(build(text), x), onnxscript.optimizer.optimize(build(text))
    onnx.checker.check_model(optimized, full_check=True)
    after = ask(optimized, x)
    print([node.op_type for node in optimized.graph.node], before[:4], "->", after[:4])
    return before, after


def clip_twice(a, b, c, d):
    before, after = compare(CLIPS % (a, b, c, d))
    assert np.array_equal(before, numbers.clip(a, b).clip(c, d))
    return after


assert clip_twice(0, 1, 2, 3).tolist() == [1] * 4
assert np.array_equal(clip_twice(-3, 2, -1, 3), numbers.clip(-1, 2))
before, after = compare(RELU % (-3, -1))
assert before.tolist() == [0] * 4 and after.tolist() == [-1] * 4, after
before, after = compare(RELU % (-3, 2))
assert np.array_equal(before, numbers.clip(0, 2)) and np.array_equal(before, after)
before, after = compare(DROPOUTS, np.ones(1000, "float32"))
assert (before != 0).sum() > 300 and not after.any(), after
PY
