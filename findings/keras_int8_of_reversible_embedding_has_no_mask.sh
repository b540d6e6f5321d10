#!/usr/bin/env bash
# A `ReversibleEmbedding` with `mask_zero=True` makes no mask once it is quantised: padding counts as words.
#
# Guess: `quantize("int8")` rounds the table; which words are padding (0) is told as before, so the attention behind it
# moves by a rounding. `Embedding` and `ReversibleEmbedding` do so alike.
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: true of Embedding. ReversibleEmbedding sets the mask
# in its `call`, and turns `compute_mask` off; a quantised layer calls another method, which sets none. No error and no
# warning: of two words and three of padding the attention gives each a fifth, where it was a half for each word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform
import warnings

import keras
import numpy as np
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
rows = np.array([[3, 4, 0, 0, 0]])


def attend(kind, mode):
    keras.utils.set_random_seed(1)
    words = keras.Input((5,), dtype="int32")
    table = kind(9, 4, mask_zero=True, name="table")
    embedded = table(words)
    _, scores = keras.layers.MultiHeadAttention(1, 2)(embedded, embedded, return_attention_scores=True)
    model = keras.Model(words, scores)
    with warnings.catch_warnings(action="error"):
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, which Python does not show either
        if mode:
            table.quantize(mode)
        return model.predict(rows, verbose=0)[0, 0, 0]


for kind in (keras.layers.Embedding, keras.layers.ReversibleEmbedding):
    for mode in (None, "int8", "int4"):
        print(kind.__name__, mode or "as it is", attend(kind, mode).round(3))
assert np.allclose(attend(keras.layers.Embedding, "int8"), [0.5, 0.5, 0, 0, 0], atol=0.01)
assert np.allclose(attend(keras.layers.ReversibleEmbedding, None), [0.5, 0.5, 0, 0, 0], atol=0.01)
for mode in ("int8", "int4"):
    assert np.allclose(attend(keras.layers.ReversibleEmbedding, mode), [0.2] * 5, atol=0.01)
PY
