#!/usr/bin/env bash
# A Keras Sequential comes back from its Orbax checkpoint with new random weights, without an error.
#
# Guess: keras.saving.load_model of what keras.callbacks.OrbaxCheckpoint wrote gives the model back.
# Seen on 2026-11-30, Keras 3.15.1, JAX 0.10.2, Orbax 0.12.8, NumPy 2.4.6, Python 3.11. Arrays are found by the path of
# their variable, and a Sequential that was built in code has its own name before it ("sequential/dense/kernel"), the
# one that is read from its config has not ("dense/kernel"): its Dense layers keep the random numbers that they were
# made with. A functional model has the same paths on both sides, and its numbers come back bit-equal; a Normalization
# layer in it still answers with what it was made with, until finalize_state() is called. From a .keras file both come
# back right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 jax==0.10.2 orbax-checkpoint==0.12.8 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" -W ignore - <<'PY'
import pathlib
import platform
from importlib.metadata import version

import keras
import numpy as np

names = ("keras", "jax", "orbax-checkpoint", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
x = np.random.default_rng(0).normal(50, 9, size=(8, 3)).astype("float32")
adapted = keras.layers.Normalization()
adapted.adapt(x)
start = keras.Input((3,))
models = {
    "Sequential": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
    "functional": keras.Model(start, keras.layers.Dense(2)(start)),
    "functional, normalised": keras.Model(start, keras.layers.Dense(2)(adapted(start))),
}


def off(model, answers):
    return float(np.abs(model.predict(x, verbose=0) - answers).max())


def measure(name, model):
    model.compile("sgd", "mse")
    answers = model.predict(x, verbose=0)
    folder = pathlib.Path(name).resolve()
    callback = keras.callbacks.OrbaxCheckpoint(folder, save_freq="epoch")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    callback.on_train_end()
    model.save("m.keras")
    loaded, same = keras.saving.load_model(folder), keras.saving.load_model("m.keras")
    equal = all(np.array_equal(a, b) for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True))
    plain, loaded = off(loaded, answers), keras.saving.load_model(folder)
    for layer in loaded.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    print(f"{name}: weights bit-equal {equal}, answers off by {plain:.3g}, after finalize_state() {off(loaded, answers):.3g}")
    assert off(same, answers) == 0
    return equal, plain > 1, off(loaded, answers) > 1


seen = {name: measure(name, model) for name, model in models.items()}
expected = {
    "Sequential": (False, True, True),
    "functional": (True, False, False),
    "functional, normalised": (True, True, False),
}
assert seen == expected, "Keras has changed: look at its Orbax checkpoints again"
PY
