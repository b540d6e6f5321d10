#!/usr/bin/env bash
# Keras under PyTorch answers otherwise than under TensorFlow: bicubic layers, and seven functions of keras.ops.
#
# Guess: a .keras file that loads under another back end, and a function of keras.ops, give the same numbers to rounding: that is
# what the back ends are for.
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, PyTorch 2.13.0, NumPy 2.4.6, Python 3.11, no error; under TensorFlow,
# and under PyTorch:
#   UpSampling2D and Resizing, interpolation="bicubic"   off by more than 0.1 of numbers from -1 to 1; written as .keras
#                                                        under TensorFlow
#   pad of 0 1 2 by three on each side, symmetric        2 1 0 0 1 2 2 1 0, which is NumPy's; 0 0 0 0 1 2 2 2 2
#   linspace(-5, 5, 4, dtype="int32")                    -5 -2 1 5, which is NumPy's; -5 -1 1 5
#   slice of size -1, which is "to the end"              the rest; nothing
#   segment_max of a segment without numbers             the lowest float32; minus infinity
#   sparse_categorical_crossentropy of 0.3 2.1 0.6       0.642; 0.357, the logarithm of 2.1 / 3
#   image.map_coordinates of 0 1 2 at -0.6, reflect      0.6; 0, which is SciPy's
#   image.gaussian_blur of three channels                off by more than 0.1
# Sound in the same run: UpSampling2D nearest and bilinear, Resizing bilinear, pad with reflect, linspace of floats.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  torch==2.13.0 scipy==1.17.1 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
cat > ask.py <<'PY'
import pathlib

import keras
import numpy as np

random = np.random.default_rng(0)
image = random.uniform(-1, 1, (1, 5, 7, 3)).astype("float32")
line, table = np.arange(3, dtype="float32"), np.arange(6, dtype="float32").reshape(2, 3)
LAYERS = {
    "UpSampling2D nearest": lambda: keras.layers.UpSampling2D(interpolation="nearest"),
    "UpSampling2D bilinear": lambda: keras.layers.UpSampling2D(interpolation="bilinear"),
    "UpSampling2D bicubic": lambda: keras.layers.UpSampling2D(interpolation="bicubic"),
    "Resizing bilinear": lambda: keras.layers.Resizing(4, 9),
    "Resizing bicubic": lambda: keras.layers.Resizing(4, 9, interpolation="bicubic"),
}
ops = keras.ops
FUNCTIONS = {
    "pad symmetric": lambda: ops.pad(line, ((3, 3),), mode="symmetric"),
    "pad reflect": lambda: ops.pad(line, ((2, 2),), mode="reflect"),
    "linspace int32": lambda: ops.linspace(-5, 5, 4, dtype="int32"),
    "linspace": lambda: ops.linspace(-5.0, 5.0, 4),
    "slice": lambda: ops.slice(table, (1, 1), (-1, -1)),
    "segment_max": lambda: ops.segment_max(line, np.array([0, 2, 0]), num_segments=3),
    "sparse_categorical_crossentropy": lambda: ops.sparse_categorical_crossentropy(
        np.array([1]), np.array([[0.3, 2.1, 0.6]], "float32")
    ),
    "map_coordinates": lambda: ops.image.map_coordinates(line, np.array([[-0.6]], "float32"), 1, fill_mode="reflect"),
    "gaussian_blur": lambda: ops.image.gaussian_blur(image, (3, 3), (1.0, 1.0)),
}
answers = {name: ops.convert_to_numpy(function()) for name, function in FUNCTIONS.items()}
for name, make in LAYERS.items():
    path = pathlib.Path(name + ".keras")
    if not path.exists():
        keras.Sequential([keras.layers.Input(image.shape[1:]), make()]).save(path)
    answers[name] = keras.models.load_model(path).predict(image, verbose=0)
np.savez(keras.backend.backend(), **answers)
PY
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1
for backend in tensorflow torch; do KERAS_BACKEND=$backend "$folder/venv/bin/python" -W ignore ask.py 2> errors.log || { cat errors.log; exit 1; }; done
"$folder/venv/bin/python" - <<'PY'
import platform
from importlib.metadata import version

import numpy as np
import scipy.ndimage

names = ("keras", "tensorflow-cpu", "torch", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
first, second = np.load("tensorflow.npz"), np.load("torch.npz")
for name in first.files:
    print(name, first[name].ravel()[:9], second[name].ravel()[:9])


def off(name):
    return np.abs(first[name].astype("float64") - second[name]).max()


for name in ("UpSampling2D nearest", "UpSampling2D bilinear", "Resizing bilinear", "pad reflect", "linspace"):
    assert off(name) < 1e-5, name
for name in ("UpSampling2D bicubic", "Resizing bicubic", "gaussian_blur"):
    assert off(name) > 0.1, name
assert first["pad symmetric"].tolist() == np.pad(np.arange(3), 3, mode="symmetric").tolist() == [2, 1, 0, 0, 1, 2, 2, 1, 0]
assert second["pad symmetric"].tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]
assert first["linspace int32"].tolist() == np.linspace(-5, 5, 4, dtype="int32").tolist() == [-5, -2, 1, 5]
assert second["linspace int32"].tolist() == [-5, -1, 1, 5]
assert first["slice"].tolist() == [[4, 5]] and second["slice"].size == 0
lowest = float(np.finfo("float32").min)
assert first["segment_max"].tolist() == [2, lowest, 1] and second["segment_max"].tolist() == [2, -np.inf, 1]
entropies = [each["sparse_categorical_crossentropy"][0] for each in (first, second)]
assert abs(entropies[0] - 0.642) < 0.001 and abs(entropies[1] + np.log(2.1 / 3)) < 0.001
scipy_answer = scipy.ndimage.map_coordinates(np.arange(3.0), [[-0.6]], order=1, mode="reflect")[0]
assert abs(first["map_coordinates"][0] - 0.6) < 1e-6 and abs(second["map_coordinates"][0] - scipy_answer) < 1e-6
PY
