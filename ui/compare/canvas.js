// A pad to draw on. Strokes are [x0, y0, x1, y1, ...] in thousandths of its side; they live here, and Python is told of
// them at the end of each and, while one draws, at most every EVERY milliseconds, the latest only.

const EVERY = 200
const STEP = 6 // a point closer than this to the last one says nothing new
const pads = new WeakMap()

export default function ({ parentElement, data, setStateValue }) {
  const pad = pads.get(parentElement) ?? mount(parentElement, data)
  pad.send = strokes => setStateValue("strokes", strokes)
  if (pad.unsent) soon(pad)
  // An older run may end after a newer one began: it may stop the clock, and must not touch the drawing.
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
    unsent: false,
    timer: 0,
  }
  pads.set(parent, pad)
  find(".hint").textContent = data.label
  pad.svg.setAttribute("aria-label", `${data.label}: draw with the mouse, a finger or a pen`)
  pad.svg.setAttribute("stroke-width", data.pen)
  listen(pad)
  redraw(pad)
  return pad
}

function listen(pad) {
  const { svg, undo, clear } = pad
  svg.onpointerdown = event => begin(pad, event)
  svg.onpointermove = event => go(pad, event)
  svg.onpointerup = svg.onpointercancel = svg.onlostpointercapture = event => end(pad, event)
  undo.onclick = () => takeBack(pad)
  clear.onclick = () => wipe(pad)
}

// Drawing: one pointer at a time, so that the ball of the hand leaves no ink.

function begin(pad, event) {
  if (pad.pointer !== null || event.button !== 0) return
  event.preventDefault()
  pad.pointer = event.pointerId
  pad.svg.setPointerCapture(event.pointerId)
  pad.cleared = []
  pad.strokes.push(place(pad, event))
  redraw(pad)
  changed(pad)
}

function go(pad, event) {
  if (event.pointerId !== pad.pointer) return
  const stroke = pad.strokes.at(-1)
  const events = event.getCoalescedEvents?.() ?? []
  for (const one of events.length ? events : [event]) {
    const [x, y] = place(pad, one)
    if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) >= STEP) stroke.push(x, y)
  }
  pad.svg.lastElementChild.setAttribute("d", path(stroke))
  changed(pad)
}

function end(pad, event) {
  if (event.pointerId !== pad.pointer) return
  pad.pointer = null
  tell(pad)
}

function place(pad, event) {
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
  pad.unsent = true
  tell(pad)
}

function wipe(pad) {
  if (pad.pointer !== null || !pad.strokes.length) return
  pad.cleared = pad.strokes
  pad.strokes = []
  redraw(pad)
  pad.unsent = true
  tell(pad)
}

// The picture

function redraw(pad) {
  pad.svg.replaceChildren(...pad.strokes.map(line))
  pad.root.classList.toggle("drawn", pad.strokes.length > 0)
  pad.undo.setAttribute("aria-disabled", String(!pad.strokes.length && !pad.cleared.length))
  pad.clear.setAttribute("aria-disabled", String(!pad.strokes.length))
}

function line(stroke) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", "path")
  one.setAttribute("d", path(stroke))
  return one
}

// Curves from the middle of one piece to the middle of the next, bent by the point between them.
function path(points) {
  const [x, y] = points
  let d = `M${x} ${y}`
  for (let i = 2; i < points.length - 2; i += 2) {
    const [a, b, c, e] = points.slice(i, i + 4)
    d += `Q${a} ${b} ${(a + c) / 2} ${(b + e) / 2}`
  }
  return `${d}L${points.at(-2)} ${points.at(-1)}`
}

// Telling Python

function changed(pad) {
  pad.unsent = true
  soon(pad)
}

function soon(pad) {
  pad.timer ||= setTimeout(() => tell(pad), EVERY)
}

function tell(pad) {
  stop(pad)
  if (!pad.unsent) return // the clock was faster than the end of the stroke
  pad.unsent = false
  pad.send(pad.strokes.map(stroke => [...stroke]))
}

function stop(pad) {
  clearTimeout(pad.timer)
  pad.timer = 0
}
