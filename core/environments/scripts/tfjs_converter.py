"""TensorFlow.js graph models: written by its converter from a SavedModel, and read by TensorFlow.js in Node.js."""

import sys
import types

from kit_files import find_file
from tfjs_node import DISTRIBUTIONS as NODE_DISTRIBUTIONS
from tfjs_node import MODULES, load, read
from tfjs_operations import rewrite_operations

__all__ = ["DISTRIBUTIONS", "MODULES", "load", "read", "save"]
DISTRIBUTIONS = (*NODE_DISTRIBUTIONS, "tensorflowjs", "tensorflow", "tensorflow-cpu")
# What its package imports for other models than these, and this environment does without.
UNUSED = {"tensorflow_decision_forests": (), "tensorflowjs.converters.jax_conversion": ("convert_jax",)}


def save(given, folder):
    converter = import_converter()
    source = find_file(given, "saved_model.pb").parent
    rewrite_operations(source)
    # With loops as they are: in the form of TensorFlow 1, its default, TensorFlow.js cannot run those of a layer.
    converter.convert_tf_saved_model(str(source), str(folder), control_flow_v2=True)


def import_converter():
    for name, members in UNUSED.items():
        module = types.ModuleType(name)
        module.__dict__.update(dict.fromkeys(members))
        sys.modules[name] = module
    from tensorflowjs.converters import tf_saved_model_conversion_v2

    return tf_saved_model_conversion_v2
