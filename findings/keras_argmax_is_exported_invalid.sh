#!/usr/bin/env bash
# A model with `keras.ops.argmax` is exported to ONNX and LiteRT without an error, and neither file can be run.
#
# Guess: argmax is one operation of TensorFlow, of ONNX and of LiteRT, so the exported file answers the same class.
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, ONNX Runtime 1.31.1, LiteRT 2.3.0, Python 3.11:
# Keras makes a number a little less where it is -0.0, and looks at its bits for that (Bitcast, BitwiseAnd). ONNX of
# opset 15 has neither and LiteRT no BitwiseAnd: the first does not load, the second asks for the Flex delegate. Of whole
# numbers, or by tf.argmax, both files are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 "h5py<3.15" \
    ai-edge-litert==2.3.0 onnxruntime==1.31.1 tf2onnx==1.17.0 onnx==1.23.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
print("ONNX Runtime", onnxruntime.__version__)
rows = np.array([[1.0, 3.0, 2.0]], "float32")


class Largest(keras.layers.Layer):
    def call(self, x):
        return tf.argmax(x, axis=-1, output_type="int32")


def ask_onnx(model):
    model.export("model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession("model.onnx")
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def ask_litert(model):
    model.export("model.tflite", format="litert", verbose=False)
    runner = Interpreter("model.tflite").get_signature_runner()
    return next(iter(runner(**{next(iter(runner.get_input_details())): rows}).values()))


def attempt(ask, model):
    try:
        return ask(model).tolist()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


seen = {}
for name, largest in (("keras.ops.argmax", lambda x: keras.ops.argmax(x, axis=-1)), ("tf.argmax", Largest())):
    x = keras.Input((3,), name="x")
    model = keras.Model(x, largest(x))
    model(rows)  # without which the export to ONNX says that it was never called
    for ask in (ask_onnx, ask_litert):
        seen[name, ask.__name__] = attempt(ask, model)
        print(name, ask.__name__, seen[name, ask.__name__])
assert seen["tf.argmax", "ask_onnx"] == seen["tf.argmax", "ask_litert"] == [1]
assert "Bitcast" in seen["keras.ops.argmax", "ask_onnx"] and "Flex" in seen["keras.ops.argmax", "ask_litert"]
PY
