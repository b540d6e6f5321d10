// Answers lines of JSON on the standard input, one after another, by lines on the standard output.
//
//   {"load": FOLDER}                         {"facts": what the engine says of the model in it}
//   {"inputs": {NAME: [dtype, shape, data]}} {"outputs": the same of what it predicts}
//
// `data` is base 64 of the numbers, or a list of text. An error is {"error": its name, "text": its message}.

import { createInterface } from "node:readline";

const KINDS = {
  float16: globalThis.Float16Array ?? Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

for (const name of ["log", "info", "debug"]) console[name] = console.error; // what libraries print is no reply

export function decode([dtype, shape, data]) {
  if (dtype === "object") return { dtype, shape, values: data };
  const bytes = Buffer.from(data, "base64");
  const values = new KINDS[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { dtype, shape, values };
}

export function encode(dtype, shape, values) {
  if (dtype === "object") return [dtype, shape, Array.from(values)];
  const array = ArrayBuffer.isView(values) ? values : KINDS[dtype].from(values);
  const data = Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
  return [dtype, shape, data];
}

// `load` takes a folder, and returns {facts, predict}; `predict` takes and returns inputs and outputs by name.
export async function serve(load) {
  let model;
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line)).catch(describe);
    process.stdout.write(JSON.stringify(reply) + "\n");
  }

  async function answer(request) {
    if (request.load) {
      model = await load(request.load);
      return { facts: model.facts };
    }
    const entries = Object.entries(request.inputs).map(([name, given]) => [name, decode(given)]);
    return { outputs: await model.predict(Object.fromEntries(entries)) };
  }
}

function describe(error) {
  return { error: error?.name ?? "Error", text: String(error?.message ?? error) };
}
