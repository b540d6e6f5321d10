// TensorFlow.js graph models, with the kernels of TensorFlow.js in plain JavaScript.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { runInThisContext } from "node:vm";

import { encode, serve } from "./node_requests.mjs";

const DTYPES = {
  DT_FLOAT: "float32",
  DT_INT32: "int32",
  DT_INT64: "int32", // the only whole numbers that TensorFlow.js has
  DT_BOOL: "bool",
  DT_STRING: "string",
};

globalThis.require = createRequire(import.meta.url); // by which it finds parts of Node.js
runInThisContext(readFileSync(join(process.argv[2], "@tensorflow/tfjs/dist/tf.min.js"), "utf8"));
const tf = globalThis.tf;
await tf.setBackend("cpu");

async function load(folder) {
  const json = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
  const artifacts = await tf.io.getModelArtifactsForJSON(json, (manifest) => readWeights(folder, manifest));
  const model = await tf.loadGraphModel({ load: async () => artifacts });
  const { inputs, outputs } = json.signature ?? json.userDefinedMetadata.signature;
  return { facts: {}, predict: (given) => predict(model, inputs, outputs, given) };
}

async function readWeights(folder, manifest) {
  const parts = manifest.flatMap((group) => group.paths).map((path) => readFileSync(join(folder, path)));
  const bytes = Buffer.concat(parts);
  const specs = manifest.flatMap((group) => group.weights);
  return [specs, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)];
}

async function predict(model, inputs, outputs, given) {
  const feed = {};
  for (const [name, { name: node, dtype }] of Object.entries(inputs)) {
    if (dtype !== "DT_RESOURCE") feed[node] = makeTensor(given[name], DTYPES[dtype]); // else a table of its own
  }
  const names = Object.keys(outputs);
  const results = await model.executeAsync(feed, names.map((name) => outputs[name].name));
  const tensors = Array.isArray(results) ? results : [results];
  const entries = [];
  for (const [at, tensor] of tensors.entries()) entries.push([names[at], await encodeTensor(tensor)]);
  tf.dispose([Object.values(feed), tensors]);
  return Object.fromEntries(entries);
}

function makeTensor({ shape, values }, dtype) {
  if (!dtype) throw new Error("TensorFlow.js has no numbers of the dtype of this input.");
  return tf.tensor(dtype === "bool" ? Array.from(values, Boolean) : values, shape, dtype);
}

async function encodeTensor(tensor) {
  const dtype = tensor.dtype === "string" ? "object" : tensor.dtype;
  return encode(dtype, tensor.shape, await tensor.data());
}

await serve(load);
