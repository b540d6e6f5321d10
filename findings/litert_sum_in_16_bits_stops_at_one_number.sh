#!/usr/bin/env bash
# In LiteRT, a sum in 16 bits is no larger than the largest single number that it was shown.
#
# Guess: a file with activations in 16 bits and weights in 8 (TensorFlow's converter offers it for what is too coarse in 8
# bits) is nearer to the model than one in 8 bits, as it is for the mean and the maximum.
# Seen on 2026-12-01, TensorFlow 2.21.0, LiteRT 2.3.0, Python 3.11, x86-64, no error and no warning. The numbers that the
# converter was shown go from -1 to 3; tf.reduce_sum of six times 1, and of six times 0.25:
#   TensorFlow   6   1.5
#   8 bits       6   1.5   to half a step of 0.09
#   16 bits      3   1.5   with the reference kernels 0 for the 6
# Of 16 bits the converter gives the sum the scale of what is summed up, where 8 bits have one of their own. Sound in the same
# run: tf.reduce_mean and tf.reduce_max, in both, with all kernels.
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

names = ("tensorflow-cpu", "ai-edge-litert")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
DEFAULT = (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
REFERENCE = OpResolverType.BUILTIN_REF
SETS = tf.lite.OpsSet
BITS = {8: SETS.TFLITE_BUILTINS_INT8, 16: SETS.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8}
ASKED = np.float32([[1] * 6, [0.25] * 6])
SHOWN = [np.linspace(-1, 3, 12, dtype="float32").reshape(2, 6), np.float32([[3] * 6, [-1] * 6])]


def convert(reduce, bits):
    module = tf.Module()
    module.f = tf.function(lambda rows: reduce(rows, axis=1), [tf.TensorSpec([2, 6])], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rows] for rows in SHOWN)
    converter.target_spec.supported_ops = [BITS[bits]]
    return converter.convert()


def ask(content, resolver):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], ASKED)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def scales(content):
    interpreter = Interpreter(model_content=content)
    return {float(each["quantization"][0]) for each in interpreter.get_tensor_details() if each["quantization"][0]}


answers = {}
for reduce in (tf.reduce_sum, tf.reduce_mean, tf.reduce_max):
    expected = reduce(ASKED, axis=1).numpy()
    for bits in BITS:
        content = convert(reduce, bits)
        usual, reference = [ask(content, each) for each in DEFAULT], ask(content, REFERENCE)
        print(reduce.__name__, bits, "bits: TensorFlow", expected, "default", *usual, "reference", reference, "scales", scales(content))
        answers[reduce, bits] = expected, usual, reference, scales(content)
for (reduce, bits), (expected, usual, reference, found) in answers.items():
    near = 0.08 if bits == 8 else 0.001
    if reduce is not tf.reduce_sum:
        assert all(np.abs(each - expected).max() < near for each in (*usual, reference)), (reduce, bits)
    else:
        assert expected.tolist() == [6, 1.5]
        assert all(np.abs(each - ([6, 1.5] if bits == 8 else [3, 1.5])).max() < near for each in usual), bits
        assert bits == 8 or abs(reference[0]) < 0.001, reference
        assert len(found) == (2 if bits == 8 else 1), found
PY
