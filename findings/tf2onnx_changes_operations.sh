#!/usr/bin/env bash
# tf2onnx writes four everyday operations as other ones.
#
# Guess: tf2onnx, which refuses what it does not know, keeps the answers of what it converts.
# Seen on 2026-11-29, tf2onnx 1.17.0, TensorFlow 2.21.0, ONNX Runtime 1.31.1, Python 3.11: no warning, and
#   -7 // 3 of int32            TensorFlow -3       ONNX -2       (and -7 % 3: 2 and -1)
#   one_hot(-1, depth 3)        TensorFlow 0 0 0    ONNX 0 0 1    (-1 is TensorFlow's documented "no class")
#   scatter_nd, an index twice  TensorFlow 1 + 2    ONNX 2        (equal indices add up in TensorFlow)
#   resize "area" of 0 1 2 3    TensorFlow 0.5 2.5  ONNX 0 2      (the mean has become the nearest pixel)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 tf2onnx==1.17.0 \
  onnx==1.23.2 onnxruntime==1.31.1 h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import platform

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

versions = [f"{name} {importlib.metadata.version(name)}" for name in ("tf2onnx", "onnx", "onnxruntime")]
print("Python", platform.python_version(), "TensorFlow", tf.__version__, *versions)


def compare(name, function, values):
    signature = [tf.TensorSpec(values.shape, values.dtype, name="x")]
    converted, _ = tf2onnx.convert.from_function(tf.function(function, autograph=False), input_signature=signature, opset=18)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    pair = [np.asarray(function(tf.constant(values))), session.run(None, {session.get_inputs()[0].name: values})[0]]
    print(f"{name}: TensorFlow {pair[0].ravel()}, ONNX {pair[1].ravel()}")
    return [each.ravel().tolist() for each in pair]


numbers = np.array([-7, 7], "int32")
assert compare("// 3", lambda x: x // tf.constant(3), numbers) == [[-3, 2], [-2, 2]]
assert compare("% 3", lambda x: x % tf.constant(3), numbers) == [[2, 1], [-1, 1]]
assert compare("one_hot", lambda x: tf.one_hot(x, 3), np.array([-1], "int32")) == [[0, 0, 0], [0, 0, 1]]
pair = compare("scatter_nd", lambda x: tf.scatter_nd([[1], [1]], x, [3]), np.array([1, 2], "float32"))
assert pair == [[0, 3, 0], [0, 2, 0]]
image = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)
assert compare("area", lambda x: tf.image.resize(x, (1, 2), "area"), image) == [[0.5, 2.5], [0, 2]]
PY
