"""SavedModels converted to Core ML in float32, for one row, and looked at; Core ML predicts on macOS alone."""

import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from kit_files import ask_row_by_row, read_shapes
from tensorflow_files import open_signature

MODULES = ("numpy", "tensorflow", "coremltools")
DISTRIBUTIONS = ("coremltools", "tensorflow", "tensorflow-cpu")
SYSTEM = "darwin"  # on which Core ML predicts
LOOPS = ("While", "StatelessWhile")
MAX_OPERATIONS = 6  # that are named


class EngineNotHere(Exception):
    """The model was converted, and no engine is here that predicts with what came of it."""


def load(kit):
    model, outputs = convert_model(kit)
    if sys.platform != SYSTEM:
        told = describe_model(model)
        raise EngineNotHere(f"Core ML predicts on macOS alone. Here the copy was converted: {told}.")

    def predict_row(inputs):
        answer = model.predict(inputs)
        return {name: answer[given] for name, given in outputs.items()}

    return ask_row_by_row(predict_row)


def convert(kit, kind, folder):
    """Write the package that Xcode and coremltools open."""
    model, _ = convert_model(kit)
    model.save(str(Path(folder) / "model.mlpackage"))


def convert_model(kit):
    """Return the model in Core ML, and its names of the outputs by those of the signature."""
    import coremltools
    import tensorflow as tf

    loaded, signature = open_signature(kit)
    shapes = read_shapes(kit)
    specs = [tf.TensorSpec((1, *shape[1:]), tf.as_dtype(dtype), name) for name, (shape, dtype) in shapes.items()]

    def call(*tensors):
        given = signature(**dict(zip(shapes, tensors, strict=True)))
        return {name: tf.identity(tensor) for name, tensor in given.items()}

    function = tf.function(call, autograph=False).get_concrete_function(*specs)
    precision = coremltools.precision.FLOAT32  # half of that is its default
    try:
        model = coremltools.convert([function], source="tensorflow", compute_precision=precision)
    except IndexError as error:
        if has_loop(function):
            raise ValueError(f"coremltools stopped, and the model has a loop: {error}") from error
        raise
    model.kept = loaded
    named = [output.name for output in model.get_spec().description.output]
    tensors = zip(sorted(function.structured_outputs), function.outputs, strict=True)  # in the order of tf.nest
    return model, pair_outputs({name: tensor.name for name, tensor in tensors}, named)


def has_loop(function):
    """Return whether a function holds a loop, as a recurrent layer is one, at which coremltools says nothing."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return any(node.op in LOOPS for node in nodes)


def pair_outputs(graph_names, given):
    """Return Core ML's names of outputs by those of the signature.

    `graph_names` holds the names of their tensors by those of the signature; Core ML names an output as its operation,
    with "_" for what is no part of a name there. Raises ValueError where it has none of such a name.
    """
    pairs = {name: re.sub(r"\W", "_", tensor.partition(":")[0]) for name, tensor in graph_names.items()}
    if missing := [name for name, expected in pairs.items() if expected not in given]:
        raise ValueError(f"Core ML gave the outputs other names: {', '.join(missing)} is none of {', '.join(given)}.")
    return pairs


def describe_model(model):
    """Say what came of a conversion: operations, inputs, outputs, and the size of the package."""
    spec = model.get_spec()
    ports = [[port.name for port in side] for side in (spec.description.input, spec.description.output)]
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    counts = Counter(operation.type for operation in block.operations if operation.type != "const")
    most = ", ".join(f"{count} {name}" for name, count in counts.most_common(MAX_OPERATIONS))
    sides = f"from {', '.join(ports[0])} to {', '.join(ports[1])}"
    return f"{counts.total()} operations ({most}), {measure_package(model):,} bytes, one row, {sides}"


def measure_package(model):
    folder = Path(tempfile.mkdtemp())
    try:
        model.save(str(folder / "model.mlpackage"))
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
