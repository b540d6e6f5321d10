// LiteRT.js, on the processor: it takes files with fixed shapes, and answers one row at a time.

const PACKAGE = new URL("../@litertjs/core/", import.meta.url).href
let litert = null

export async function start() {
  litert = await import(`${PACKAGE}dist/index.js`)
  // Else it looks beside the worker, and writes what it does among the errors of the console.
  globalThis.Module = { locateFile: name => `${PACKAGE}wasm/${name}`, printErr: text => console.debug(text) }
  await litert.loadLiteRt(`${PACKAGE}wasm/`)
}

export async function open(bytes, device, inputs) {
  const model = await litert.loadAndCompile(bytes, { accelerator: device })
  const details = model.getInputDetails()
  const order = details.map(detail => findInput(detail, details, inputs))
  return async rows => {
    const count = rows[0].dims[0]
    const answers = []
    for (let row = 0; row < count; row++) answers.push(await runRow(model, details, order, rows, row, count))
    return answers.length === 1 ? answers[0] : stack(answers)
  }
}

// Which of the run's inputs a file's input takes; an only one needs no name.
function findInput({ name }, details, inputs) {
  const place = details.length === 1 && inputs.length === 1 ? 0 : inputs.findIndex(input => input.own === name)
  if (place < 0) throw new Error(`The file has an input “${name}”, which the run does not know.`)
  return place
}

async function runRow(model, details, order, rows, row, count) {
  const tensors = order.map((place, at) => {
    const size = rows[place].data.length / count
    return new litert.Tensor(rows[place].data.slice(row * size, (row + 1) * size), [...details[at].shape])
  })
  const results = await model.run(tensors)
  const outputs = await Promise.all(results.map((result, at) => read(result, model.getOutputDetails()[at])))
  for (const tensor of [...tensors, ...results]) tensor.delete()
  return outputs
}

async function read(tensor, { name, dtype, shape }) {
  return { name, dtype, dims: [...shape], data: (await tensor.data()).slice() }
}

function stack(answers) {
  return answers[0].map((first, at) => {
    const data = new first.data.constructor(first.data.length * answers.length)
    answers.forEach((outputs, row) => data.set(outputs[at].data, row * first.data.length))
    return { ...first, dims: [answers.length, ...first.dims.slice(1)], data }
  })
}
