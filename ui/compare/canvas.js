// A pad to draw on. Strokes are [x0, y0, x1, y1, ...] in thousandths of its side. They are stored here and sent to Python
// at the end of each stroke and, during a stroke, at most every SEND_INTERVAL milliseconds; only the latest are sent.
// Other components of the page hear of each change at once ("roundtrip-strokes"), find the strokes in
// window.roundtripDrawings by the canvas' key, may hold back what is sent ("roundtrip-hold"), and may offer a drawing to
// a blank sheet ("roundtrip-offer").

const SEND_INTERVAL = 200
const STEP = 6 // points closer than this to the previous point are dropped
const pads = new WeakMap()

export default function ({ parentElement, data, setStateValue }) {
  const pad = pads.get(parentElement) ?? mount(parentElement, data)
  pad.send = strokes => setStateValue("strokes", strokes)
  if (pad.unsent) schedule(pad)
  // An older run may end after a newer one began: it may stop the timer, and must not change the drawing.
  return () => stop(pad)
}

function mount(parent, data) {
  const find = selector => parent.querySelector(selector)
  const pad = {
    root: find(".pad"),
    svg: find("svg"),
    undo: find(".undo"),
    clear: find(".clear"),
    strokes: data.strokes.map(stroke => [...stroke]),
    cleared: [],
    pointer: null,
    key: data.key,
    unsent: false,
    held: false,
    timer: 0,
  }
  pads.set(parent, pad)
  find(".hint").textContent = data.label
  pad.svg.setAttribute("aria-label", `${data.label}: draw with the mouse, a finger or a pen`)
  pad.svg.setAttribute("stroke-width", data.pen)
  listen(pad)
  redraw(pad)
  announce(pad)
  return pad
}

function listen(pad) {
  const { svg, undo, clear } = pad
  svg.onpointerdown = event => startStroke(pad, event)
  svg.onpointermove = event => extendStroke(pad, event)
  svg.onpointerup = svg.onpointercancel = svg.onlostpointercapture = event => endStroke(pad, event)
  undo.onclick = () => takeBack(pad)
  clear.onclick = () => wipe(pad)
  hearOthers(pad, "roundtrip-hold", ({ held }) => hold(pad, held))
  hearOthers(pad, "roundtrip-offer", ({ strokes }) => take(pad, strokes))
}

function hearOthers(pad, name, act) {
  window.addEventListener(name, function hear({ detail }) {
    if (!pad.svg.isConnected) window.removeEventListener(name, hear)
    else if (detail.key === pad.key) act(detail)
  })
}

// Drawing: one pointer at a time, so that the palm of the hand leaves no ink.

function startStroke(pad, event) {
  if (pad.pointer !== null || event.button !== 0) return
  event.preventDefault()
  pad.pointer = event.pointerId
  pad.svg.setPointerCapture(event.pointerId)
  pad.cleared = []
  pad.strokes.push(position(pad, event))
  redraw(pad)
  changed(pad)
}

function extendStroke(pad, event) {
  if (event.pointerId !== pad.pointer) return
  const stroke = pad.strokes.at(-1)
  const events = event.getCoalescedEvents?.() ?? []
  for (const sample of events.length ? events : [event]) {
    const [x, y] = position(pad, sample)
    if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) >= STEP) stroke.push(x, y)
  }
  pad.svg.lastElementChild.setAttribute("d", path(stroke))
  changed(pad)
}

function endStroke(pad, event) {
  if (event.pointerId !== pad.pointer) return
  pad.pointer = null
  flush(pad)
}

function position(pad, event) {
  const box = pad.svg.getBoundingClientRect()
  return [
    thousandths((event.clientX - box.left) / box.width),
    thousandths((event.clientY - box.top) / box.height),
  ]
}

function thousandths(share) {
  return Math.round(1000 * Math.min(1, Math.max(0, share)))
}

// Buttons

function takeBack(pad) {
  if (pad.pointer !== null) return
  if (pad.strokes.length) pad.strokes.pop()
  else if (pad.cleared.length) [pad.strokes, pad.cleared] = [pad.cleared, []]
  else return
  redraw(pad)
  announce(pad)
  pad.unsent = true
  flush(pad)
}

function wipe(pad) {
  if (pad.pointer !== null || !pad.strokes.length) return
  pad.cleared = pad.strokes
  pad.strokes = []
  redraw(pad)
  announce(pad)
  pad.unsent = true
  flush(pad)
}

// The picture

function redraw(pad) {
  pad.svg.replaceChildren(...pad.strokes.map(line))
  pad.root.classList.toggle("drawn", pad.strokes.length > 0)
  pad.undo.setAttribute("aria-disabled", String(!pad.strokes.length && !pad.cleared.length))
  pad.clear.setAttribute("aria-disabled", String(!pad.strokes.length))
}

function line(stroke) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "path")
  element.setAttribute("d", path(stroke))
  return element
}

// Quadratic curves between the midpoints of neighbouring segments; the point between them is the control point.
function path(points) {
  const [x, y] = points
  let d = `M${x} ${y}`
  for (let i = 2; i < points.length - 2; i += 2) {
    const [a, b, c, e] = points.slice(i, i + 4)
    d += `Q${a} ${b} ${(a + c) / 2} ${(b + e) / 2}`
  }
  return `${d}L${points.at(-2)} ${points.at(-1)}`
}

// Sending strokes to Python

function changed(pad) {
  announce(pad)
  pad.unsent = true
  schedule(pad)
}

function schedule(pad) {
  pad.timer ||= setTimeout(() => flush(pad), SEND_INTERVAL)
}

function flush(pad) {
  stop(pad)
  if (!pad.unsent || pad.held) return // the timer was faster than the end of the stroke, or nothing may be sent
  pad.unsent = false
  pad.send(pad.strokes.map(stroke => [...stroke]))
}

function stop(pad) {
  clearTimeout(pad.timer)
  pad.timer = 0
}

// Other components of the page

function announce(pad) {
  const drawings = (window.roundtripDrawings ??= new Map())
  drawings.set(pad.key, { strokes: pad.strokes })
  window.dispatchEvent(new CustomEvent("roundtrip-strokes", { detail: { key: pad.key } }))
}

function take(pad, strokes) {
  if (pad.pointer !== null || pad.strokes.length) return
  pad.strokes = strokes.map(stroke => [...stroke])
  redraw(pad)
  announce(pad)
  pad.unsent = true
  flush(pad)
}

// What was drawn meanwhile is sent when it may be again.
function hold(pad, held) {
  pad.held = held
  if (!held) flush(pad)
}
