#!/usr/bin/env bash
# tract answers 1 for every class of an ONNX file in 8 bits.
#
# Guess: a Softmax between pairs of QuantizeLinear and DequantizeLinear, as ONNX Runtime's static quantisation writes a
# classifier, gives the float Softmax to within one step of its scale, 1/255.
# Seen on 2026-11-30, tract 0.23.9, onnx 1.23.2, NumPy 2.4.6, Python 3.11: no error, and every class of every row is
# exactly 1. Without the pair behind it, Softmax is right to 1e-7; the pairs around MatMul and Add are exact, too.
#   float rows sum to 1; tract's rows of three classes sum to 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tract==0.23.9 onnx==1.23.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform
from importlib.metadata import version

import numpy as np
import onnx
import tract
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), "tract", version("tract"), "onnx", onnx.__version__, "NumPy", np.__version__)
SHAPE = [2, 3]
CONSTANTS = {
    "a": np.float32(0.05),
    "a_zero": np.int8(3),
    "b": np.float32(1 / 255),
    "b_zero": np.int8(-128),
}
logits = np.array([[-3.0, 0.5, 2.0], [1.0, 1.0, -1.0]], "float32")


def pair(given, scale, made):
    quantized = [given, scale, f"{scale}_zero"]
    return [
        helper.make_node("QuantizeLinear", quantized, [f"{made}_8"]),
        helper.make_node("DequantizeLinear", [f"{made}_8", *quantized[1:]], [made]),
    ]


def ask(nodes):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("x", "y")]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    net = tract.onnx().load("m.onnx")
    net.set_input_fact(0, "2,3,f32")
    return net.into_model().into_runnable().run([logits])[0].to_numpy()


exponentials = np.exp(logits)
expected = exponentials / exponentials.sum(1, keepdims=True)
before = [*pair("x", "a", "d")]
alone = ask([*before, helper.make_node("Softmax", ["d"], ["y"])])
between = ask([*before, helper.make_node("Softmax", ["d"], ["e"]), *pair("e", "b", "y")])
print("expected", expected.round(3).tolist())
print("with float numbers behind it", alone.round(3).tolist())
print("between two pairs", between.round(3).tolist())
assert np.abs(alone - expected).max() < 1e-3
assert np.abs(between - 1).max() < 0.01, "tract has changed: look at its Softmax again"
PY
