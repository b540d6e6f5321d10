#!/usr/bin/env bash
# OpenVINO's CPU device computes whole numbers as floats.
#
# Guess: an int32 model gives the exact integers, as NumPy, TensorFlow and ONNX Runtime do; the CPU device lists
# i32 among the types that it runs.
# Seen on 2026-11-29, OpenVINO 2026.4.1, Python 3.11, with the precision hint at f32: operations go through float32 and
# back, so integers over 2^24 lose their last digits without a warning. The outputs still say int32.
#   100000007 modulo 10: 0 and not 7; 16777217 = 16777216: true; 123456789 divided by 1: 123456792
#   and int64 is cut to 32 bits on the way: 1099511627777 + 0 is 1
# Bucketing by modulo and the comparing of long ids are the uses that this breaks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import numpy as np
import openvino
import openvino.opset14 as operations

print("Python", platform.python_version(), "OpenVINO", openvino.__version__)
core = openvino.Core()


def run(operation, *values):
    inputs = [operations.parameter([1], value.dtype) for value in values]
    compiled = core.compile_model(openvino.Model([operation(*inputs)], inputs), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled([value.reshape(1) for value in values])[0][0]


expected = {"modulo": 7, "equal": False, "divide": 123456789, "add": 1099511627777}
answers = {
    "modulo": run(operations.floor_mod, np.int32(100000007), np.int32(10)),
    "equal": run(operations.equal, np.int32(16777217), np.int32(16777216)),
    "divide": run(operations.divide, np.int32(123456789), np.int32(1)),
    "add": run(operations.add, np.int64(1099511627777), np.int64(0)),
}
for name, answer in answers.items():
    print(f"{name}: {answer} ({answer.dtype}), right: {expected[name]}")
assert {name: answer.item() for name, answer in answers.items()} == {
    "modulo": 0,
    "equal": True,
    "divide": 123456792,
    "add": 1,
}
PY
