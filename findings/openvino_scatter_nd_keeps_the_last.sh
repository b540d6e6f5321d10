#!/usr/bin/env bash
# OpenVINO reads TensorFlow's scatter_nd as an update: of numbers that meet in one place it keeps the last.
#
# Guess: tf.scatter_nd, which adds up what goes to one place, as its reference says, does so in any runtime that reads
# the graph; OpenVINO has an operation that adds up, and uses it for tensor_scatter_nd_add.
# Seen on 2026-11-30, OpenVINO 2026.4.1, TensorFlow 2.21.0, Python 3.11, no warning: 1, 2, 3, 4 to the places 0, 1, 1, 3
# give 1, 5, 0, 4, 0 in TensorFlow and 1, 3, 0, 4, 0 in OpenVINO. tensor_scatter_nd_add and unsorted_segment_sum, which
# mean the same, are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 openvino==2026.4.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import platform

import numpy as np
import openvino
import tensorflow as tf

packages = ("tensorflow", "openvino", "numpy")
print("Python", platform.python_version(), *(f"{name} {importlib.metadata.version(name)}" for name in packages))
SIGNATURE = [tf.TensorSpec([None], tf.int32, name="places"), tf.TensorSpec([None], tf.float32, name="numbers")]


class Sums(tf.Module):
    @tf.function(input_signature=SIGNATURE, autograph=False)
    def scatter_nd(self, places, numbers):
        return {"sums": tf.scatter_nd(places[:, None], numbers, [5])}

    @tf.function(input_signature=SIGNATURE, autograph=False)
    def tensor_scatter_nd_add(self, places, numbers):
        return {"sums": tf.tensor_scatter_nd_add(tf.zeros([5]), places[:, None], numbers)}

    @tf.function(input_signature=SIGNATURE, autograph=False)
    def unsorted_segment_sum(self, places, numbers):
        return {"sums": tf.math.unsorted_segment_sum(numbers, places, 5)}


module = Sums()
places, numbers = np.array([0, 1, 1, 3], "int32"), np.array([1, 2, 3, 4], "float32")
sums = {}
for name in ("scatter_nd", "tensor_scatter_nd_add", "unsorted_segment_sum"):
    function = getattr(module, name)
    tf.saved_model.save(module, name, signatures=function)
    compiled = openvino.Core().compile_model(openvino.convert_model(name), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (given,) = compiled({"places": places, "numbers": numbers}).values()
    expected = function(places, numbers)["sums"].numpy()
    print(f"{name}: TensorFlow {expected}, OpenVINO {given}")
    assert expected.tolist() == [1, 5, 0, 4, 0]
    sums[name] = given.tolist()
assert sums["scatter_nd"] == [1, 3, 0, 4, 0]
assert sums["tensor_scatter_nd_add"] == sums["unsorted_segment_sum"] == [1, 5, 0, 4, 0]
PY
