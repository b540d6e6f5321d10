#!/usr/bin/env bash
# A text among a layer's settings comes back from .h5 as a function of Keras, and the layer answers otherwise.
#
# Guess: a setting that get_config() returns as "average" reaches __init__ as "average" when the file is loaded; the
# reloaded model answers as before.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: the layer gets the function keras.layers.average,
# since a function of that name stands beside the layer classes; its branch for "average" is never taken again, and
# the answer is 4.0 in place of 1.0, without an error or a warning. The same happens to "add", "concatenate", "dot",
# "maximum", "minimum", "multiply" and "subtract"; "sum" stays text. The .keras of the same model is right.
#   model.keras  mode=average answer 1.0
#   model.h5     mode=<function average> answer 4.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)


@keras.saving.register_keras_serializable()
class Pool(keras.layers.Layer):
    def __init__(self, mode="average", **kwargs):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, inputs):
        pool = keras.ops.mean if self.mode == "average" else keras.ops.sum
        return pool(inputs, axis=-1, keepdims=True)

    def get_config(self):
        return super().get_config() | {"mode": self.mode}


def show(path, model):
    layer, answer = model.layers[0], float(model.predict(np.ones((1, 4), "float32"), verbose=0)[0, 0])
    mode = layer.mode if isinstance(layer.mode, str) else f"<function {layer.mode.__name__}>"
    print(f"{path:12} mode={mode} answer {answer}")
    return mode, answer


model = keras.Sequential([keras.Input((4,)), Pool("average")])
assert show("in memory", model) == ("average", 1.0)
seen = {}
for path in ("model.keras", "model.h5"):
    model.save(path)
    seen[path] = show(path, keras.saving.load_model(path, custom_objects={"Pool": Pool}))
assert seen == {"model.keras": ("average", 1.0), "model.h5": ("<function average>", 4.0)}, seen
PY
