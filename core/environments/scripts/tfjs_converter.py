"""TensorFlow.js graph models: written by its converter from a SavedModel, and read by TensorFlow.js in Node.js."""

import json
import sys
import types
from pathlib import Path

from kit_files import find_file
from tfjs_node import DISTRIBUTIONS as NODE_DISTRIBUTIONS
from tfjs_node import MODULES, load, read, read_json
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
    try:
        converter.convert_tf_saved_model(str(source), str(folder), control_flow_v2=True)
    except ValueError as error:
        raise ValueError(sort_names(str(error))) from error
    name_ports(source, Path(folder) / "model.json")


def name_ports(source, path):
    """Give inputs and outputs of a graph model their names: where two are of one shape, the converter takes others."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(source))
    signature, content = loaded.signatures["serving_default"], read_json(path)
    keys = sorted(signature.structured_outputs)
    names = {tensor.name: key for tensor, key in zip(signature.outputs, keys, strict=True)}
    ports = content["signature"]
    ports["inputs"] = {key.removesuffix(":0"): port for key, port in ports["inputs"].items()}
    ports["outputs"] = {names[port["name"]]: port for port in ports["outputs"].values()}
    path.write_text(json.dumps(content), encoding="utf-8")


def sort_names(text):
    """Sort the operations that an error names after its first line, where they stand in any order."""
    line, newline, names = text.partition("\n")
    return line + newline + ", ".join(sorted(names.strip().split(", ")))


def import_converter():
    for name, members in UNUSED.items():
        module = types.ModuleType(name)
        module.__dict__.update(dict.fromkeys(members))
        sys.modules[name] = module
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    converter._freeze_saved_model_v1 = raise_again
    converter.TrackableView = view_of_used_tables(converter)
    return converter


def view_of_used_tables(converter):
    """Return a view of a model without the tables that its signature does not read, at which the converter stops."""

    class View(converter.TrackableView):
        def descendants(self):
            used = {tensor._id for tensor in self.root.signatures["serving_default"]._captured_inputs}
            return [each for each in super().descendants() if not is_table(each) or each.resource_handle._id in used]

    def is_table(each):
        return isinstance(each, converter.TrackableResource)

    return View


def raise_again(*_):
    """Raise what is being handled: the converter would go on as for TensorFlow 1, and raise what says nothing."""
    raise
