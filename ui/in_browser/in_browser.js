// The very file of a copy answers in this browser, beside the server's answers to the same. What is drawn comes from
// the canvas of this page (see canvas.js) without the server, so the server's answers can be stopped.

const panels = new WeakMap()

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const panel = panels.get(parentElement) ?? mount(parentElement)
  Object.assign(panel, { data, setStateValue, setTriggerValue })
  if (panel.copy !== data.copy) reset(panel)
  find(panel, ".left-name").textContent = data.serverName
  find(panel, ".right-name").textContent = "This browser"
  find(panel, ".start").textContent = data.start
  if (panel.isReady && data.pixels && isCurrent(panel)) refresh(panel)
  draw(panel)
  // An older run may end after a newer one began; the worker ends once the panel is gone from the page.
  return () => setTimeout(() => panel.root.isConnected || leave(panel), 1000)
}

function find(panel, selector) {
  return panel.root.querySelector(selector)
}

function mount(root) {
  const panel = { root, copy: null, model: null, isReady: false, device: "wasm", rows: null, row: 0, last: null, next: null }
  panels.set(root, panel)
  find(panel, ".start").onclick = () => {
    offerDrawing(panel.data)
    start(panel)
  }
  find(panel, ".cancel").onclick = () => reset(panel)
  find(panel, ".plug input").onchange = event => hold(panel, event.target.checked)
  find(panel, "select").onchange = event => chooseRow(panel, Number(event.target.value))
  for (const input of root.querySelectorAll("[name=device]")) input.onchange = () => switchDevice(panel, input.value)
  panel.listener = ({ detail }) => hear(panel, detail)
  window.addEventListener("roundtrip-strokes", panel.listener)
  return panel
}

function leave(panel) {
  stop(panel)
  window.removeEventListener("roundtrip-strokes", panel.listener)
}

// Another copy begins anew; nothing is loaded before it is asked for.
function reset(panel) {
  Object.assign(panel, { copy: panel.data.copy, rows: null, row: 0 })
  close(panel, panel.data.offer)
}

// Nothing answers any more, and the next start is as the first: on the processor, which every runtime has.
function close(panel, text) {
  stop(panel)
  Object.assign(panel, { device: "wasm", last: null })
  find(panel, "[value=wasm]").checked = true
  find(panel, ".device-note").textContent = ""
  find(panel, ".start").hidden = false
  for (const selector of [".cancel", ".plug", ".rows", ".devices", ".answers"]) find(panel, selector).hidden = true
  say(panel, text)
  hold(panel, false)
}

function stop(panel) {
  panel.model?.end()
  Object.assign(panel, { model: null, isReady: false, next: null })
}

function say(panel, text) {
  if (find(panel, ".status").textContent !== text) find(panel, ".status").textContent = text
}

// Loading

async function start(panel) {
  const began = performance.now()
  let model = null
  find(panel, ".start").hidden = true
  find(panel, ".cancel").hidden = false
  say(panel, "Loading the runtime and the file …")
  try {
    model = panel.model = new BrowserModel(panel.data.worker)
    const costs = await open(panel, model, began)
    await judge(panel, model, costs)
    await offerDevices(panel, model)
  } catch (error) {
    if (panel.model !== model) return // it was stopped, or another copy or processor was chosen meanwhile
    fail(panel, error)
  }
}

// A sheet on which nothing was drawn yet takes the drawing of the page's other one.
function offerDrawing({ canvas, otherCanvas }) {
  const strokes = window.roundtripDrawings?.get(otherCanvas)?.strokes
  if (strokes?.length) window.dispatchEvent(new CustomEvent("roundtrip-offer", { detail: { key: canvas, strokes } }))
}

async function open(panel, model, began) {
  const { engine, address, sha256, inputs, shape } = panel.data
  const { bytes } = await model.load({ engine, device: panel.device, address, sha256, inputs, shape })
  const loaded = performance.now() - began
  panel.rows ??= await fetchRows(panel.data.rows)
  const asked = performance.now()
  await model.answer({ rows: panel.rows.map(input => takeRow(input, 0)) })
  const first = performance.now() - asked
  find(panel, ".answers").hidden = find(panel, ".plug").hidden = false
  panel.setStateValue("started", true)
  offerRows(panel)
  panel.isReady = true
  refresh(panel)
  return { bytes, loaded, first }
}

async function fetchRows(address) {
  const response = await fetch(address)
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()).map(decode)
}

// The same inputs as the server's, sent back to be judged; then what one answer costs.
async function judge(panel, model, costs) {
  say(panel, "Comparing with the server …")
  const { outputs } = await model.answer({ rows: panel.rows })
  const times = await model.time({ rows: panel.rows.map(input => takeRow(input, 0)) })
  const { copy, setTriggerValue, device } = panel
  setTriggerValue("report", { copy, device, outputs: outputs.map(encode), costs: { ...costs, ...times } })
  find(panel, ".cancel").hidden = true
  say(panel, "")
}

function fail(panel, error) {
  close(panel, `This browser could not answer. ${error.message.split("\n")[0].slice(0, 300)}`)
}

async function offerDevices(panel, model) {
  if (!panel.data.hasGpu || !find(panel, ".devices").hidden) return
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null)
  if (panel.model !== model) return
  if (adapter) find(panel, ".devices").hidden = false
  else find(panel, ".device-note").textContent = "This browser offers no GPU (WebGPU) here, so its processor answers."
}

function switchDevice(panel, device) {
  stop(panel)
  Object.assign(panel, { device, last: null })
  start(panel)
}

// What is asked

function offerRows(panel) {
  if (panel.data.shape) return
  const select = find(panel, "select")
  const count = panel.rows[0].dims[0]
  select.replaceChildren(...Array.from({ length: count }, (_, row) => new Option(String(row + 1), row)))
  select.value = panel.row
  find(panel, ".rows").hidden = false
}

function chooseRow(panel, row) {
  panel.row = row
  if (!isHeld(panel)) panel.setStateValue("row", row)
  refresh(panel)
}

function drawing({ data }) {
  return window.roundtripDrawings?.get(data.canvas)
}

function hear(panel, { key }) {
  if (key === panel.data.canvas && panel.isReady) refresh(panel)
}

// Asks for what stands on the canvas now, as the server made a picture of it where it has, or for the chosen row; where
// nothing is drawn, for the first example.
function refresh(panel) {
  const { shape, pixels } = panel.data
  const strokes = drawing(panel)?.strokes
  if (pixels && isCurrent(panel)) show(panel, { pixels: decode(pixels).data })
  else if (shape && strokes?.length) show(panel, { strokes: strokes.map(stroke => [...stroke]) })
  else show(panel, { rows: panel.rows.map(input => takeRow(input, panel.row)) })
}

// One thing is asked at a time; of what comes meanwhile, the latest waits.
async function show(panel, request) {
  if (panel.isBusy) return void (panel.next = request)
  const model = panel.model
  panel.isBusy = true
  try {
    const { outputs } = await model.answer(request)
    panel.last = outputs && { outputs, isServers: !request.strokes, isExample: panel.data.shape && request.rows }
    if (panel.model === model) draw(panel)
  } catch (error) {
    if (panel.model === model) fail(panel, error)
  }
  panel.isBusy = false
  const next = panel.next
  panel.next = null
  if (next && panel.isReady) show(panel, next)
}

// The plug

function isHeld(panel) {
  return find(panel, ".plug input").checked
}

function hold(panel, held) {
  find(panel, ".plug input").checked = held
  window.dispatchEvent(new CustomEvent("roundtrip-hold", { detail: { key: panel.data.canvas, held } }))
  if (!held && panel.isReady && !panel.data.shape) panel.setStateValue("row", panel.row)
  draw(panel)
}

// Whether the server's answer is to what this browser was asked last.
function isCurrent({ data, row }) {
  if (!data.shape) return data.row === row
  return JSON.stringify(data.strokes) === JSON.stringify(drawing({ data })?.strokes ?? [])
}

// The picture

function draw(panel) {
  const { data, last } = panel
  const isStale = isHeld(panel) || !isCurrent(panel)
  const browser = last && chooseOutput(data, last.outputs)
  const server = data.server
  const answers = find(panel, ".answers")
  answers.classList.toggle("stale", isStale)
  answers.classList.toggle("values", !data.labels.length)
  if (data.labels.length) drawBars(panel, server, browser, isStale)
  const text = sentence(panel, isStale ? null : server, browser)
  if (find(panel, ".message").textContent !== text) find(panel, ".message").textContent = text
  find(panel, ".bars").setAttribute("aria-label", text)
  find(panel, ".difference").textContent = isStale || !last?.isServers ? "" : describeDifference(server, browser)
}

function drawBars(panel, server, browser, isStale) {
  const best = browser ? indexOfLargest(browser) : -1
  const rows = makeRows(find(panel, ".bars"), panel.data.labels)
  rows.forEach((row, index) => {
    drawRow(row, server?.[index], browser?.[index], index === best)
    if (isStale) row.classList.remove("differs")
  })
}

// The output that the server shows, by the file's name for it; before it has answered, or where the file's runtime here
// has other names, the one with a number a class, else the first.
function chooseOutput({ labels, output }, outputs) {
  const chosen =
    outputs.find(({ name }) => name === output) ?? outputs.find(({ data }) => data.length === labels.length) ?? outputs[0]
  return Array.from(chosen.data, Number)
}

function sentence(panel, server, browser) {
  if (!browser) return ""
  const [here, there] = [answer(panel, browser), server && answer(panel, server)]
  const asked = panel.last.isExample ? " to the first test example" : ""
  if (isHeld(panel)) return `The server is silent. This browser answers ${here}${asked}.`
  if (!there) return `This browser answers ${here}${asked}.`
  return here === there ? `Both answer ${here}${asked}.` : `The server answers ${there}, this browser ${here}${asked}.`
}

function answer({ data }, values) {
  if (data.labels.length) return labelOfLargest(data.labels, values)
  if (!areNumbers(values)) return "not a number"
  const shown = values.slice(0, 4).map(value => Number(value.toPrecision(5)))
  return shown.join(", ") + (values.length > 4 ? " …" : "")
}

function describeDifference(server, browser) {
  if (!server || !browser || server.length !== browser.length) return ""
  if (!areNumbers([...server, ...browser])) return "Same input: not every answer is a number."
  const most = Math.max(...browser.map((value, at) => Math.abs(value - server[at])))
  return most === 0 ? "Same input, same numbers." : `Same input: the numbers differ by at most ${most.toPrecision(2)}.`
}
