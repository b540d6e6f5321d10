#!/usr/bin/env bash
# MNN reads nine operators of ONNX without one of their settings, or as another function.
#
# Guess: MNN's converter, which writes no file where it does not know an operator or an input (Mish; the peepholes of an
# LSTM), keeps the answers of what it writes.
# Seen on 2026-12-01, MNN 3.6.1, onnx 1.23.2, ONNX Runtime 1.31.1, NumPy 2.4.6, Python 3.11, x86-64, no error. It answers to
# 1e-5 as ONNX Runtime does for the same file without that setting:
#   RNN of direction reverse                       as forward
#   Resize with antialias                          as without
#   Conv of auto_pad SAME_LOWER                    as SAME_UPPER
#   ScatterElements and ScatterND that add, multiply or take the larger   as those that replace
# and as another function:
#   Mod with fmod, -7 of 3                         2 for -1
#   Round of -2.5 -0.5 0.5 2.5                     -3 -1 1 3 for -2 0 0 2
#   Shrink of -2 and 2, lambd and bias 1.5         0 0.5 for -0.5 0.5
#   GatherElements of 7 8 9, indices -1 and 1      0 8 for 9 8
# Sound in the same run: RNN forward, GridSample linear, Resize linear, Conv SAME_UPPER, Gather of index -1, Floor, Ceil.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check MNN==3.6.1 onnx==1.23.2 onnxruntime==1.31.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import pathlib
import platform
from importlib.metadata import version

import _tools  # the function and not the command mnnconvert, which starts pip
import MNN
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in ("MNN", "onnx", "onnxruntime", "numpy")))
random = np.random.default_rng(0)


def draw(*shape):
    return random.uniform(-1, 1, shape).astype("float32")


def write_file(operator, inputs, settings):
    """Integers and what is empty are constants of the file, numbers its inputs."""
    names = [f"x{i}" for i in range(len(inputs))]
    asked = {name: x for name, x in zip(names, inputs, strict=True) if x is not None and x.dtype == np.float32 and x.ndim > 1}
    kept = [numpy_helper.from_array(x, name) for name, x in zip(names, inputs, strict=True) if x is not None and name not in asked]
    names = [name if x is not None else "" for name, x in zip(names, inputs, strict=True)]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name, x in asked.items()]
    answer = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node(operator, names, ["y"], **settings)], "g", ports, answer, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString(), asked


def ask_onnx_runtime(content, asked):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(["y"], asked)[0]


def convert(content):
    pathlib.Path("f.onnx").write_bytes(content)
    pathlib.Path("f.mnn").unlink(missing_ok=True)
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", "f.onnx", "--MNNModel", "f.mnn", "--bizCode", "x"])
    return pathlib.Path("f.mnn").is_file()


def ask_mnn(content, asked):
    assert convert(content)
    net = MNN.Interpreter("f.mnn")
    session = net.createSession({"numThread": 1, "precision": "high"})
    tensors = net.getSessionInputAll(session)
    for name, tensor in tensors.items():
        net.resizeTensor(tensor, asked[name].shape)
    net.resizeSession(session)
    for name, tensor in tensors.items():
        x = np.ascontiguousarray(asked[name])
        tensor.copyFrom(MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe))
    net.runSession(session)
    tensor = net.getSessionOutputAll(session)["y"]
    host = MNN.Tensor(tensor.getShape(), MNN.Halide_Type_Float, np.zeros(tensor.getShape(), "float32"), MNN.Tensor_DimensionType_Caffe)
    tensor.copyToHostTensor(host)
    return np.array(host.getNumpyData()).reshape(tensor.getShape())


rnn = [draw(5, 2, 3), draw(1, 4, 3)[None, 0], draw(1, 4, 4)[None, 0]]
image, grid, kernel = draw(1, 1, 4, 4), draw(1, 3, 3, 2), draw(2, 1, 2, 2)
larger, smaller = np.array([1, 1, 1.5, 2], "float32"), np.array([1, 1, 0.5, 0.5], "float32")
elements = [draw(1, 5), np.array([[1, 1]]), draw(1, 2)]
rows = [draw(5, 2), np.array([[1], [1]]), draw(2, 2)]
halves, sevens = np.array([[-2.5, -0.5, 0.5, 2.5]], "float32"), [np.array([[-7.0]], "float32"), np.array([[3.0]], "float32")]
# operator, inputs, settings of the file, settings that MNN answers by
CASES = [
    ("RNN", rnn, {"hidden_size": 4, "direction": "reverse"}, {"hidden_size": 4}),
    ("Resize", [image, None, smaller], {"mode": "linear", "antialias": 1}, {"mode": "linear"}),
    ("Conv", [image, kernel], {"auto_pad": "SAME_LOWER"}, {"auto_pad": "SAME_UPPER"}),
    *(("ScatterElements", elements, {"axis": 1, "reduction": each}, {"axis": 1}) for each in ("add", "mul", "max")),
    *(("ScatterND", rows, {"reduction": each}, {}) for each in ("add", "mul", "max")),
]
for operator, inputs, settings, fewer in CASES:
    content, asked = write_file(operator, inputs, settings)
    expected, without = ask_onnx_runtime(content, asked), ask_onnx_runtime(*write_file(operator, inputs, fewer))
    answer = ask_mnn(content, asked)
    off, same = np.abs(answer - expected).max(), np.abs(answer - without).max()
    print(operator, settings, f"off by {off:.3f}, by {same:.1e} from", fewer)
    assert off > 0.01 and same < 1e-5, (operator, settings)
VALUES = [
    ("Mod", sevens, {"fmod": 1}, [-1], [2]),
    ("Round", [halves], {}, [-2, 0, 0, 2], [-3, -1, 1, 3]),
    ("Shrink", [np.array([[-2, 2]], "float32")], {"lambd": 1.5, "bias": 1.5}, [-0.5, 0.5], [0, 0.5]),
    ("GatherElements", [np.array([[7, 8, 9]], "float32"), np.array([[-1, 1]])], {"axis": 1}, [9, 8], [0, 8]),
]
for operator, inputs, settings, right, seen in VALUES:
    content, asked = write_file(operator, inputs, settings)
    expected, answer = ask_onnx_runtime(content, asked).ravel().tolist(), ask_mnn(content, asked).ravel().tolist()
    print(operator, settings, "ONNX Runtime", expected, "MNN", answer)
    assert expected == right and answer == seen, operator
SOUND = [
    ("RNN", rnn, {"hidden_size": 4}),
    ("GridSample", [image, grid], {"mode": "linear"}),
    ("Resize", [image, None, larger], {"mode": "linear"}),
    ("Conv", [image, kernel], {"auto_pad": "SAME_UPPER"}),
    ("Gather", [draw(2, 3), np.array([-1, 0])], {"axis": 1}),
    ("Floor", [halves], {}),
    ("Ceil", [halves], {}),
]
for operator, inputs, settings in SOUND:
    content, asked = write_file(operator, inputs, settings)
    assert np.abs(ask_mnn(content, asked) - ask_onnx_runtime(content, asked)).max() < 1e-5, operator
print("sound:", *(operator for operator, *_ in SOUND))
assert not convert(write_file("Mish", [halves], {})[0])
lstm = [draw(5, 2, 3), draw(1, 16, 3), draw(1, 16, 4), None, None, None, None, draw(1, 12)]
assert not convert(write_file("LSTM", lstm, {"hidden_size": 4})[0])
print("no file: Mish, LSTM with peepholes")
PY
