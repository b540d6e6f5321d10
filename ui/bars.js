// Bars of probabilities from one axis, to the left and to the right; for components that show two sides.

const DIFFERS = 0.1 // of a probability from which a bar glows

function make(tag, className, text = "") {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

function makeRows(box, labels) {
  if (box.childElementCount !== labels.length) box.replaceChildren(...labels.map(makeRow))
  return [...box.children]
}

function makeRow(label) {
  const row = make("div", "row")
  const [left, right] = ["track left", "track right"].map(className => make("div", className))
  for (const track of [left, right]) track.append(make("div", "bar"), make("span", "number"))
  row.append(left, make("span", "digit", label), right)
  return row
}

function drawRow(row, left, right, isBest) {
  row.classList.toggle("best", isBest)
  row.classList.toggle("differs", areNumbers([left, right]) && Math.abs(left - right) >= DIFFERS)
  drawTrack(row.querySelector(".left"), left)
  drawTrack(row.querySelector(".right"), right)
}

function drawTrack(track, value) {
  track.querySelector(".bar").style.setProperty("--share", Number.isFinite(value) ? value : 0)
  track.querySelector(".number").textContent = Number.isFinite(value) ? percent(value) : ""
}

function percent(value) {
  return `${Math.round(100 * value)} %`
}

function areNumbers(values) {
  return values.every(Number.isFinite)
}

// -1 where one of the values is no number.
function indexOfLargest(values) {
  return areNumbers(values) ? values.indexOf(Math.max(...values)) : -1
}

function labelOfLargest(labels, values) {
  return labels[indexOfLargest(values)] ?? "not a number"
}

