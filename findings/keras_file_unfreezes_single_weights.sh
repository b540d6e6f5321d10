#!/usr/bin/env bash
# A weight that was frozen by itself trains again once its model was saved as .keras and loaded.
#
# Guess: a .keras file, which brings back frozen layers, brings back what was frozen within a layer: a variable's own
# `trainable`, which Keras documents as settable, and a layer inside another.
# Seen on 2026-11-30, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11, with no warning at saving or loading
# (of a file with the state of an optimizer there is one, "Skipping variable loading for optimizer", and none on what
# trains):
#   frozen                               trainable before   after   moved by the next fit
#   a Dense                              2                  2       no
#   the scale of a BatchNormalization    3                  4       yes
#   the kernel of a Dense                3                  4       yes
#   the query of an attention            8                  10      yes
# The Dense inside TimeDistributed comes back frozen. keras.models.clone_model unfreezes the same three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W error::UserWarning - <<'PY' 2> /dev/null
import platform
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras import layers

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
random = np.random.default_rng(0)
rows, targets = random.normal(size=(32, 4, 3)), random.normal(size=(32, 4, 2))


def build(layer):
    start = keras.Input((4, 3))
    inner = layer(start, start) if isinstance(layer, layers.MultiHeadAttention) else layer(start)
    return keras.Model(start, layers.Dense(2, name="last")(inner))


CASES = {
    "a Dense": (lambda: layers.Dense(3, name="frozen"), lambda layer: layer),
    "the Dense in TimeDistributed": (
        lambda: layers.TimeDistributed(layers.Dense(3), name="frozen"),
        lambda layer: layer.layer,
    ),
    "the scale of a BatchNormalization": (lambda: layers.BatchNormalization(name="frozen"), lambda layer: layer.gamma),
    "the kernel of a Dense": (lambda: layers.Dense(3, name="frozen"), lambda layer: layer.kernel),
    "the query of an attention": (
        lambda: layers.MultiHeadAttention(2, 2, name="frozen"),
        lambda layer: layer._query_dense,
    ),
}


def weight_of(part):
    return part if isinstance(part, keras.Variable) else part.kernel


def moves(model, find):
    before = weight_of(find(model.get_layer("frozen"))).numpy()
    model.compile("adam", "mse")
    model.fit(rows, targets, epochs=1, verbose=0)
    return not np.array_equal(weight_of(find(model.get_layer("frozen"))).numpy(), before)


def measure(name, make, find):
    model = build(make())
    find(model.get_layer("frozen")).trainable = False
    model.save("m.keras")
    loaded, clone = keras.saving.load_model("m.keras"), keras.models.clone_model(model)
    has_moved = moves(loaded, find)
    assert not moves(model, find)
    model.save("m.keras")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        keras.saving.load_model("m.keras")
    texts = {str(each.message)[:42] for each in caught if "optimizer" in str(each.message)}
    counts = [len(each.trainable_variables) for each in (model, loaded, clone)]
    print(f"{name:34} trainable before, after, in a clone: {counts}, moved by the next fit: {has_moved}", *texts)
    return counts[1] - counts[0], counts[2] - counts[0], has_moved


seen = {name: measure(name, *case) for name, case in CASES.items()}
assert all(seen[name] == (0, 0, False) for name in ("a Dense", "the Dense in TimeDistributed")), seen
single = ("the scale of a BatchNormalization", "the kernel of a Dense", "the query of an attention")
assert all(seen[name][0] > 0 and seen[name][1] > 0 and seen[name][2] for name in single), seen
PY
