"""TensorFlow.js graph models in TensorFlow.js, with its kernels in plain JavaScript, in Node.js."""

import json
from pathlib import Path

import numpy as np
from kit_files import find_file
from node_process import PACKAGE, NodeProcess

MODULES = ("numpy",)
DISTRIBUTIONS = ("@tensorflow/tfjs", PACKAGE)
WHOLE = np.iinfo("int32")
TABLE = "DT_RESOURCE"  # the dtype of a lookup table, which TensorFlow.js fills itself
DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "object",
    "DT_UINT8": "uint8",
}


def load(kit):
    path = find_file(kit, "model.json")
    specs = list_specs(path)
    node = NodeProcess("node_tfjs.mjs")
    try:
        node.load(path.parent)
    except BaseException:  # as for a reply that is no JSON
        node.close()
        raise

    def predict(inputs):
        return node.predict({name: narrow(inputs[name], dtype) for name, dtype, _ in specs})

    predict.path, predict.specs, predict.node = path, specs, node
    return predict


def narrow(array, dtype):
    """Return whole numbers in the 32 bits that TensorFlow.js has. Raises ValueError for those that do not fit."""
    if dtype != "int64":
        return array
    if array.size and (array.min() < WHOLE.min or array.max() > WHOLE.max):
        raise ValueError("TensorFlow.js has whole numbers of 32 bits alone, and an input has larger ones.")
    return array.astype("int32")


def list_specs(path):
    """Return the inputs of a graph model, each as its name, dtype and shape."""
    signature = read_json(path)["signature"]
    asked = {name: port for name, port in signature["inputs"].items() if port["dtype"] != TABLE}
    return [[name, DTYPES[port["dtype"]], read_shape(port)] for name, port in asked.items()]


def read_shape(port):
    sizes = [int(dim["size"]) for dim in port["tensorShape"].get("dim", ())]
    return [None if size < 0 else size for size in sizes]


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read(predict, out):
    return {"inputs": predict.specs, "weights": list(list_weights(predict.path)), "optimizer": []}


def list_weights(path):
    """Yield the constants of a graph model as pairs of name and array; text is left out."""
    for group in read_json(path)["weightsManifest"]:
        content, at = b"".join((path.parent / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            if weight["dtype"] == "string":
                at += sum(read_text_sizes(content, at, weight["shape"]))
                continue
            dtype, count = np.dtype(weight["dtype"]), int(np.prod(weight["shape"], dtype=int))
            yield weight["name"], np.frombuffer(content, dtype, count, at).reshape(weight["shape"])
            at += count * dtype.itemsize


def read_text_sizes(content, at, shape):
    """Yield the bytes of each text: four that state its length, and itself."""
    for _ in range(int(np.prod(shape, dtype=int))):
        size = 4 + int.from_bytes(content[at : at + 4], "little")
        yield size
        at += size
