#!/usr/bin/env bash
# ONNX's reference evaluator reads past the end of a sequence.
#
# Guess: the evaluator that stands for the specification heeds `sequence_lens`, the fifth input of RNN, GRU and LSTM, or
# says that it does not.
# Seen on 2026-11-29, onnx 1.23.2, ONNX Runtime 1.32.0, Python 3.11: it runs every row to the full length. The last state
# of a row of one step is that of a row of three.
#   lengths 3 and 1, RNN: ONNX Runtime 0.894 0.762, the reference 0.894 0.894
#   who checks an exporter of masked recurrent layers against it finds the right file wrong
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
import onnx.reference
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), "onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
rows = np.ones((3, 2, 1), "float32")
for kind, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    constants = {"w": np.ones((1, gates, 1), "float32"), "r": np.full((1, gates, 1), 0.5, "float32")}
    constants["lengths"] = np.array([3, 1], "int32")
    node = helper.make_node(kind, ["x", "w", "r", "", "lengths"], ["", "last"], hidden_size=1)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 2, 1])]
    outputs = [helper.make_tensor_value_info("last", TensorProto.FLOAT, [1, 2, 1])]
    stored = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph([node], "graph", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    right = session.run(None, {"x": rows})[0].ravel()
    reference = onnx.reference.ReferenceEvaluator(model).run(None, {"x": rows})[0].ravel()
    print(kind, "ONNX Runtime:", right.round(3), "reference:", reference.round(3))
    assert abs(right[0] - right[1]) > 0.1 and reference[0] == reference[1]
    alone = session.run(None, {"x": np.concatenate([rows[:1], np.full_like(rows[1:], 9)])})[0].ravel()
    assert alone[1] == right[1]
PY
