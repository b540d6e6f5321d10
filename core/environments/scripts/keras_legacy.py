"""Keras files in Keras 2, which the package tf-keras brings beside a TensorFlow that has Keras 3."""

import sys

import keras_model

MODULES = ("numpy", "tf_keras")
DISTRIBUTIONS = ("tf-keras", "tensorflow")


def load(kit):
    use_legacy()
    return keras_model.open_model(kit)


def describe(kit):
    use_legacy()
    return keras_model.describe(kit)


def convert(kit, kind, folder):
    use_legacy()
    keras_model.convert(kit, kind, folder)


def use_legacy():
    import tf_keras

    sys.modules["keras"] = tf_keras  # for the code of the model, which imports it by this name
