#!/usr/bin/env bash
# Loading a .keras of one large embedding takes about six times its size in memory, a SavedModel about twice.
#
# Guess: load_model of a 195 MiB file needs twice its size at its peak: the variable, and the array that is read.
# Seen on 2026-11-30, TensorFlow 2.21.0, Keras 3.15.1, Python 3.11, CPU: `.keras` peaks at 6.2 times the file and `.h5`
# at 5.2 times; 3.2 times are still held after a garbage collection. The weights that are about to be overwritten are
# drawn first: `tf.random.stateless_uniform` of that shape alone takes 3.2 times its result, and TensorFlow keeps the
# memory for tensors of its own. The file's bytes, the array and the tensor made of it come on top. The same layer with
# `embeddings_initializer="zeros"` is built in 1.0 times; a SavedModel, which draws nothing, loads in 2.1 times.
#   model.keras  peak 6.2, kept 3.2
#   model.h5     peak 5.2, kept 3.2
#   exported     peak 2.1, kept 2.1
#   zeros.keras  peak 5.1, kept 2.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 \
  || "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 KERAS_BACKEND=tensorflow
cat > measure.py <<'PY'
import gc
import sys
import threading
import time

import keras
import numpy as np
import tensorflow as tf

WORDS, WIDTH = 100_000, 512
SIZE = WORDS * WIDTH * 4


def make_model(initializer):
    embedding = keras.layers.Embedding(WORDS, WIDTH, embeddings_initializer=initializer)
    return keras.Sequential([keras.Input((4,), dtype="int32"), embedding, keras.layers.GlobalAveragePooling1D()])


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def measure(name):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).predict(np.zeros((1, 4)), verbose=0)
    start, most, done = resident(), 0, threading.Event()

    def watch():
        nonlocal most
        while not done.is_set():
            most = max(most, resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = tf.saved_model.load(name) if name == "exported" else keras.models.load_model(name)
    gc.collect()
    kept = resident()
    done.set()
    watcher.join()
    print(f"{name} {(max(most, kept) - start) / SIZE:.2f} {(kept - start) / SIZE:.2f}")
    return model


if sys.argv[1] == "make":
    model = make_model("uniform")
    model.save("model.keras")
    model.save("model.h5")
    model.export("exported", verbose=False)
    make_model("zeros").save("zeros.keras")
else:
    measure(sys.argv[1])
PY
python=venv/bin/python
"$python" measure.py make 2> /dev/null
for name in model.keras model.h5 exported zeros.keras; do
  "$python" measure.py "$name" 2> /dev/null
done | tee seen.txt
"$python" - <<'PY'
from importlib.metadata import version

import tensorflow

print("TensorFlow", tensorflow.__version__, "Keras", version("keras"))
peaks = {line.split()[0]: [float(number) for number in line.split()[1:]] for line in open("seen.txt")}
assert peaks["model.keras"][0] > 5 and peaks["model.h5"][0] > 4.2, peaks
assert peaks["model.keras"][1] > 2.7 and peaks["exported"][0] < 3, peaks
assert peaks["zeros.keras"][0] < peaks["model.keras"][0] - 0.7, peaks
PY
