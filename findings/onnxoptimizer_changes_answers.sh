#!/usr/bin/env bash
# onnxoptimizer's default passes change what a model answers.
#
# Guess: `onnxoptimizer.optimize(model)` leaves the answers of a valid model as they are.
# Seen on 2026-11-29, onnxoptimizer 0.4.2, onnx 1.23.2, ONNX Runtime 1.32.0, Python 3.11: two patterns come out wrong.
#   Pad with zeros, then MaxPool: the zeros become the pooling's own padding, which counts as minus infinity.
#   -1 -2 -3 -4: before 0 0 0 0, after -1 -1 -1 -1 (a network with a ZeroPadding layer before its pooling is so built)
#   Reshape to (6, 4), then to (0, 2, -1), where 0 means "as it was": before (6, 2, 2), after (2, 2, 6); the declared
#   shape of the output is left as (6, 2, 2)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxoptimizer==0.4.2 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import platform

import numpy as np
import onnx.parser
import onnxoptimizer
import onnxruntime

versions = [f"{name} {importlib.metadata.version(name)}" for name in ("onnxoptimizer", "onnx", "onnxruntime")]
print("Python", platform.python_version(), *versions)
onnxruntime.set_default_logger_severity(4)


def before_and_after(body, rows):
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 13]> g {body}')
    optimised = onnxoptimizer.optimize(model)
    print([node.op_type for node in model.graph.node], "->", [node.op_type for node in optimised.graph.node])
    sessions = [onnxruntime.InferenceSession(each.SerializeToString()) for each in (model, optimised)]
    return [session.run(None, {"x": rows})[0] for session in sessions]


padded = """(float[1,1,2,2] x) => (float[1,1,2,2] y) <int64[8] pads = {0,0,1,1,0,0,1,1}>
    { wide = Pad(x, pads) y = MaxPool<kernel_shape = [3,3]>(wide) }"""
answers = [each.ravel().tolist() for each in before_and_after(padded, -np.arange(1, 5, dtype="float32").reshape(1, 1, 2, 2))]
print("MaxPool of a zero-padded image:", *answers)
assert answers == [[0] * 4, [-1] * 4]
reshaped = """(float[2,3,4] x) => (float[6,2,2] y) <int64[2] first = {6,4}, int64[3] second = {0,2,-1}>
    { flat = Reshape(x, first) y = Reshape(flat, second) }"""
shapes = [each.shape for each in before_and_after(reshaped, np.zeros((2, 3, 4), "float32"))]
print("two Reshapes:", *shapes)
assert shapes == [(6, 2, 2), (2, 2, 6)]
PY
