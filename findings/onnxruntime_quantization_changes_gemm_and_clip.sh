#!/usr/bin/env bash
# ONNX Runtime's static quantisation gives a Gemm another bias, and drops a Clip whose lower bound is above zero.
#
# Guess: quantize_static gives a model that answers within a few steps of 8 bits, under 3 % of the largest number here,
# and with activations of 16 bits within less.
# Seen on 2026-11-30, ONNX Runtime 1.32.0, onnx 1.23.2, Python 3.11, no error and no warning:
#                                          as it is   QDQ, 8 bits   QDQ, 16 bits   QOperator, 8 bits
#   Gemm of 1 and weight 1, bias 10          11         11            11             11
#   the same with beta=3                     31         4.27          11             4.27
#   Gemm of 4, bias 10, alpha=0.5            12         12            12             7.01
#   Gemm, then Clip(0, 3), of -1             0          0             0              0
#   Gemm, then Clip(0.5, 3), of -1           0.5        0             0              0
# In 8 bits the bias is divided by beta where it should be multiplied, and takes alpha too. The Clip is taken out since
# integers stop at the ends of their range by themselves, and that range is stretched to zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 \
  sympy==1.14.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> /dev/null
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in ("onnxruntime", "onnx")))
QDQ, OPERATORS = QuantFormat.QDQ, QuantFormat.QOperator
FORMS = ((QDQ, QuantType.QUInt8), (QDQ, QuantType.QUInt16), (OPERATORS, QuantType.QUInt8))
ROWS = np.linspace(-1, 4, 11, dtype="float32").reshape(11, 1)


class Rows(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(ROWS)

    def get_next(self):
        row = next(self.rest, None)
        return None if row is None else {"x": row.reshape(1, 1)}


def build(nodes, **constants):
    ports = [[make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1])] for name in "xy"]
    stored = [from_array(np.array(value, "float32"), name) for name, value in constants.items()]
    return make_model(make_graph(nodes, "g", *ports, stored), opset_imports=[make_opsetid("", 17)], ir_version=8)


def gemm(**settings):
    return build([make_node("Gemm", ["x", "weight", "bias"], ["y"], **settings)], weight=[[1]], bias=[10])


def clip(low):
    nodes = [make_node("Gemm", ["x", "weight", "bias"], ["a"]), make_node("Clip", ["a", "low", "high"], ["y"])]
    return build(nodes, weight=[[1]], bias=[0], low=low, high=3)


def ask(path, row):
    return float(onnxruntime.InferenceSession(path).run(None, {"x": np.array([[row]], "float32")})[0][0, 0])


def measure(name, model, row):
    onnx.save(model, "m.onnx")
    answers = [ask("m.onnx", row)]
    for form, kind in FORMS:
        settings = {"quant_format": form, "activation_type": kind, "weight_type": QuantType.QInt8}
        quantize_static("m.onnx", "q.onnx", Rows(), **settings)
        answers.append(ask("q.onnx", row))
    print(f"{name:16}", *(f"{answer:.3g}" for answer in answers))
    return answers


print("                 as is, QDQ 8 bits, QDQ 16 bits, QOperator 8 bits")
seen = {
    "plain": measure("plain", gemm(), 1.0),
    "beta": measure("beta=3", gemm(beta=3.0), 1.0),
    "alpha": measure("alpha=0.5", gemm(alpha=0.5), 4.0),
    "clip0": measure("Clip(0, 3)", clip(0), -1.0),
    "clip": measure("Clip(0.5, 3)", clip(0.5), -1.0),
}
close = {name: np.abs(np.array(answers) - answers[0]).max() < 0.1 for name, answers in seen.items()}
assert close == {"plain": True, "beta": False, "alpha": False, "clip0": True, "clip": False}, seen
assert all(answer < 12 for answer in seen["beta"][1:]) and seen["clip"][1:] == [0, 0, 0], seen
assert abs(seen["alpha"][1] - 12) < 0.1 and abs(seen["alpha"][3] - 7) < 0.1, seen
PY
