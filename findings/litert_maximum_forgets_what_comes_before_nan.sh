#!/usr/bin/env bash
# LiteRT's maximum of a row is that of the numbers after the last "not a number" in it.
#
# Guess: the maximum of a row with a NaN is NaN, as in TensorFlow, or else the largest of its other numbers.
# Seen on 2026-12-01, TensorFlow 2.21.0, LiteRT 2.3.0, NumPy 2.4.6, Python 3.11, x86-64, of the rows 9 NaN -2 0.5 and
# 7 8 3 NaN, in LiteRT by default and without its delegate, and with its reference kernels:
#                                  TensorFlow   LiteRT         without its delegate   reference kernels
#   tf.reduce_max                  NaN NaN      0.5 NaN        0.5 NaN                9 8
#   tf.reduce_min                  NaN NaN      -2 NaN         -2 NaN                 -2 3
#   tf.clip_by_value(0, 1)         1 NaN 0 0.5  1 NaN 0 0.5    1 1 0 0.5              1 1 0 0.5
# Sound in the same run: the same of rows without a NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2 flatbuffers==25.12.19 ai-edge-litert==2.3.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform
from importlib.metadata import version

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

names = ("tensorflow-cpu", "ai-edge-litert", "numpy")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
RESOLVERS = (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN_REF)
nan = np.nan
SOUND = np.array([[9, 1, -2, 0.5], [7, 8, 3, -1]], "float32")
LATE = np.array([[9, nan, -2, 0.5], [7, 8, 3, nan]], "float32")
CASES = {
    "reduce_max": (lambda rows: tf.reduce_max(rows, 1), LATE, [nan, nan], 2 * [[0.5, nan]] + [[9, 8]]),
    "reduce_min": (lambda rows: tf.reduce_min(rows, 1), LATE, [nan, nan], 2 * [[-2, nan]] + [[-2, 3]]),
    "clip_by_value": (lambda rows: tf.clip_by_value(rows, 0, 1)[0], LATE, [1, nan, 0, 0.5], [[1, nan, 0, 0.5]] + 2 * [[1, 1, 0, 0.5]]),
}


def convert(function, shape):
    module = tf.Module()
    module.f = tf.function(function, [tf.TensorSpec(shape, tf.float32)], autograph=False)
    return tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module).convert()


def ask(content, rows, resolver):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


for name, (function, rows, expected, changed) in CASES.items():
    content = convert(function, rows.shape)
    answers = [ask(content, rows, each) for each in RESOLVERS]
    print(name, "TensorFlow", *function(rows).numpy(), *("| LiteRT %s" % answer for answer in answers))
    assert np.array_equal(function(rows).numpy(), np.float32(expected), equal_nan=True), name
    assert np.array_equal(answers, np.float32(changed), equal_nan=True), f"{name} has changed"
    whole = SOUND[: len(rows)]
    assert all(np.array_equal(ask(content, whole, each), function(whole).numpy()) for each in RESOLVERS), name
PY
