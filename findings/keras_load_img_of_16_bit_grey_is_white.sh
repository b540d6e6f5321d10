#!/usr/bin/env bash
# Keras reads one grey picture of 16 bits in three ways: for training divided by 256, for one picture white, or as it is.
#
# Guess: a picture that is read by keras.utils.load_img, as examples of "predict for one file" do, has the numbers that it had in
# training, where image_dataset_from_directory read it: of 8 bits it has. (X-rays and depths are often PNG of 16 bits.)
# Seen on 2026-12-01, Keras 3.15.1, TensorFlow 2.21.0, Pillow 13.0.0, Python 3.11, no error and no warning:
#   in the file                                      0 100 255 256 1000 20000 40000 65535
#   image_dataset_from_directory, rgb or grayscale   0   0   0   1    3    78   156   255
#   load_img, its default of rgb                     0 100 255 255  255   255   255   255
#   load_img, grayscale                              0 100 255 256 1000 20000 40000 65535
# Sound in the same run: the same picture in 8 bits, by both, in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  pillow==13.0.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W error::UserWarning - <<'PY'
import pathlib
import platform
from importlib.metadata import version

import keras
import numpy as np
from PIL import Image

names = ("keras", "tensorflow-cpu", "pillow")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
NUMBERS = np.array([[0, 100, 255, 256], [1000, 20000, 40000, 65535]], "uint16")
for name, numbers in (("16", NUMBERS), ("8", (NUMBERS >> 8).astype("uint8"))):
    pathlib.Path(name).mkdir()
    Image.fromarray(numbers).save(f"{name}/x.png")


def read_for_training(bits, mode):
    settings = {"labels": None, "image_size": NUMBERS.shape, "batch_size": 1, "verbose": False}
    [batch] = keras.utils.image_dataset_from_directory(bits, color_mode=mode, **settings)
    return batch.numpy()[0, ..., 0].astype(int).ravel().tolist()


def read_one(bits, mode):
    return keras.utils.img_to_array(keras.utils.load_img(f"{bits}/x.png", color_mode=mode))[..., 0].astype(int).ravel().tolist()


for mode in ("rgb", "grayscale"):
    print(mode, "training", read_for_training("16", mode), "load_img", read_one("16", mode))
    assert read_for_training("16", mode) == (NUMBERS >> 8).ravel().tolist() == [0, 0, 0, 1, 3, 78, 156, 255]
    assert read_for_training("8", mode) == read_one("8", mode) == (NUMBERS >> 8).ravel().tolist()
assert read_one("16", "rgb") == [0, 100, 255, 255, 255, 255, 255, 255]
assert read_one("16", "grayscale") == NUMBERS.ravel().tolist()
PY
