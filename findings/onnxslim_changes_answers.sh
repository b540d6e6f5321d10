#!/usr/bin/env bash
# OnnxSlim changes what a model answers.
#
# Guess: onnxslim.slim(model), with its defaults, leaves the answers of a valid model as they are, and two independent
# draws two.
# Seen on 2026-12-01, OnnxSlim 0.1.98, onnx 1.23.2, ONNX Runtime 1.31.1, NumPy 2.4.6, Python 3.11, no error and no warning:
#   a convolution of four channels and width four, times 1 10 100 1000 along the width: 3.6 35.7 -85.7 -823.3 becomes
#     3.6 3.57 -0.86 -0.82, the numbers times those of the channels
#   a Gemm that is used twice, once after a multiplication: the multiplication reaches both (6 132 2121 becomes 6 240 4200)
#   max(x, 0) + 0.1 min(x, 0) by two Clips, with their empty inputs written out: -0.2 -0.1 1 3 becomes 0 0 1.1 3.3, since
#     Clip(x, 0, "") and Clip(x, "", 0) are taken for the same
#   the difference of two RandomNormalLike of one tensor is 0: one of them is left
#   a Dropout whose training_mode is true (Monte Carlo dropout) is gone
# Sound in the same run: each of the first three in a form that does not meet the condition.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxslim==0.1.98 onnx==1.23.2 onnxruntime==1.31.1 \
  numpy==2.4.6 protobuf==7.36.2 ml_dtypes==0.6.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import onnxslim
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

names = ("onnxslim", "onnx", "onnxruntime", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
POWERS = np.array([1, 10, 100, 1000], "float32")
ZERO, TENTH = np.array(0, "float32"), np.array(0.1, "float32")
random = np.random.default_rng(0)
KERNEL, IMAGE = random.normal(size=(4, 1, 3, 3)).astype("float32"), random.normal(size=(1, 1, 6, 6)).astype("float32")
TABLE, FACTOR = np.arange(12, dtype="float32").reshape(4, 3), np.ones((2, 3), "float32")
NUMBERS = np.array([-2, -1, 1, 3], "float32")


def convolve(factors):
    return [make_node("Conv", ["x", "w"], ["c"]), make_node("Mul", ["c", "v"], ["y"])], {"w": KERNEL, "v": factors}


def multiply(second):
    nodes = [make_node("Gemm", ["x", "w"], ["g"], transB=1), make_node("Gemm", ["x", "w2"], ["h"], transB=1)]
    nodes += [make_node("Reshape", ["g", "s"], ["r"]), make_node("Mul", ["r", "v"], ["m"])]
    nodes += [make_node("Relu", [second], ["u"]), make_node("Reshape", ["u", "s"], ["t"]), make_node("Add", ["m", "t"], ["y"])]
    return nodes, {"w": TABLE, "w2": TABLE + 0, "v": POWERS, "s": np.array([1, 2, 4])}


def clip(*trailing):
    nodes = [make_node("Clip", ["x", "z", *trailing], ["p"]), make_node("Clip", ["x", "", "z"], ["n"])]
    return nodes + [make_node("Mul", ["n", "a"], ["q"]), make_node("Add", ["p", "q"], ["y"])], {"z": ZERO, "a": TENTH}


def draw():
    nodes = [make_node("RandomNormalLike", ["x"], [name]) for name in "ab"]
    return nodes + [make_node("Sub", ["a", "b"], ["y"])], {}


def drop():
    nodes = [make_node("Dropout", ["x", "half", "is_training"], ["d"]), make_node("Relu", ["d"], ["y"])]
    return nodes, {"half": np.array(0.5, "float32"), "is_training": np.array(True)}


def build(nodes, constants, shape, answer_shape):
    x, y = (make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", shape), ("y", answer_shape)))
    graph = make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(array, name) for name, array in constants.items()])
    model = make_model(graph, opset_imports=[make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def ask(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def compare(name, recipe, x, answer_shape):
    before = ask(build(*recipe, x.shape, answer_shape), x)
    after = ask(onnxslim.slim(build(*recipe, x.shape, answer_shape)), x)
    print(f"{name}: {before.ravel()[:4].round(2)} -> {after.ravel()[:4].round(2)}")
    return before.ravel(), after.ravel()


def is_alike(first, second):
    return np.allclose(first, second, rtol=1e-4, atol=1e-4)


for sound in (("by channels", convolve(POWERS[:, None, None]), IMAGE, (1, 4, 4, 4)),
              ("a Gemm each", multiply("h"), FACTOR, (1, 2, 4)), ("Clip(x, 0)", clip(), NUMBERS, (4,))):
    assert is_alike(*compare(*sound)), sound[0]
before, after = (answers.reshape(4, 4, 4) for answers in compare("by columns", convolve(POWERS), IMAGE, (1, 4, 4, 4)))
assert is_alike(before / POWERS * POWERS[:, None, None], after), "this has changed"
before, after = compare("a Gemm for both", multiply("g"), FACTOR, (1, 2, 4))
product = FACTOR[0] @ TABLE.T
assert is_alike(before[:4], product * (POWERS + 1)) and is_alike(after[:4], product * 2 * POWERS), "this has changed"
before, after = compare('Clip(x, 0, "")', clip(""), NUMBERS, (4,))
assert is_alike(before, [-0.2, -0.1, 1, 3]) and is_alike(after, [0, 0, 1.1, 3.3]), "this has changed"
many = np.ones(1000, "float32")
before, after = (ask(model, many) for model in (build(*draw(), (1000,), (1000,)), onnxslim.slim(build(*draw(), (1000,), (1000,)))))
print("difference of two draws, its standard deviation:", before.std(), "->", after.std())
assert before.std() > 1 and after.std() == 0
before, after = (ask(model, many) for model in (build(*drop(), (1000,), (1000,)), onnxslim.slim(build(*drop(), (1000,), (1000,)))))
print("dropped of 1000:", (before == 0).sum(), "->", (after == 0).sum())
assert (before == 0).sum() > 300 and (after == 0).sum() == 0
PY
if grep -i warn stderr; then echo "it warns now"; exit 1; fi
