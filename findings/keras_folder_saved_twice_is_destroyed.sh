#!/usr/bin/env bash
# A Keras model saved as a folder, then again to the same place with overwrite=True: an error, and the first copy is lost.
#
# Guess: `model.save(path, zipped=False, overwrite=True)` writes the folder anew, as it does with one file.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11, with an absolute path: the second save raises
# "UnboundLocalError: cannot access local variable 'asset_store'", since the folder of assets exists already. By then the
# weights of the first save have been truncated, so `load_model`, which read the folder before, says "Layer 'dense'
# expected 2 variables, but received 0 variables". The same two saves to one .keras file work.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import os
import platform

import keras
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
for attempt in range(2):
    model.save("model.keras", overwrite=True)
keras.models.load_model("model.keras")
print("model.keras: saved twice, loads")
path = os.path.abspath("model")
model.save(path, zipped=False)
keras.models.load_model(path)
print("model: saved once, loads")
messages = []
for action in (lambda: model.save(path, zipped=False, overwrite=True), lambda: keras.models.load_model(path)):
    try:
        action()
    except Exception as error:
        messages.append(f"{type(error).__name__}: {error}")
print("\n".join(line for message in messages for line in message.splitlines()[:3] if line))
assert len(messages) == 2, "the second save or the load after it works now"
assert "asset_store" in messages[0] and "received 0 variables" in messages[1], messages
PY
