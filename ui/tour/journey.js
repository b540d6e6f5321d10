// Suitcases that go from the process that trained a model to one that has never seen it. Before that, one of them is
// guessed to answer differently: its button tells Python, which then gives the verdicts.

const STAGGER = 250 // milliseconds between two suitcases
const pictures = new WeakMap()

export default function ({ parentElement, data, setTriggerValue }) {
  const picture = pictures.get(parentElement) ?? { find: selector => parentElement.querySelector(selector), cases: new Map() }
  pictures.set(parentElement, picture)
  // Where each stands, before anything of the picture changes.
  const before = new Map([...picture.cases].map(([key, element]) => [key, element.getBoundingClientRect()]))
  picture.find(".question").textContent = data.question
  picture.find(".processes").classList.toggle("arrived", Boolean(data.guess))
  picture.find(".stays").textContent = data.stays
  picture.find(".stays").hidden = !data.stays
  data.copies.forEach(copy => draw(picture, data, copy, () => setTriggerValue("guess", copy.key)))
  const message = picture.find(".message")
  if (message.textContent !== data.message) message.textContent = data.message
  data.copies.forEach(({ key }, index) => { if (before.has(key)) travel(picture.cases.get(key), before.get(key), index) })
}

function draw(picture, data, copy, guess) {
  const element = picture.cases.get(copy.key) ?? makeCase(copy)
  picture.cases.set(copy.key, element)
  element.className = `suitcase ${copy.tone}`
  element.setAttribute("aria-disabled", String(Boolean(data.guess))) // a disabled button would lose the focus
  element.setAttribute("aria-pressed", String(copy.key === data.guess))
  element.querySelector(".verdict").textContent = copy.verdict
  element.querySelector(".losses").textContent = copy.losses
  element.onclick = data.guess ? null : guess
  const target = picture.find(copy.verdict ? ".to" : ".from")
  place(element, target)
}

function place(element, target) {
  if (element.parentNode === target) return
  const hadFocus = element.getRootNode().activeElement === element
  target.append(element)
  if (hadFocus) element.focus({ preventScroll: true })
}

function makeCase({ name, size }) {
  const element = document.createElement("button")
  element.type = "button"
  const title = document.createElement("strong")
  title.textContent = `${name} · ${size}`
  const words = ["verdict", "losses"].map(className => {
    const line = document.createElement("span")
    line.className = className
    return line
  })
  element.append(title, ...words)
  return element
}

function travel(element, before, index) {
  const after = element.getBoundingClientRect()
  const [x, y] = [before.left - after.left, before.top - after.top]
  if (!before.width || !Math.hypot(x, y) || matchMedia("(prefers-reduced-motion: reduce)").matches) return
  const start = { transform: `translate(${x}px, ${y}px)` }
  element.animate([start, { transform: "none" }], { duration: 700, delay: index * STAGGER, fill: "backwards", easing: "ease-in-out" })
}
