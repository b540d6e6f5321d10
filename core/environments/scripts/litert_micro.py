"""LiteRT files in LiteRT for microcontrollers (tflite-micro): its own kernels, one row at a time."""

import numpy as np
from kit_files import ask_row_by_row, find_file

MODULES = ("numpy", "tflite_micro.python.tflite_micro.runtime")
DISTRIBUTIONS = ("tflite-micro",)
NOTE = "Its engine computes one row after another."
ARENA_BYTES = 64 * 2**20  # of working memory: a desktop's, so that a model fails for what it is and not for its size


def load(kit):
    from tflite_micro.python.tflite_micro import runtime

    content = find_file(kit, ".tflite").read_bytes()
    inputs_by_name, outputs_by_name = read_signature(content)
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=ARENA_BYTES)

    def predict_row(inputs):
        interpreter.reset()
        for name, at in inputs_by_name.items():
            interpreter.set_input(np.ascontiguousarray(inputs[name]), at)
        interpreter.invoke()
        return {name: interpreter.get_output(at) for name, at in outputs_by_name.items()}

    return ask_row_by_row(predict_row)


def read_signature(content):
    """Return the positions of inputs and of outputs by their names in the file's signature."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    if not model.signatureDefs:
        raise ValueError("The file has no signature, so its inputs have no names.")
    signature = model.signatureDefs[0]
    return positions(signature.inputs, graph.inputs), positions(signature.outputs, graph.outputs)


def positions(entries, tensors):
    order = list(tensors)
    return {entry.name.decode(): order.index(entry.tensorIndex) for entry in entries}
