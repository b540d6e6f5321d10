// Two graphs in frames of their own, painted alike: each is told what its boxes show, and what one says is passed on to
// the other. A frame shows an untrusted file, so what it says is only ever a place among the layers, a view, or a text.

const pictures = new WeakMap()

export default function ({ parentElement, data, setStateValue }) {
  const picture = pictures.get(parentElement) ?? mount(parentElement)
  const isNew = JSON.stringify(data) !== picture.told
  Object.assign(picture, { data, setStateValue, told: JSON.stringify(data) })
  window.addEventListener("message", picture.listen)
  if (isNew) draw(picture)
  return () => window.removeEventListener("message", picture.listen)
}

function mount(parent) {
  const picture = { find: selector => parent.querySelector(selector), frames: [] }
  picture.listen = ({ source, data }) => {
    const frame = picture.frames.find(({ element }) => element.contentWindow === source)
    if (frame) hear(picture, frame, data ?? {})
  }
  pictures.set(parent, picture)
  return picture
}

function make(tag, text = "", className = "") {
  const element = document.createElement(tag)
  element.textContent = text
  element.className = className
  return element
}

function draw(picture) {
  const { data, find } = picture
  drawLegend(find(".legend"), data)
  const urls = data.graphs.map(({ url }) => url).join()
  if (find(".graphs").dataset.urls !== urls) {
    find(".graphs").dataset.urls = urls
    picture.frames = data.graphs.map(makeFrame)
    find(".graphs").replaceChildren(...picture.frames.map(({ figure }) => figure))
  } else picture.frames.forEach((frame, index) => paint(picture, frame, data.graphs[index]))
  read(picture, null, "")
}

function drawLegend(box, { palette, legend }) {
  const swatches = palette.map(({ fill, label }) => swatch(label, "", fill))
  const others = [swatch(legend.none, "none"), swatch(legend.above, "above")]
  box.replaceChildren(make("span", legend.title), ...swatches, ...others)
  box.setAttribute("aria-label", `${legend.title} ${palette.map(({ label }) => label).join(", ")}`)
}

function swatch(label, className, fill = "") {
  const item = make("span")
  const colour = make("i", "", className)
  if (fill) colour.style.setProperty("--paint", fill)
  item.append(colour, label)
  return item
}

function makeFrame(graph) {
  const figure = make("figure")
  const element = make("iframe")
  Object.assign(element, { title: graph.alt, src: graph.url, sandbox: "allow-scripts" })
  const caption = make("figcaption")
  const count = make("div")
  caption.append(make("strong", graph.name), graph.note && ` ${graph.note}`, count)
  figure.append(caption, element)
  return { figure, element, count, graph, places: null }
}

function paint({ data }, frame, graph) {
  const { palette, labels, legend } = data
  Object.assign(frame, { graph, places: null })
  send(frame, { type: "paint", nodes: graph.nodes, by: graph.by, palette, labels, none: legend.none })
}

// Its origin is its own, and opaque: no other can be named.
function send(frame, message) {
  frame.element.contentWindow?.postMessage(message, "*")
}

// A choice has its time beside it: the same layer chosen again is news to the server.
function hear(picture, frame, message) {
  const others = picture.frames.filter(other => other !== frame)
  const place = isPlace(picture, message.place) ? message.place : null
  if (message.type === "ready") paint(picture, frame, frame.graph)
  else if (message.type === "painted") count(picture, frame, message)
  else if (message.type === "view") others.forEach(other => send(other, { type: "view", view: message.view }))
  else if (message.type === "point") point(picture, frame, place, String(message.name).slice(0, 200))
  else if (message.type === "choose" && place !== null) picture.setStateValue("chosen", [place, Date.now()])
}

function isPlace({ data }, place) {
  return Number.isInteger(place) && place >= 0 && place < data.labels.length
}

function count(picture, frame, { places, boxes }) {
  frame.places = Array.isArray(places) ? places.filter(place => isPlace(picture, place)) : []
  const plain = Number(boxes) - frame.places.length
  const painted = `${frame.places.length} of ${Number(boxes)} boxes painted` + (plain ? `, ${plain} not compared.` : ".")
  frame.count.textContent = boxes ? painted : "The viewer draws no graph of this file."
  if (picture.frames.some(other => !other.places)) return
  const [first, ...others] = picture.frames.map(other => new Set(other.places))
  const shared = [...first].filter(place => others.every(other => other.has(place)))
  for (const other of picture.frames) send(other, { type: "share", places: shared })
  send(picture.frames.find(other => other.places.length) ?? frame, { type: "begin" })
}

// What a pointer leaves in one frame may be told after what it enters in the other.
function point(picture, frame, place, name) {
  if (!name && picture.pointed !== frame) return
  picture.pointed = frame
  read(picture, place, name)
}

function read({ data, find, frames }, place, name) {
  const text = place === null ? (name ? `${name}: ${data.legend.none}` : data.legend.hint) : data.labels[place]
  if (find(".readout").textContent !== text) find(".readout").textContent = text
  for (const frame of frames) send(frame, { type: "point", place })
}
