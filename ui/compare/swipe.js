// Two pictures in one frame, and a divider between them: the baseline's to its left, a copy's to its right. The copy's
// difference from the baseline can be amplified. All of it happens here; nothing is sent to Python.

const swipes = new WeakMap()

export default function ({ parentElement, data }) {
  const swipe = swipes.get(parentElement) ?? mount(parentElement)
  Object.assign(swipe, data)
  label(swipe)
  draw(swipe)
}

function mount(parent) {
  const find = selector => parent.querySelector(selector)
  const swipe = {
    sheet: find(".sheet"),
    under: find(".under"),
    over: find(".over"),
    slider: find("input[type=range]"),
    left: find(".left"),
    right: find(".right"),
    factor: 1,
  }
  swipes.set(parent, swipe)
  swipe.slider.oninput = () => move(swipe)
  for (const radio of parent.querySelectorAll("input[type=radio]")) {
    radio.onchange = () => {
      swipe.factor = Number(radio.value)
      draw(swipe)
    }
  }
  return swipe
}

function label(swipe) {
  swipe.left.textContent = swipe.baselineName
  swipe.right.textContent = swipe.copyName
  swipe.slider.setAttribute("aria-label", `Divider between ${swipe.baselineName} and ${swipe.copyName}`)
  swipe.sheet.style.setProperty("--ratio", swipe.columns / swipe.rows)
  move(swipe)
}

function move(swipe) {
  swipe.sheet.style.setProperty("--at", `${swipe.slider.value}%`)
  swipe.slider.setAttribute("aria-valuetext", `${swipe.slider.value} % ${swipe.baselineName}`)
}

function draw(swipe) {
  const { baseline, copy, factor } = swipe
  paint(swipe.under, swipe, baseline)
  paint(swipe.over, swipe, copy.map((value, at) => baseline[at] + factor * (value - baseline[at])))
}

// Values in [0, 1], dark ink on white.
function paint(canvas, { rows, columns }, values) {
  canvas.width = columns
  canvas.height = rows
  const image = new ImageData(columns, rows)
  values.forEach((value, at) => {
    const grey = Math.round(255 * (1 - Math.min(1, Math.max(0, value))))
    image.data.set([grey, grey, grey, 255], 4 * at)
  })
  canvas.getContext("2d").putImageData(image, 0, 0)
}
