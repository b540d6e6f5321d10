#!/usr/bin/env bash
# OpenVINO's local response normalisation sums over other channels than TensorFlow's, and rounds its bias to a whole number.
#
# Guess: tf.nn.local_response_normalization, of AlexNet and the first Inception, is answered to within rounding.
# Seen on 2026-11-30, OpenVINO 2026.4.1 told f32, TensorFlow 2.21.0, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11,
# x86-64, with 8 channels 1 to 8: the largest difference, where no answer is above 1.9:
#   TensorFlow's defaults (radius 5, bias 1)                0.092
#   radius 2, bias 1                                        2e-07
#   radius 2, bias 1.5                                      0.069    the answer is that of bias 1, bit for bit
#   radius 1, bias 1                                        0.98     the answer is that of radius 0
#   radius 3, bias 1                                        0.22     the answer is that of radius 2
#   ONNX: LRN of size 5, bias 1                             2e-07
#   ONNX: LRN of size 5, bias 1.5                           0.069    that of bias 1
# ONNX Runtime answers the ONNX ones as TensorFlow does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 openvino==2026.4.1 \
  onnx==1.23.2 onnxruntime==1.31.1 h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - <<'PY' 2> /dev/null
import platform
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import openvino
import tensorflow as tf

names = ("openvino", "tensorflow-cpu", "onnx", "onnxruntime")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
x = np.arange(1, 9, dtype="float32").reshape(1, 1, 1, 8)
channels_first = x.reshape(1, 8, 1, 1)


def ask_openvino(model, question):
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(question)[0].ravel()


def normalize(radius, bias):
    return tf.nn.local_response_normalization(x, radius, bias, 0.1, 0.75).numpy().ravel()


def from_tensorflow(radius, bias):
    module = tf.Module()
    signature = [tf.TensorSpec(x.shape)]
    module.f = tf.function(lambda rows: tf.nn.local_response_normalization(rows, radius, bias, 0.1, 0.75), signature)
    tf.saved_model.save(module, "saved", signatures=module.f.get_concrete_function())
    return ask_openvino(openvino.convert_model("saved"), x)


def from_onnx(bias):
    node = onnx.helper.make_node("LRN", ["x"], ["y"], size=5, alpha=0.5, beta=0.75, bias=bias)
    ports = [[onnx.helper.make_tensor_value_info(name, 1, channels_first.shape)] for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", *ports)
    content = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    expected = onnxruntime.InferenceSession(content).run(None, {"x": channels_first})[0].ravel()
    assert np.allclose(expected, normalize(2, bias), atol=1e-6)
    return ask_openvino(openvino.Core().read_model(content), channels_first)


def off(answers, radius, bias):
    return float(np.abs(answers - normalize(radius, bias)).max())


seen = {setting: from_tensorflow(*setting) for setting in [(5, 1.0), (2, 1.0), (2, 1.5), (1, 1.0), (3, 1.0)]}
for setting, answers in seen.items():
    print("TensorFlow, radius", setting[0], "bias", setting[1], f"off by {off(answers, *setting):.2g}")
converted = {bias: from_onnx(bias) for bias in (1.0, 1.5)}
for bias, answers in converted.items():
    print("ONNX, size 5, bias", bias, f"off by {off(answers, 2, bias):.2g}")
assert off(seen[2, 1.0], 2, 1.0) < 1e-6 and off(converted[1.0], 2, 1.0) < 1e-6
assert np.array_equal(seen[2, 1.5], seen[2, 1.0]) and np.array_equal(converted[1.5], converted[1.0])
assert off(seen[5, 1.0], 5, 1.0) > 0.05 and off(seen[1, 1.0], 1, 1.0) > 0.5 and off(seen[3, 1.0], 3, 1.0) > 0.1
assert off(seen[1, 1.0], 0, 1.0) < 1e-6 and off(seen[3, 1.0], 2, 1.0) < 1e-6
PY
