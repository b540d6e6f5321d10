#!/usr/bin/env bash
# `Model.export` of a stateful recurrent layer ignores the number of rows that the model states.
#
# Guess: of a model whose input is (4, 3, 4), with a stateful LSTM, `export(format="litert")` writes a file that takes
# (4, 3, 4); of one of (1, 3, 4), one that takes (1, 3, 4).
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: the first axis is traced as free. With four rows the
# file states a free first axis, and one row fed to it is answered by four; with one row the export raises "Input tensor
# ... enters the loop with shape (1, 2), but has shape (None, 2) after one iteration". With an InputSpec of the stated
# shape as `input_signature` both are written as stated.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 \
  ai-edge-litert==2.3.0 h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2 flatbuffers==25.12.19
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)


def build(rows):
    steps = keras.Input(batch_shape=(rows, 3, 4), name="x")
    return keras.Model(steps, keras.layers.LSTM(2, stateful=True)(steps))


def export(model, **how):
    model.export("model.tflite", format="litert", verbose=False, **how)
    runner = Interpreter("model.tflite").get_signature_runner()
    return runner, [int(size) for size in runner.get_input_details()["x"]["shape_signature"]]


runner, shape = export(build(4))
answer = next(iter(runner(x=np.ones((1, 3, 4), "float32")).values()))
print("four rows stated: the file takes", shape, "and answers one row by", answer.shape)
assert (shape, answer.shape) == ([-1, 3, 4], (4, 2))
try:
    export(build(1))
except Exception as error:
    message = str(error)
else:
    raise SystemExit("one row stated: exported now")
print("one row stated:", next(line for line in message.splitlines() if "enters the loop" in line)[4:170])
for rows in (1, 4):
    _, shape = export(build(rows), input_signature=[keras.InputSpec(shape=(rows, 3, 4), dtype="float32", name="x")])
    print("stated once more:", shape)
    assert shape == [rows, 3, 4]
PY
