#!/usr/bin/env bash
# ONNX's version converter changes what a model answers, upwards and downwards.
#
# Guess: `onnx.version_converter.convert_version` keeps the meaning of a model or raises; it knows that Softmax changed
# its meaning between two operator sets (it flattens there) and does so for the others that changed with it.
# Seen on 2026-11-29, onnx 1.23.2, ONNX Runtime 1.32.0, Python 3.11: no error, and the checker passes what it wrote.
#   Resize of 0 1, twice as wide, 10 -> 11:  0 0.5 1 1 becomes 0 0.25 0.75 1 (the attribute with the new default is
#   left out; so does Upsample 9 -> 11)
#   Hardmax of 1 3 2 / 1 2 9, 11 -> 13:      one 1 becomes two
#   Softmax over rows of zeros, 13 -> 12:    0.5 becomes 0.25
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import numpy as np
import onnx
import onnx.parser
import onnx.version_converter
import onnxruntime

print("Python", platform.python_version(), "onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
onnxruntime.set_default_logger_severity(3)


def run(model, rows):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.array(rows, "float32")})[0].ravel().tolist()


def convert(body, rows, old, new):
    model = onnx.parser.parse_model(f'<ir_version: 7, opset_import: ["" : {old}]> g {body}')
    converted = onnx.version_converter.convert_version(model, new)
    onnx.checker.check_model(converted, full_check=True)
    before, after = run(model, rows), run(converted, rows)
    print(f"{model.graph.node[-1].op_type} {old} -> {new}: {before} -> {after}")
    return before, after


scales = "<float[4] scales = {1, 1, 1, 2}>"
wide = "(float[1,1,1,2] x) => (float[1,1,1,4] y)", [[[[0, 1]]]]
for kind, old in (("Resize", 10), ("Upsample", 9)):
    body = f'{wide[0]} {scales} {{ y = {kind}<mode = "linear">(x, scales) }}'
    assert convert(body, wide[1], old, 11) == ([0, 0.5, 1, 1], [0, 0.25, 0.75, 1])
hardmax = convert("(float[1,2,3] x) => (float[1,2,3] y) { y = Hardmax(x) }", [[[1, 3, 2], [1, 2, 9]]], 11, 13)
assert hardmax == ([0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1])
softmax = convert("(float[2,2] x) => (float[2,2] y) { y = Softmax<axis = 0>(x) }", [[0, 0], [0, 0]], 13, 12)
assert softmax == ([0.5] * 4, [0.25] * 4)
PY
