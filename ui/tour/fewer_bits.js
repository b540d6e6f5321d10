// One layer of a small network with fewer bits, computed here: relu(x·K + b), then softmax(h·L + c). `data` has the
// numbers as base64 of float32; K is rounded as `core.tensors.rounding.round_to_bits` does it.

const pictures = new WeakMap()

export default function ({ parentElement, data }) {
  const picture = pictures.get(parentElement) ?? { find: selector => parentElement.querySelector(selector) }
  pictures.set(parentElement, picture)
  if (picture.id !== data.id) Object.assign(picture, { id: data.id, data, net: readNet(data) })
  picture.data = data
  const slider = picture.find("input")
  slider.max = data.stops.length - 1
  slider.oninput = () => draw(picture)
  const digit = picture.find("img")
  if (digit.src !== data.digit) digit.src = data.digit
  drawMarks(picture)
  draw(picture)
}

function readNet({ numbers, pixels, rows, columns, classes }) {
  const [kernel, bias, lastKernel, lastBias] = numbers.map(readFloats)
  return { kernel, bias, lastKernel, lastBias, pixels: Float32Array.from(pixels), rows, columns, classes }
}

function readFloats(text) {
  return new Float32Array(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer)
}

function drawMarks({ data, find }) {
  const marks = data.stops.map(({ bits, size, words }) => {
    const mark = document.createElement("div")
    mark.className = "mark"
    mark.innerHTML = "<strong></strong><br><span></span>"
    mark.firstChild.textContent = `${bits} bits · ${size}`
    mark.lastChild.textContent = words
    return mark
  })
  find(".marks").replaceChildren(...marks)
}

function draw(picture) {
  const { data, find, net } = picture
  const place = Number(find("input").value)
  const { bits, size, words } = data.stops[place]
  const kernel = roundToBits(net, bits)
  const before = predict(net, net.kernel)
  const now = predict(net, kernel)
  const [first, answer] = [indexOfLargest(before), indexOfLargest(now)]
  find(".name").textContent = `${bits} bits for each number of the first layer`
  find("input").setAttribute("aria-valuetext", [`${bits} bits, ${size}`, words].filter(Boolean).join(". "))
  find(".size").textContent = `The first layer's ${net.kernel.length.toLocaleString("en")} weights take ${size}.`
  find(".marks").childNodes.forEach((mark, index) => mark.classList.toggle("current", index === place))
  find(".picture").classList.toggle("flipped", answer !== first)
  paint(find("canvas"), net, kernel)
  drawBars(find(".bars"), data.labels, now, answer)
  const text = sentence(data.labels, now, first, answer)
  find(".message").textContent = text
  find(".bars").setAttribute("aria-label", text)
}

function sentence(labels, values, first, answer) {
  const sure = `${(100 * values[answer]).toFixed(1)} % sure`
  if (answer === first) return `It sees a ${labels[first]}, ${sure}.`
  return `The answer flips: a ${labels[answer]}, not a ${labels[first]}, ${sure}.`
}

function indexOfLargest(values) {
  return values.indexOf(Math.max(...values))
}

// Rounding

function roundToBits({ kernel, columns }, bits) {
  if (bits === 32) return kernel
  if (bits === 16) return kernel.map(toHalf)
  const steps = columnSteps(kernel, columns, 2 ** (bits - 1) - 1)
  return kernel.map((value, index) => roundToEven(value / steps[index % columns]) * steps[index % columns])
}

function columnSteps(kernel, columns, levels) {
  const largest = new Float32Array(columns)
  kernel.forEach((value, index) => { largest[index % columns] = Math.max(largest[index % columns], Math.abs(value)) })
  return largest.map(value => value / levels || 1)
}

function roundToEven(value) {
  const below = Math.floor(value)
  return value - below === 0.5 ? below + (below % 2 ? 1 : 0) : Math.round(value)
}

function toHalf(value) {
  if (!value) return value
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), -14)
  const step = 2 ** (exponent - 10) // half precision has 10 bits after the point
  return roundToEven(value / step) * step
}

// The network

function predict({ bias, lastKernel, lastBias, pixels, rows, columns, classes }, kernel) {
  const hidden = Float64Array.from(bias)
  for (let row = 0; row < rows; row++) {
    if (pixels[row]) for (let column = 0; column < columns; column++) hidden[column] += pixels[row] * kernel[row * columns + column]
  }
  const logits = Array.from(lastBias)
  hidden.forEach((value, column) => {
    if (value > 0) for (let label = 0; label < classes; label++) logits[label] += value * lastKernel[column * classes + label]
  })
  const most = Math.max(...logits)
  const powers = logits.map(value => Math.exp(value - most))
  const sum = powers.reduce((left, right) => left + right)
  return powers.map(value => value / sum)
}

// The pictures

function paint(canvas, { kernel: original, rows, columns }, kernel) {
  Object.assign(canvas, { width: columns, height: rows })
  const largest = original.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const context = canvas.getContext("2d")
  const image = context.createImageData(columns, rows)
  kernel.forEach((value, index) => image.data.set(colour(value / largest), 4 * index))
  context.putImageData(image, 0, 0)
  canvas.setAttribute("aria-label", `The weights of the first layer, ${rows} by ${columns}: blue below zero, orange above`)
}

function colour(share) { // from blue over white to orange
  const rest = 255 * (1 - Math.min(1, Math.abs(share) * 1.4))
  return share < 0 ? [rest * 0.8 + 20, rest * 0.85 + 38, 255, 255] : [255, rest * 0.55 + 115, rest, 255]
}

function drawBars(box, labels, values, answer) {
  if (box.childElementCount !== labels.length) box.replaceChildren(...labels.map(makeRow))
  ;[...box.children].forEach((row, index) => {
    row.classList.toggle("first", index === answer)
    row.querySelector(".bar").style.setProperty("--share", values[index])
    row.querySelector(".number").textContent = `${Math.round(100 * values[index])} %`
  })
}

function makeRow(label) {
  const row = document.createElement("div")
  row.className = "row"
  row.innerHTML = '<span class="digit"></span><div class="track"><div class="bar"></div><span class="number"></span></div>'
  row.firstChild.textContent = label
  return row
}
