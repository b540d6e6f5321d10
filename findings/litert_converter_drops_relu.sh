#!/usr/bin/env bash
# TensorFlow's converter to LiteRT leaves out a ReLU that follows a product of two computed matrices.
#
# Guess: the product and the ReLU come out as two operations, or as one that has the ReLU in it.
# Seen on 2026-12-01, TensorFlow 2.21.0, LiteRT 2.3.0, Keras 3.15.1, Python 3.11, x86-64:
#   tf.nn.relu(a @ b), tf.nn.relu6(a @ b),      BATCH_MATMUL alone, with numbers below 0: the product as it is
#   tf.maximum(a @ b, 0), of two inputs
#   tf.nn.relu(a @ kernel), a constant kernel   right: FULLY_CONNECTED with its ReLU
#   tf.nn.relu(a @ b + bias)                    right: so has its FULLY_CONNECTED
#   tf.nn.tanh(a @ b)                           right: TANH follows
#   tf.nn.relu(a @ b), of three axes            right: RELU follows
#   Dense(128, "relu", use_bias=False) of Keras, quantised to 4 bits, of 512 numbers: as the first
# So for a fixed number of rows and for any; nothing that the converter logs names the ReLU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2 flatbuffers==25.12.19 ai-edge-litert==2.3.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=0 "$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

names = ("tensorflow-cpu", "ai-edge-litert", "keras")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))


def ask(content, *arrays):
    """Answer in the order of the inputs' numbers, which is that of the function's arguments."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    details = sorted(interpreter.get_input_details(), key=lambda detail: detail["name"])
    for detail, array in zip(details, arrays, strict=True):
        interpreter.resize_tensor_input(detail["index"], array.shape)
    interpreter.allocate_tensors()
    for detail, array in zip(details, arrays, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    operations = [each["op_name"] for each in interpreter._get_ops_details() if each["op_name"] != "DELEGATE"]
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), operations


def try_function(label, function, a, b, rows):
    specifications = [tf.TensorSpec((rows, *a.shape[1:]), name="a"), tf.TensorSpec(b.shape, name="b")]
    module = tf.Module()
    module.f = tf.function(function, specifications, autograph=False)
    traced = module.f.get_concrete_function()
    answer, operations = ask(tf.lite.TFLiteConverter.from_concrete_functions([traced], module).convert(), a, b)
    expected = traced(tf.constant(a), tf.constant(b)).numpy()
    off = float(np.abs(answer - expected).max())
    print(f"{label}, rows {rows}: off by {off:.3g}, lowest {answer.min():.3g}, expected {expected.min():.3g}", operations)
    return answer, expected, operations


a, b = np.array([[1, -2], [4, 5]], "float32"), np.array([[-2, 3], [5, -6]], "float32")
kernel = tf.constant(b)
dropped = {
    "relu": lambda a, b: tf.nn.relu(tf.matmul(a, b)),
    "relu6": lambda a, b: tf.nn.relu6(tf.matmul(a, b)),
    "maximum": lambda a, b: tf.maximum(tf.matmul(a, b), 0.0),
}
kept = {
    "relu of a constant kernel": (lambda a, b: tf.nn.relu(tf.matmul(a, kernel)) + 0 * b, "FULLY_CONNECTED"),
    "relu of a sum": (lambda a, b: tf.nn.relu(tf.matmul(a, b) + tf.constant([1.0, 2.0])), "FULLY_CONNECTED"),
    "tanh": (lambda a, b: tf.nn.tanh(tf.matmul(a, b)), "TANH"),
    "relu of three axes": (lambda a, b: tf.nn.relu(tf.matmul(a[None], b[None]))[0], "RELU"),
}
for rows in (2, None):
    for label, function in dropped.items():
        answer, _, operations = try_function(label, function, a, b, rows)
        assert np.allclose(answer, a @ b) and operations == ["BATCH_MATMUL"], "this has changed"
for label, (function, operation) in kept.items():
    answer, expected, operations = try_function(label, function, a, b, 2)
    assert np.allclose(answer, expected, atol=1e-5) and operation in operations, label
assert (a @ b).min() < 0 and (a @ b).max() > 6  # so that each of the three has something to do

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((512,)), keras.layers.Dense(128, "relu", use_bias=False)])
model.quantize("int4")
model.export("model.tflite", format="litert", verbose=False)
rows = np.random.default_rng(0).random((4, 512), dtype="float32")
answer, operations = ask(open("model.tflite", "rb").read(), rows)
expected = model.predict(rows, verbose=0)
print("Dense in 4 bits: lowest", answer.min(), "expected", expected.min(), operations)
assert answer.min() < -0.1
assert expected.min() == 0
assert np.abs(np.maximum(answer, 0) - expected).max() < 1e-5
assert "RELU" not in operations and "MAXIMUM" not in operations
PY
if grep -iE "relu|activation" stderr; then echo "it says so now"; exit 1; fi
