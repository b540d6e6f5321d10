// Paints the boxes of the viewer's graph, and moves it with another one. All of it is asked for by the page in which the
// viewer is embedded, in messages; without any, the viewer is as it was. Messages of nobody else are heard. They are
// sent to any origin, as this frame has none that could be compared: the response's policy embeds it in our pages only.

const SVG = "http://www.w3.org/2000/svg"
const page = window.parent
let painting = null // what was asked for: {nodes: {name: {place, colour, above}}, by, palette, labels, none}
let nodes = new Map() // of what was asked for, by name
let graph = null // of the viewer, as it was painted last
let boxes = [] // {element, name, place, x, y}, from the top; place is null where nothing was compared
let shared = new Set() // places that the other graph shows, too
let lastView = "" // that was sent or received

const handlers = {
  paint(message) {
    painting = message
    nodes = new Map(Object.entries(message.nodes))
    graph = null
    paint()
  },
  share({ places }) {
    shared = new Set(places)
  },
  begin: showFromTop,
  view: ({ view }) => setView(view),
  point: ({ place }) => point(place),
}

if (page !== window) {
  window.addEventListener("message", ({ source, data }) => {
    if (source === page) handlers[data?.type]?.(data)
  })
  new MutationObserver(paint).observe(document.body, { attributeFilter: ["class"] })
  const canvas = document.getElementById("target")
  canvas.addEventListener("scroll", sendView)
  canvas.addEventListener("pointerover", ({ target }) => sendPointed(boxOf(target)), true)
  canvas.addEventListener("pointerleave", () => sendPointed(null))
  canvas.addEventListener("focusin", ({ target }) => reveal(boxOf(target)))
  canvas.addEventListener("click", choose, true)
  canvas.addEventListener("keydown", press, true)
  tell({ type: "ready" })
}

function tell(message) {
  page.postMessage(message, "*")
}

// Paint

function paint() {
  const current = window.__view__?.target
  if (document.body.classList.contains("alert")) tell({ type: "painted", places: [], boxes: 0 }) // it says why
  if (!painting || !current || current === graph || !document.body.classList.contains("default")) return
  graph = current
  addHatching()
  const drawn = [...graph.nodes.values()].map(({ label }) => label).filter(isBox)
  boxes = drawn.map(makeBox).sort((one, other) => one.y - other.y || one.x - other.x)
  boxes.forEach((box, index) => box.element.setAttribute("tabindex", index ? -1 : 0))
  const places = boxes.map(({ place }) => place).filter(place => place !== null)
  tell({ type: "painted", places, boxes: boxes.length })
}

function isBox(node) {
  return node.class === "graph-node" && node.element
}

function makeBox(node) {
  const painted = worst(names(node.value).map(name => nodes.get(name)).filter(Boolean))
  const { element } = node
  element.classList.add(painted ? "painted" : "unpainted")
  element.classList.toggle("above", Boolean(painted?.above))
  element.setAttribute("role", "button")
  const name = node.value.name || node.value.type.name
  element.setAttribute("aria-label", painted ? painting.labels[painted.place] : `${name}: ${painting.none}`)
  if (painted) {
    const { fill, ink } = painting.palette[painted.colour]
    element.style.setProperty("--paint", fill)
    element.style.setProperty("--ink", ink)
  }
  const { e, f } = document.getElementById("origin").transform.baseVal.consolidate().matrix
  return { element, name, place: painted ? painted.place : null, x: node.x + e, y: node.y + f }
}

function names(value) {
  if (painting.by === "node") return [value.name]
  const last = value.chain?.length ? [value.chain.at(-1)] : []
  const values = [value, ...last].flatMap(({ outputs }) => outputs ?? []).flatMap(output => output.value ?? [])
  return values.map(({ name }) => name.split("\n")[0]) // the viewer puts the number of a tensor in a second line
}

function worst(painted) {
  return painted.reduce((best, one) => (!best || one.colour > best.colour ? one : best), null)
}

function addHatching() {
  const pattern = document.createElementNS(SVG, "pattern")
  const size = { id: "not-compared", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }
  for (const [name, value] of Object.entries(size)) pattern.setAttribute(name, value)
  pattern.innerHTML = '<rect width="7" height="7"/><path d="M0 0V7"/>'
  document.getElementById("canvas").append(pattern)
}

// Point at a box, and choose one

function boxOf(element) {
  const found = element.closest(".painted, .unpainted")
  return boxes.find(box => box.element === found) ?? null
}

function sendPointed(box) {
  tell({ type: "point", place: box?.place ?? null, name: box?.name ?? "" })
}

function point(place) {
  for (const box of boxes) box.element.classList.toggle("pointed", place !== null && box.place === place)
}

function choose(event) {
  const box = boxOf(event.target)
  if (!box) return
  event.stopPropagation()
  sendPointed(box)
  if (box.place !== null) tell({ type: "choose", place: box.place })
}

function press(event) {
  const index = boxes.indexOf(boxOf(event.target))
  const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: boxes.length - 1 }[event.key]
  if (index < 0 || event.altKey || event.ctrlKey || event.metaKey) return
  if (event.key === "Enter" || event.key === " ") choose(event)
  else if (next === undefined) return
  else focusBox(boxes[next])
  event.preventDefault()
  event.stopPropagation()
}

function focusBox(box) {
  if (!box) return
  for (const { element } of boxes) element.setAttribute("tabindex", element === box.element ? 0 : -1)
  box.element.focus({ preventScroll: true })
}

function reveal(box) {
  if (!box) return
  sendPointed(box)
  if (box.element.matches(":focus-visible")) graph.scrollTo([box.element], "instant")
}

// Move together: what stands in the middle of one graph is told as a place between two boxes that both graphs show, so
// that layers stay side by side where one graph has more boxes than the other.

function anchors() {
  const x = graph._width / 2
  const known = boxes.filter(({ place }) => shared.has(place))
  return [{ place: "top", x, y: 0 }, ...known, { place: "bottom", x, y: graph._height }]
}

function middle() {
  const frame = document.getElementById("target").getBoundingClientRect()
  const canvas = document.getElementById("canvas").getBoundingClientRect()
  const [x, y] = [frame.x + frame.width / 2 - canvas.x, frame.y + frame.height / 2 - canvas.y]
  return { x: x / graph.zoom, y: y / graph.zoom }
}

function getView() {
  const all = anchors()
  const { x, y } = middle()
  const after = Math.max(1, all.findIndex((anchor, at) => anchor.y > y || at === all.length - 1))
  const [from, to] = [all[after - 1], all[after]]
  const share = (y - from.y) / (to.y - from.y || 1)
  return { zoom: graph.zoom, from: from.place, to: to.place, share, aside: x - between(from.x, to.x, share) }
}

function setView({ zoom, from, to, share, aside }) {
  if (!graph) return
  const all = anchors()
  const [one, other] = [from, to].map(place => all.find(anchor => anchor.place === place))
  if (!one || !other || ![zoom, share, aside].every(Number.isFinite)) return
  graph.zoom = zoom
  const now = middle()
  const target = document.getElementById("target")
  target.scrollLeft += (between(one.x, other.x, share) + aside - now.x) * graph.zoom
  target.scrollTop += (between(one.y, other.y, share) - now.y) * graph.zoom
  lastView = describeScroll()
}

function between(from, to, share) {
  return from + share * (to - from)
}

function describeScroll() {
  const { scrollLeft, scrollTop } = document.getElementById("target")
  return `${Math.round(scrollLeft)} ${Math.round(scrollTop)} ${graph.zoom}`
}

function sendView() {
  if (!graph || graph !== window.__view__.target || describeScroll() === lastView) return
  lastView = describeScroll()
  tell({ type: "view", view: getView() })
}

function showFromTop() {
  if (!graph) return
  graph.zoom = 0 // as small as the viewer allows: the whole graph, where it is not too long
  graph.zoom = Math.max(graph.zoom, 0.7)
  const target = document.getElementById("target")
  target.scrollTo({ left: (target.scrollWidth - target.clientWidth) / 2, top: 60 * graph.zoom, behavior: "instant" })
  lastView = ""
  sendView()
}
