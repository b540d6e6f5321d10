#!/usr/bin/env bash
# A Keras model with a big-endian constant is right when it is called, and wrong in predict and in its SavedModel.
#
# Guess: tf.constant and keras.ops.convert_to_tensor give the numbers of an array wherever they stand; so a mean that was
# read from an HDF5, FITS or IDX file and is subtracted in a layer answers alike when called, in predict and when saved.
# Seen on 2026-12-01, TensorFlow 2.21.0, Keras 3.15.1, NumPy 2.4.6, Python 3.11, x86-64, no error. An array of 1 2 3 as >f4
# that a layer adds with keras.ops.convert_to_tensor, rows of zeros:
#   tf.constant(array)                  1 2 3
#   the same inside a tf.function       4.6e-41 9.0e-44 2.3e-41
#   model(rows)                         1 2 3
#   model.predict(rows)                 0 0 0 (numbers that small are flushed to zero)
#   the SavedModel of model.export      0 0 0
# In a graph the bytes are copied as they lie. Code that adds the array itself (rows + array) is right in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import tensorflow as tf

print("Python", platform.python_version(), "TensorFlow", tf.__version__, "Keras", keras.__version__, "NumPy", np.__version__)
mean = np.array([1, 2, 3], ">f4")


class Center(keras.layers.Layer):
    def call(self, rows):
        return rows + keras.ops.convert_to_tensor(mean)


rows = np.zeros((1, 3), "float32")
inputs = keras.Input((3,))
model = keras.Model(inputs, Center()(inputs))
model.export("exported", verbose=False)
seen = {
    "tf.constant": tf.constant(mean).numpy(),
    "tf.constant in a tf.function": tf.function(lambda: tf.constant(mean), autograph=False)().numpy(),
    "a number added to the array": tf.function(lambda rows: rows + mean, autograph=False)(rows).numpy()[0],
    "the Keras model called": model(rows).numpy()[0],
    "its predict": model.predict(rows, verbose=0)[0],
    "its SavedModel": tf.saved_model.load("exported").serve(rows).numpy()[0],
    "make_tensor_proto": tf.make_ndarray(tf.make_tensor_proto(mean)),
}
for name, numbers in seen.items():
    print(name.ljust(30), *numbers.tolist())
right = ("tf.constant", "a number added to the array", "the Keras model called")
for name, numbers in seen.items():
    assert np.allclose(numbers, [1, 2, 3] if name in right else 0, atol=1e-30), f"{name} has changed"
PY
