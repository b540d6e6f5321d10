#!/usr/bin/env bash
# `Dropout(0.5)(x, training=True)` in a functional model does nothing in `predict`, and acts in an exported copy.
#
# Guess: the argument stays with the call, as in Keras 2: 20 rows that are all alike are answered otherwise each, by
# `predict` and by the model's copies (Monte Carlo dropout).
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: `predict` hands training=False to every layer, over
# what the call says, and gives one answer for all rows. `model(x)` hands nothing on, and its answers differ; so do those
# of `model(x, training=True)` and of a SavedModel by `model.export`. tf.saved_model.save refuses the model, for an
# 'untracked' resource.
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

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
row = keras.Input((64,), name="row")
model = keras.Model(row, keras.layers.Dropout(0.5, seed=1)(row, training=True))
rows = np.ones((20, 64), "float32")
model.export("copy", verbose=False)
served = tf.saved_model.load("copy").signatures["serving_default"](row=tf.constant(rows))
answers = {
    "model.predict(x)": model.predict(rows, verbose=0),
    "model(x, training=False)": np.asarray(model(rows, training=False)),
    "model(x)": np.asarray(model(rows)),
    "the exported copy": next(iter(served.values())).numpy(),
    "model(x, training=True)": np.asarray(model(rows, training=True)),
}
counts = {name: len(np.unique(answer, axis=0)) for name, answer in answers.items()}
for name, count in counts.items():
    print(f"{name}: {count} different answers to 20 equal rows")
assert list(counts.values()) == [1, 1, 20, 20, 20]
try:
    tf.saved_model.save(model, "other")
except AssertionError as error:
    message = str(error)
else:
    raise SystemExit("tf.saved_model.save takes it now")
print("tf.saved_model.save:", message.splitlines()[0][:100])
assert "untracked" in message, message
PY
