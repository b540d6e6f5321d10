"""ONNX in onnxruntime-web, ONNX Runtime in WebAssembly as pages run it, in Node.js."""

from kit_files import find_file
from node_process import PACKAGE, NodeProcess

MODULES = ("numpy",)
DISTRIBUTIONS = ("onnxruntime-web", PACKAGE)


def load(kit):
    node = NodeProcess("node_onnx.mjs")
    try:
        node.load(find_file(kit, ".onnx").parent)
    except BaseException:  # as for a reply that is no JSON
        node.close()
        raise
    return node.predict
