#!/usr/bin/env bash
# OpenVINO answers tf.unique with the first number and zeros, and the counts of tf.unique_with_counts with the numbers.
#
# Guess: Unique is in OpenVINO's operator set with its four outputs, so TensorFlow's come back as they are.
# Seen on 2026-11-30, OpenVINO 2026.4.1, TensorFlow 2.21.0, Python 3.11, x86-64, of 3 1 3 2, without an error:
#   tf.unique(x).y                    TensorFlow 3 1 2   OpenVINO 3 0 0
#   tf.unique_with_counts(x).count    TensorFlow 2 1 1   OpenVINO 3 0 0, of type float
#   tf.unique_with_counts(x).idx      TensorFlow 0 1 0 2 OpenVINO 3 0 0, of type float
#   tf.unique(x).idx                  both 0 1 0 2
# Two causes. Its own operator Unique(sorted=False) gives 3 0 0 where only the values are read, and 3 1 2 where all four
# outputs are (sorted it is right in both). And each output of unique_with_counts is wired to the first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 openvino==2026.4.1 \
  h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - <<'PY' 2> /dev/null
import platform
from importlib.metadata import version

import numpy as np
import openvino
import openvino.opset15 as operators
import tensorflow as tf

names = ("openvino", "tensorflow-cpu")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
x = np.array([3, 1, 3, 2], "float32")


def compare(name, function):
    module = tf.Module()
    module.f = tf.function(function, [tf.TensorSpec(x.shape)])
    tf.saved_model.save(module, name, signatures=module.f.get_concrete_function())
    answer = openvino.Core().compile_model(openvino.convert_model(name), "CPU")(x)[0]
    print(f"{name}: TensorFlow {function(x).numpy()} OpenVINO {answer} {answer.dtype}")
    return function(x).numpy().tolist(), answer.tolist(), answer.dtype.kind


def ask_operator(is_sorted, outputs):
    parameter = operators.parameter([4], np.float32)
    node = operators.unique(parameter, sorted=is_sorted)
    model = openvino.Model([node.output(index) for index in range(outputs)], [parameter])
    return openvino.Core().compile_model(model, "CPU")(x)[0].tolist()


assert compare("unique.y", lambda rows: tf.unique(rows).y) == ([3, 1, 2], [3, 0, 0], "f")
assert compare("unique.idx", lambda rows: tf.unique(rows).idx) == ([0, 1, 0, 2], [0, 1, 0, 2], "i")
assert compare("counts.count", lambda rows: tf.unique_with_counts(rows).count) == ([2, 1, 1], [3, 0, 0], "f")
assert compare("counts.idx", lambda rows: tf.unique_with_counts(rows).idx) == ([0, 1, 0, 2], [3, 0, 0], "f")
operator = {(is_sorted, outputs): ask_operator(is_sorted, outputs) for is_sorted in (True, False) for outputs in (1, 4)}
print("values of its own operator by (sorted, outputs read):", operator)
assert operator == {(True, 1): [1, 2, 3], (True, 4): [1, 2, 3], (False, 1): [3, 0, 0], (False, 4): [3, 1, 2]}
PY
