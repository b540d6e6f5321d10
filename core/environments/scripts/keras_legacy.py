"""Keras files in Keras 2, which the package tf-keras brings beside a TensorFlow that has Keras 3."""

import sys

from keras_model import open_model

MODULES = ("numpy", "tf_keras")
DISTRIBUTIONS = ("tf-keras", "tensorflow")


def load(kit):
    import tf_keras

    sys.modules["keras"] = tf_keras  # for the code of the model, which imports it by this name
    return open_model(kit)
