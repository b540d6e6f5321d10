// ONNX files in onnxruntime-web: ONNX Runtime compiled to WebAssembly, in one thread.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { encode, serve } from "./node_requests.mjs";

const folder = join(process.argv[2], "onnxruntime-web/dist");
const ort = await import(pathToFileURL(join(folder, "ort.wasm.min.mjs")));
ort.env.wasm.numThreads = 1;
const TYPES = { object: "string" }; // where its names differ from NumPy's

async function load(given) {
  const names = readdirSync(given);
  const file = names.find((name) => name.endsWith(".onnx"));
  const others = names.filter((name) => name !== file);
  const externalData = others.map((path) => ({ path, data: read(given, path) }));
  const options = { executionProviders: ["wasm"], ...(others.length ? { externalData } : {}) };
  const session = await ort.InferenceSession.create(read(given, file), options);
  return { facts: {}, predict: (inputs) => predict(session, inputs) };
}

function read(given, name) {
  return new Uint8Array(readFileSync(join(given, name)));
}

async function predict(session, inputs) {
  const feed = {};
  for (const [name, { dtype, shape, values }] of Object.entries(inputs)) {
    feed[name] = new ort.Tensor(TYPES[dtype] ?? dtype, values, shape);
  }
  const results = await session.run(feed);
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, encodeTensor(tensor)]));
}

function encodeTensor({ type, dims, data }) {
  return encode(type === "string" ? "object" : type, dims, data);
}

await serve(load);
