#!/usr/bin/env bash
# `export` of a model with `keras.ops.argmax` of floats raises nothing, and neither its ONNX nor its LiteRT file can be run.
#
# Guess: argmax is one operation of TensorFlow, of ONNX and of LiteRT, so the exported file answers the same class.
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, ONNX Runtime 1.31.1, LiteRT 2.3.0, Python 3.11:
# by its source, Keras makes a number a little less where it is -0.0, and looks at its bits for that (Bitcast,
# BitwiseAnd). tf2onnx logs that it supports neither and writes both into the file, whose opset 15 does not have them, and
# it does not load; the LiteRT file asks for the Flex delegate. Of whole numbers (int32), or by tf.argmax, both files are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2 flatbuffers==25.12.19 ai-edge-litert==2.3.0 onnxruntime==1.31.1 \
  tf2onnx==1.17.0 onnx==1.23.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
print("ONNX Runtime", onnxruntime.__version__)
FILES = {"onnx": Path("model.onnx"), "litert": Path("model.tflite")}


class Largest(keras.layers.Layer):
    def call(self, x):
        return tf.argmax(x, axis=-1, output_type="int32")


def ask_onnx(rows):
    session = onnxruntime.InferenceSession("model.onnx")
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def ask_litert(rows):
    runner = Interpreter("model.tflite").get_signature_runner()
    return next(iter(runner(**{next(iter(runner.get_input_details())): rows}).values()))


def attempt(ask, rows):
    try:
        return ask(rows).tolist()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def export(largest, rows):
    x = keras.Input((3,), name="x", dtype=rows.dtype.name)
    model = keras.Model(x, largest(x))
    assert np.asarray(model(rows)).tolist() == [1]  # without a call the export to ONNX says that there was none
    for kind, file in FILES.items():
        file.unlink(missing_ok=True)
        model.export(str(file), format=kind, verbose=False)
        assert file.stat().st_size > 0, file


def try_case(name, largest, dtype):
    rows = np.array([[1, 3, 2]], dtype)
    export(largest, rows)
    answers = attempt(ask_onnx, rows), attempt(ask_litert, rows)
    print(name, dtype, *answers, sep=" | ")
    return answers


def argmax(x):
    return keras.ops.argmax(x, axis=-1)


for name, largest, dtype in (("tf.argmax", Largest(), "float32"), ("keras.ops.argmax", argmax, "int32")):
    assert try_case(name, largest, dtype) == ([1], [1]), "this has changed"
by_onnx, by_litert = try_case("keras.ops.argmax", argmax, "float32")
assert "Bitcast" in by_onnx and "Flex" in by_litert, "this has changed"
written = onnx.load("model.onnx")
opsets = {opset.domain: opset.version for opset in written.opset_import}
names = {node.op_type for node in written.graph.node}
print("opsets of the ONNX file", opsets, "operations", sorted(names))
assert opsets[""] == 15 and names >= {"Bitcast", "BitwiseAnd"}
PY
