#!/usr/bin/env bash
# Keras' softplus, whose answers are finite and above zero, is infinite in LiteRT and below zero in OpenVINO.
#
# Guess: softplus, the activation that is there to give a positive number, answers in each engine to within rounding.
# Seen on 2026-11-30, TensorFlow 2.21.0, Keras 3.15.1, LiteRT 2.3.0, OpenVINO 2026.4.1 told f32, Python 3.11, x86-64:
#   softplus of          -20        10        88    89 and 200
#   Keras                2.06e-09   10.00005  88    89 and 200
#   LiteRT               0          10.00005  88    infinity
#   LiteRT, no delegate  0          10.00005  88    88.72, whatever is asked
#   OpenVINO             -1.91e-06  10.00005  88    89 and 200
# log_sigmoid is minus infinity in LiteRT from -89 on. The converter writes log(1 + exp(x)). A logarithm of what
# OpenVINO answers is NaN. ONNX Runtime, asked the same, is right to seven digits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 \
  ai-edge-litert==2.3.0 openvino==2026.4.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.31.1 h5py==3.14.0 numpy==2.4.6 \
  ml_dtypes==0.7.0 protobuf==7.36.2 flatbuffers==25.12.19
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - <<'PY' 2> /dev/null
import contextlib
import io
import platform
from importlib.metadata import version

import keras
import numpy as np
import onnxruntime
import openvino
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

names = ("tensorflow-cpu", "keras", "ai-edge-litert", "openvino", "onnxruntime")
print("Python", platform.python_version(), platform.machine(), *(f"{name} {version(name)}" for name in names))
questions = np.array([[-20, 10, 88, 89, 200]], "float32")


def ask_litert(content, resolver):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], questions)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]


def ask_all(activation, sign):
    start = keras.Input((5,))
    model = keras.Model(start, keras.layers.Activation(activation)(sign * start))
    with contextlib.redirect_stdout(io.StringIO()):
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    model.export("exported", verbose=False)
    model.export("m.onnx", format="onnx", verbose=False)
    compiled = openvino.Core().compile_model(
        openvino.convert_model("exported"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    session = onnxruntime.InferenceSession("m.onnx")
    return {
        "Keras": model.predict(questions, verbose=0)[0],
        "LiteRT": ask_litert(content, OpResolverType.AUTO),
        "LiteRT, no delegate": ask_litert(content, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
        "OpenVINO": compiled(questions)[0][0],
        "ONNX Runtime": session.run(None, {session.get_inputs()[0].name: questions})[0][0],
    }


softplus, log_sigmoid = ask_all("softplus", 1), ask_all("log_sigmoid", -1)
for name, answers in softplus.items():
    print(f"{name:20}", " ".join(f"{number:.7g}" for number in answers))
print("log_sigmoid of the same with the other sign, LiteRT:", log_sigmoid["LiteRT"])
assert np.isfinite(softplus["Keras"]).all() and (softplus["Keras"] > 0).all()
assert np.allclose(softplus["ONNX Runtime"], softplus["Keras"], rtol=1e-6)
assert np.isposinf(softplus["LiteRT"][3:]).all() and softplus["LiteRT"][0] == 0
assert np.allclose(softplus["LiteRT, no delegate"][3:], 88.7228)
assert softplus["OpenVINO"][0] < 0 and np.allclose(softplus["OpenVINO"][1:], softplus["Keras"][1:])
assert np.isneginf(log_sigmoid["LiteRT"][3:]).all() and np.isfinite(log_sigmoid["Keras"]).all()
PY
