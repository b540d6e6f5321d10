"""Files of every kind with the packages that Roundtrip itself is installed with."""

import keras_model
import onnx_onnxruntime
from kit_files import read_facts

MODULES = ("numpy", "keras")
DISTRIBUTIONS = ("keras", "tensorflow", "tensorflow-cpu", "onnxruntime")


def load(kit):
    return engine_of(kit).load(kit)


def describe(kit):
    return engine_of(kit).describe(kit)


def convert(kit, kind, folder):
    keras_model.convert(kit, kind, folder)


def engine_of(kit):
    return onnx_onnxruntime if read_facts(kit)["format"].startswith("onnx") else keras_model
