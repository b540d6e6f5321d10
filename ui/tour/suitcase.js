// Four objects and a suitcase. What is packed and cannot be held, by what was measured, falls out. All of it happens
// here: `data.suitcases` says for each suitcase what became of each object.

const DRAG_DISTANCE = 6 // pixels from which a press is a drag
const HOLD = 350 // milliseconds after which a finger that rests holds an object: it drags, and scrolls no more
const COLOURS = ["#6366f1", "#0d9488", "#d97706", "#db2777"]
const pictures = new WeakMap()

export default function ({ parentElement, data }) {
  const picture = pictures.get(parentElement) ?? mount(parentElement, data)
  picture.data = data
  picture.chosen = data.suitcases.some(each => each.key === picture.chosen) ? picture.chosen : data.suitcases[0].key
  drawChoices(picture)
  arrange(picture)
}

function mount(parent, data) {
  const find = selector => parent.querySelector(selector)
  const picture = {
    data, find, packed: new Set(), chosen: "", drag: null,
    objects: new Map(data.objects.map((object, index) => [object.key, makeObject(object, index)])),
  }
  pictures.set(parent, picture)
  for (const [key, element] of picture.objects) listen(picture, key, element)
  find(".all").onclick = () => pack(picture, data.objects.map(object => object.key), true)
  find(".none").onclick = () => pack(picture, data.objects.map(object => object.key), false)
  return picture
}

function makeObject({ name }, index) {
  const element = document.createElement("button")
  element.type = "button"
  element.className = "object"
  element.setAttribute("aria-label", name)
  element.style.setProperty("--object", COLOURS[index % COLOURS.length])
  element.append(make("strong", name), make("span", "", "state"))
  return element
}

function make(tag, text, className = "") {
  const element = document.createElement(tag)
  element.textContent = text
  element.className = className
  return element
}

function drawChoices(picture) {
  const { data, find, chosen } = picture
  const box = find("fieldset")
  if (box.childElementCount !== data.suitcases.length + 1) {
    box.replaceChildren(box.firstElementChild, ...data.suitcases.map(makeChoice))
  }
  for (const input of box.querySelectorAll("input")) {
    input.checked = input.value === chosen
    input.onchange = () => choose(picture, input.value)
  }
}

function makeChoice({ key, name, size }) {
  const label = make("label", "", "choice")
  const input = document.createElement("input")
  Object.assign(input, { type: "radio", name: "suitcase", value: key })
  label.append(input, `${name} · ${size}`)
  return label
}

function choose(picture, key) {
  picture.chosen = key
  arrange(picture)
  tell(picture)
}

// Packing, by press or by drag: pointer, finger and keyboard end in the same function.

function listen(picture, key, element) {
  element.onpointerdown = event => startDrag(picture, key, event)
  element.onpointermove = event => moveDrag(picture, event)
  element.onpointerup = element.onpointercancel = event => endDrag(picture, event)
  element.addEventListener("touchmove", event => { if (picture.drag?.held) event.preventDefault() }, { passive: false })
  element.onclick = () => {
    if (picture.dropped) picture.dropped = false // the click that ends a drag
    else pack(picture, [key], !picture.packed.has(key))
  }
}

function startDrag(picture, key, event) {
  if (picture.drag || event.button !== 0) return
  picture.dropped = false
  const drag = { key, id: event.pointerId, x: event.clientX, y: event.clientY, moved: false, held: event.pointerType !== "touch" }
  drag.timer = setTimeout(() => { drag.held = true }, HOLD)
  picture.drag = drag
  event.currentTarget.setPointerCapture(event.pointerId)
}

function moveDrag(picture, event) {
  const { drag, find } = picture
  if (event.pointerId !== drag?.id) return
  const [x, y] = [event.clientX - drag.x, event.clientY - drag.y]
  if (!drag.moved && Math.hypot(x, y) > DRAG_DISTANCE) {
    clearTimeout(drag.timer) // a finger that moves up or down before that scrolls the page
    drag.held ||= Math.abs(x) > Math.abs(y)
    drag.moved = drag.held
  }
  if (!drag.moved) return
  event.currentTarget.classList.add("dragged")
  event.currentTarget.style.translate = `${x}px ${y}px`
  find(".case").classList.toggle("over", isOver(find(".case"), event))
}

function endDrag(picture, event) {
  const { drag, find } = picture
  if (event.pointerId !== drag?.id) return
  picture.drag = null
  clearTimeout(drag.timer)
  if (!drag.moved) return
  picture.dropped = event.type === "pointerup"
  find(".case").classList.remove("over")
  event.currentTarget.classList.remove("dragged")
  pack(picture, [drag.key], event.type === "pointerup" && isOver(find(".case"), event))
}

function isOver(element, { clientX, clientY }) {
  const box = element.getBoundingClientRect()
  return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom
}

function pack(picture, keys, isPacked) {
  for (const key of keys) picture.packed[isPacked ? "add" : "delete"](key)
  arrange(picture)
  tell(picture)
}

// The picture: each object moves from where it was to where it belongs.

function arrange(picture) {
  const { data, find, objects, packed } = picture
  const { name, parts } = suitcaseOf(picture)
  find(".case .name").textContent = name
  const before = new Map([...objects].map(([key, element]) => [key, element.getBoundingClientRect()]))
  for (const { key, meaning } of data.objects) {
    const element = objects.get(key)
    const { state, words } = parts[key]
    const target = !packed.has(key) ? ".table" : state === "lost" ? ".outside" : ".inside"
    element.style.translate = ""
    element.className = `object ${state.replace(" ", "-")}`
    element.setAttribute("aria-pressed", String(packed.has(key)))
    describe(element, packed.has(key) ? words : meaning)
    place(element, find(target))
    glide(element, before.get(key), target === ".outside")
  }
}

// Its name alone is what it is called by: the words change, and name other objects.
function describe(element, words) {
  element.querySelector(".state").textContent = words
  element.setAttribute("aria-description", words)
}

function place(element, target) {
  if (element.parentNode === target) return
  const hadFocus = element.getRootNode().activeElement === element
  target.append(element)
  if (hadFocus) element.focus({ preventScroll: true })
}

function glide(element, before, falls) {
  const after = element.getBoundingClientRect()
  const [x, y] = [before.left - after.left, before.top - after.top]
  if (!before.width || !Math.hypot(x, y) || matchMedia("(prefers-reduced-motion: reduce)").matches) return
  const start = { transform: `translate(${x}px, ${y}px)` }
  const tilt = { transform: `translate(${x / 2}px, ${y / 3}px) rotate(8deg)` }
  const duration = falls ? 700 : 350
  element.animate(falls ? [start, tilt, { transform: "none" }] : [start, { transform: "none" }], { duration, easing: "ease-in" })
}

function suitcaseOf({ data, chosen }) {
  return data.suitcases.find(each => each.key === chosen)
}

function tell(picture) {
  const { data, find, packed } = picture
  const { name, parts } = suitcaseOf(picture)
  const namesOf = state => data.objects.filter(({ key }) => packed.has(key) && parts[key].state === state).map(each => each.name)
  const [lost, changed, unusable] = ["lost", "changed", "unusable"].map(namesOf)
  const flaws = [
    ...(changed.length ? [`${list(changed)} came back changed`] : []),
    ...(unusable.length ? [`nothing there can train with ${list(unusable)}`] : []),
  ]
  find(".message").textContent = !packed.size ? ""
    : lost.length ? `${name}: ${list(lost)} fell out.`
    : flaws.length ? `Nothing fell out of ${name}, but ${flaws.join(", and ")}.`
    : `Nothing fell out of ${name}.`
}

function list(names) {
  return new Intl.ListFormat("en").format(names)
}
