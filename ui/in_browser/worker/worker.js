// A model that answers in this worker: one runtime, one file. The page ends the worker where it takes too long, and the
// server's response forbids it any request to another machine. Each message {id, kind, ...} is answered by {id, ...} or
// {id, error}.

let model = null
let picture = null

const actions = { load, answer }

// One after another: a GPU's runtime never answers two that run at once.
let latest = Promise.resolve()
onmessage = ({ data }) => {
  latest = latest.then(() => reply(data))
}

async function reply({ id, kind, ...request }) {
  try {
    postMessage({ id, ...(await actions[kind](request)) })
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error).slice(0, 2000) })
  }
}

async function load({ engine, device, address, sha256, inputs, shape }) {
  const runtime = await import(engine === "@litertjs/core" ? "./litert.mjs" : "./onnx.mjs")
  const [bytes] = await Promise.all([fetchFile(address, sha256), runtime.start(device)])
  model = await runtime.open(bytes, device, inputs)
  picture = shape && { shape, draw: (await import("./drawing.mjs")).centerDigit, input: inputs[0] }
  return { bytes: bytes.length }
}

// The hash is that of the copy's record; without a secure context there is none to compute.
async function fetchFile(address, sha256) {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`The server did not give the file: ${(await response.text()).slice(0, 500)}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
    const hash = Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("")
    if (hash !== sha256) throw new Error("The file that came is not the one that was saved: its SHA-256 differs.")
  }
  return bytes
}

// Answers a drawing (`strokes`), a picture (`pixels`) or rows ([{name, dims, data}]); a blank sheet has no answer.
async function answer({ strokes, pixels, rows }) {
  if (strokes) {
    pixels = picture.draw(strokes, picture.shape)
    if (!pixels) return { outputs: null }
  }
  const given = rows ?? [{ name: picture.input.name, dims: [1, ...picture.input.sizes], data: pixels }]
  const started = performance.now()
  const outputs = await model(given)
  return { outputs, pixels, milliseconds: performance.now() - started }
}
