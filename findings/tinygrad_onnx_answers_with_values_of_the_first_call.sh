#!/usr/bin/env bash
# tinygrad's ONNX runner answers a second call with values of the first one.
#
# Guess: the answer of an OnnxRunner depends on the inputs of that call alone. (The values that say how many, how far or
# along which axis are inputs in ONNX, so that they may change from call to call.)
# Seen on 2026-12-01, tinygrad 0.14.0, onnx 1.23.2, ONNX Runtime 1.31.1, NumPy 2.4.6, Python 3.11, no error, no warning:
#   TopK, k = 2 then 4          second answer: ONNX Runtime 5 4 3 2, tinygrad 5 4
#   Slice to 2, then to 5       second answer: ONNX Runtime 0 1 2 3 4, tinygrad 0 1
#   a mean over a number of steps that is computed from a mask, 2 then 6: ONNX Runtime 0.5 then 2.5, tinygrad 0.5 twice
# A new runner for each call answers right. Its source keeps such values by name, so that a program can be replayed.
# Beside it, in the first call: Softmax before operator set 13, of zeros of 2 x 2 x 2, is 0.5 for 0.25 (there it is
# taken over all axes from the second on), and ReduceLogSumExp of 100 100 is infinite for 100.69.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tinygrad==0.14.0 onnx==1.23.2 onnxruntime==1.31.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
DEV=PYTHON HOME="$folder" "$folder/venv/bin/python" -W error - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from tinygrad.nn.onnx import OnnxRunner

names = ("tinygrad", "onnx", "onnxruntime", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
steps = np.arange(6, dtype="float32")
SLICE = "g (float[6] x, int64[1] n) => (float[k] y) <int64[1] start = {0}> { y = Slice(x, start, n) }"
TOP = "g (float[6] x, int64[1] n) => (float[k] y, int64[k] places) { y, places = TopK(x, n) }"
MEAN = """g (float[6] x, float[6] mask) => (float y) <int64[1] start = {0}> {
    count = ReduceSum(mask)
    n = Cast<to = 7>(count)
    part = Slice(x, start, n)
    y = ReduceMean<keepdims = 0>(part)
}"""


def write(text, operators=17):
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {operators}]>\n{text}')
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")


def ask(runner, feeds):
    return next(iter(runner(feeds).values())).numpy()


def answers(text, *calls, operators=17):
    write(text, operators)
    session, kept = onnxruntime.InferenceSession("model.onnx"), OnnxRunner("model.onnx")
    expected = [session.run(None, feeds)[0].tolist() for feeds in calls]
    renewed = [ask(OnnxRunner("model.onnx"), feeds).tolist() for feeds in calls]
    seen = [ask(kept, feeds).tolist() for feeds in calls]
    print("ONNX Runtime", expected, "tinygrad", seen, "a new runner each time", renewed)
    return expected, renewed, seen


def show_stale(text, *calls):
    expected, renewed, seen = answers(text, *calls)
    assert expected[0] != expected[1] and renewed == expected and seen == expected[:1] * 2, seen


show_stale(TOP, {"x": steps, "n": np.array([2])}, {"x": steps, "n": np.array([4])})
show_stale(SLICE, {"x": steps, "n": np.array([2])}, {"x": steps, "n": np.array([5])})
show_stale(MEAN, *({"x": steps, "mask": (steps < count).astype("float32")} for count in (2, 6)))

zeros, hundreds = {"x": np.zeros((2, 2, 2), "float32")}, {"x": np.array([100, 100], "float32")}
expected, _, seen = answers("g (float[2,2,2] x) => (float[2,2,2] y) { y = Softmax(x) }", zeros, operators=11)
assert np.allclose(expected, 0.25) and np.allclose(seen, 0.5)
expected, _, seen = answers("g (float[2] x) => (float[1] y) { y = ReduceLogSumExp(x) }", hundreds)
assert np.allclose(expected, 100 + np.log(2)) and np.isinf(seen).all()
PY
