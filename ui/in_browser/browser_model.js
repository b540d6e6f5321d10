// A model in a worker of this page: loaded once, asked one thing at a time, ended where it takes too long.

const LOAD_LIMIT = 120_000 // milliseconds
const ANSWER_LIMIT = 60_000 // a GPU compiles its programs for the first answer
const TIMED = { answers: 100, milliseconds: 1500 } // that are timed one by one, whichever ends first
const WARM_UP = 3 // answers before them

class BrowserModel {
  constructor(worker) {
    this.worker = new Worker(worker)
    this.waiting = new Map()
    this.count = 0
    this.worker.onmessage = ({ data }) => this.settle(data.id, data)
    this.worker.onerror = event => {
      event.preventDefault()
      this.end(event.message || "Its worker could not be started.")
    }
  }

  settle(id, reply) {
    this.waiting.get(id)?.(reply)
    this.waiting.delete(id)
  }

  end(error = "It was stopped.") {
    this.worker.terminate()
    for (const id of [...this.waiting.keys()]) this.settle(id, { error })
  }

  async ask(kind, request, limit = ANSWER_LIMIT) {
    const id = ++this.count
    const answered = new Promise(done => this.waiting.set(id, done))
    this.worker.postMessage({ id, kind, ...request })
    const timer = setTimeout(() => this.end(`It took longer than ${limit / 1000} seconds, so it was stopped.`), limit)
    const reply = await answered
    clearTimeout(timer)
    if (reply.error) throw new Error(reply.error)
    return reply
  }

  load(request) {
    return this.ask("load", request, LOAD_LIMIT)
  }

  answer(request) {
    return this.ask("answer", request)
  }

  // Milliseconds from asking for one row until its answer is here, of the median and of the slowest twentieth.
  async time(request) {
    const times = []
    for (let turn = 0; turn < WARM_UP; turn++) await this.answer(request)
    const began = performance.now()
    while (times.length < TIMED.answers && performance.now() - began < TIMED.milliseconds) {
      const started = performance.now()
      await this.answer(request)
      times.push(performance.now() - started)
    }
    times.sort((a, b) => a - b)
    return { answers: times.length, p50: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)] }
  }
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
}

function decode({ name, dtype, dims, base64 }) {
  const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0))
  return { name, dims, data: new ARRAYS[dtype](bytes.buffer) }
}

function encode({ name, dtype, dims, data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  let text = ""
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return { name, dtype, dims, base64: btoa(text) }
}

function takeRow({ name, dims, data }, row) {
  const size = data.length / dims[0]
  return { name, dims: [1, ...dims.slice(1)], data: data.slice(row * size, (row + 1) * size) }
}

