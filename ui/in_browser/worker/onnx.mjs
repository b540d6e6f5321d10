// ONNX Runtime Web: on the processor (WebAssembly, one thread, as the page is not isolated), or on the GPU (WebGPU).

const FOLDER = new URL("../onnxruntime-web/dist/", import.meta.url).href
const ENTRY = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" }
let ort = null

export async function start(device) {
  ort = await import(FOLDER + ENTRY[device])
  ort.env.wasm.wasmPaths = FOLDER
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = "error"
}

export async function open(bytes, device, inputs) {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [device] })
  const names = ownNames(session.inputNames, inputs)
  return async rows => {
    const feeds = rows.map(({ name, dims, data }, index) => [names[name], tensor(inputs[index].dtype, data, dims)])
    const results = await session.run(Object.fromEntries(feeds))
    return session.outputNames.map(name => output(name, results[name]))
  }
}

// A file may call an input otherwise than the run; an only one needs no name.
function ownNames(own, inputs) {
  if (own.length === 1 && inputs.length === 1) return { [inputs[0].name]: own[0] }
  const missing = inputs.find(input => !own.includes(input.own))
  if (missing) throw new Error(`The file has no input “${missing.own}”: it has ${own.join(", ")}.`)
  return Object.fromEntries(inputs.map(input => [input.name, input.own]))
}

function tensor(dtype, data, dims) {
  return new ort.Tensor(dtype, data, dims)
}

function output(name, { type, dims, data }) {
  if (!ArrayBuffer.isView(data)) throw new Error(`The output “${name}” is text, which a browser's copy does not send.`)
  return { name, dtype: type, dims: [...dims], data }
}
