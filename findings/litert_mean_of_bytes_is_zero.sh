#!/usr/bin/env bash
# LiteRT answers 0 for the mean of uint8, whatever its numbers are.
#
# Guess: tf.reduce_mean of a picture's bytes either does not convert, as one of int8 does not, or is answered as
# TensorFlow does.
# Seen on 2026-12-01, TensorFlow 2.21.0, LiteRT 2.3.0, Python 3.11, x86-64, of 10 20 40 3 and of 100 50 27 2:
#   tf.reduce_mean of    TensorFlow     LiteRT, by default, without its delegate, and with its reference kernels
#   uint8                18 44          0 0
#   int32, int64         18 44          18 44
#   float32              18.25 44.75    18.25 44.75
# A mean of int8 or int16, and a sum of uint8, int8 or int16, do not convert.
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
from tensorflow.lite.python.convert import ConverterError

names = ("tensorflow-cpu", "ai-edge-litert")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
RESOLVERS = (
    OpResolverType.AUTO,
    OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    OpResolverType.BUILTIN_REF,
)


def convert(function, specification):
    module = tf.Module()
    module.f = tf.function(function, [specification], autograph=False)
    return tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module).convert()


def ask(content, question, resolver):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], question)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()


def mean(rows):
    return tf.reduce_mean(rows, axis=1)


for dtype in ("uint8", "int32", "int64", "float32"):
    question = np.array([[10, 20, 40, 3], [100, 50, 27, 2]], dtype)
    content = convert(mean, tf.TensorSpec(question.shape, dtype))
    expected, answers = mean(question).numpy().tolist(), [ask(content, question, each) for each in RESOLVERS]
    print(dtype, "TensorFlow", expected, "LiteRT", answers)
    assert answers == 3 * [[0, 0] if dtype == "uint8" else expected]
    assert expected == ([18.25, 44.75] if dtype == "float32" else [18, 44])
REFUSED = [(tf.reduce_mean, dtype) for dtype in ("int8", "int16")]
REFUSED += [(tf.reduce_sum, dtype) for dtype in ("uint8", "int8", "int16")]
for operation, dtype in REFUSED:
    try:
        convert(lambda rows: operation(rows, axis=1), tf.TensorSpec([2, 4], dtype))
    except ConverterError as error:
        print(operation.__name__, dtype, "does not convert:", type(error).__name__)
    else:
        raise AssertionError(f"{operation.__name__} of {dtype} converts")
PY
