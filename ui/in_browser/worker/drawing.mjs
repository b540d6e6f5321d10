// A drawing as one picture of the data: the same steps as core/demos/drawing.py, which says where they come from, so
// that a drawing can be answered without the server. Only the edges of the pen differ a little from its.

const FIELD = 1000 // width and height of the sheet, in the units of strokes
const PEN = 80 // width of the pen, in the same units
const INK = 256 // pixels of a side
const FINE = 2 * INK // drawn twice as large, so that edges come out smooth
const RADIUS = (PEN * FINE) / FIELD / 2 // of the pen's ends
const HALF = Math.round(2 * RADIUS) / 2 // of the width of its lines
const MIN_CONTRAST = 0.1

// Pixels (rows × columns, Float32Array in [0, 1]) for strokes [[x0, y0, x1, y1, ...], ...]; null for a blank sheet.
export function centerDigit(strokes, [rows, columns]) {
  const ink = renderStrokes(strokes)
  let most = 0
  for (const value of ink.values) most = value > most ? value : most
  if (most < MIN_CONTRAST) return null
  const digit = crop(most === 1 ? ink : { ...ink, values: ink.values.map(value => value / most) })
  return Float32Array.from(rows === 8 && columns === 8 ? countBlocks(digit) : centerByMass(digit, rows, columns))
}

let finished = { name: null, sheet: null } // all strokes but the last: those do not change while one draws

function renderStrokes(strokes) {
  const name = JSON.stringify(strokes.slice(0, -1))
  if (finished.name !== name) {
    finished = { name, sheet: new Uint8Array(FINE * FINE) }
    for (const stroke of strokes.slice(0, -1)) drawStroke(finished.sheet, stroke)
  }
  const sheet = finished.sheet.slice()
  if (strokes.length) drawStroke(sheet, strokes.at(-1))
  return reduce(sheet)
}

function drawStroke(sheet, stroke) {
  const points = stroke.map(value => (Math.min(FIELD, Math.max(0, value)) * FINE) / FIELD)
  for (let i = 0; i < points.length; i += 2) {
    const next = i + 2 < points.length ? i + 2 : i
    drawSegment(sheet, points[i], points[i + 1], points[next], points[next + 1])
  }
}

// The pixels of a pen that moves along a segment: in each row, from the leftmost to the rightmost of them. Coordinates
// are cut to whole numbers as Pillow does it.
function drawSegment(sheet, x0, y0, x1, y1) {
  const pens = [pen(x0, y0), pen(x1, y1)]
  const corners = edges(Math.trunc(x0), Math.trunc(y0), Math.trunc(x1), Math.trunc(y1))
  const top = Math.max(0, Math.min(...pens.map(({ y, radius }) => Math.ceil(y - radius))))
  const bottom = Math.min(FINE - 1, Math.max(...pens.map(({ y, radius }) => Math.floor(y + radius))))
  for (let y = top; y <= bottom; y++) {
    const ends = [...pens.flatMap(circle => acrossCircle(circle, y)), ...acrossPolygon(corners, y)]
    const left = Math.max(0, Math.ceil(Math.min(...ends)))
    const right = Math.min(FINE - 1, Math.floor(Math.max(...ends)))
    if (left <= right) sheet.fill(1, y * FINE + left, y * FINE + right + 1)
  }
}

function pen(x, y) {
  const [left, right, top] = [x - RADIUS, x + RADIUS, y - RADIUS].map(Math.trunc)
  const bottom = Math.trunc(y + RADIUS)
  return { x: (left + right) / 2, y: (top + bottom) / 2, radius: (right - left + 1) / 2 }
}

// The corners of a line of the pen's width.
function edges(x0, y0, x1, y1) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1
  const [alongX, alongY] = [((x1 - x0) * HALF) / length, ((y1 - y0) * HALF) / length]
  return [x0 - alongY, y0 + alongX, x1 - alongY, y1 + alongX, x1 + alongY, y1 - alongX, x0 + alongY, y0 - alongX]
}

// Where a row enters and leaves a circle of the pen, if it does.
function acrossCircle({ x, y: centre, radius }, y) {
  const squared = radius * radius - (y - centre) * (y - centre)
  return squared < 0 ? [] : [x - Math.sqrt(squared), x + Math.sqrt(squared)]
}

// Where a row meets the edges of a polygon [x0, y0, x1, y1, ...].
function acrossPolygon(corners, y) {
  const ends = []
  for (let i = 0; i < corners.length; i += 2) {
    const [x0, y0] = [corners[i], corners[i + 1]]
    const [x1, y1] = [corners[(i + 2) % corners.length], corners[(i + 3) % corners.length]]
    if (y0 !== y1 && y >= Math.min(y0, y1) && y <= Math.max(y0, y1)) ends.push(x0 + ((y - y0) * (x1 - x0)) / (y1 - y0))
  }
  return ends
}

function reduce(sheet) {
  const values = new Float64Array(INK * INK)
  for (let y = 0; y < INK; y++) {
    if (!sheet.subarray(2 * y * FINE, 2 * (y + 1) * FINE).includes(1)) continue
    for (let x = 0; x < INK; x++) {
      const at = 2 * y * FINE + 2 * x
      const count = sheet[at] + sheet[at + 1] + sheet[at + FINE] + sheet[at + FINE + 1]
      values[y * INK + x] = Math.fround(Math.round((255 * count) / 4) / 255) // of 8 bits, so two of four are more than half
    }
  }
  return { rows: INK, columns: INK, values }
}

// The smallest rectangle with all ink in it that is darker than half.
function crop({ rows, columns, values }) {
  let [top, bottom, left, right] = [rows, 0, columns, 0]
  for (let at = 0; at < values.length; at++) {
    if (values[at] <= 0.5) continue
    const [y, x] = [Math.floor(at / columns), at % columns]
    ;[top, bottom, left, right] = [Math.min(top, y), Math.max(bottom, y), Math.min(left, x), Math.max(right, x)]
  }
  return build(bottom - top + 1, right - left + 1, (y, x) => values[(top + y) * columns + left + x])
}

function build(rows, columns, value) {
  const values = new Float64Array(rows * columns)
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) values[y * columns + x] = value(y, x)
  return { rows, columns, values }
}

// Each pixel becomes the mean of the area that it covers.
function resizeByArea(image, rows, columns) {
  return transpose(averageRows(transpose(averageRows(image, rows)), columns))
}

function transpose({ rows, columns, values }) {
  return build(columns, rows, (y, x) => values[x * columns + y])
}

function averageRows({ rows, columns, values }, count) {
  const result = new Float64Array(count * columns)
  for (let x = 0; x < columns; x++) {
    const above = [0]
    for (let y = 0; y < rows; y++) above.push(above[y] + values[y * columns + x])
    const sumTo = edge => {
      const whole = Math.min(Math.floor(edge), rows - 1)
      return above[whole] + (edge - whole) * values[whole * columns + x]
    }
    for (let y = 0; y < count; y++) {
      const sum = sumTo(((y + 1) * rows) / count) - sumTo((y * rows) / count)
      result[y * columns + x] = (Math.max(0, sum) * count) / rows
    }
  }
  return { rows: count, columns, values: result }
}

// As MNIST: in a box of 20/28 of the frame, the centre of mass in its middle, to whole pixels.
function centerByMass(digit, rows, columns) {
  const factor = Math.min(roundHalfEven((rows * 20) / 28) / digit.rows, roundHalfEven((columns * 20) / 28) / digit.columns)
  const sides = [digit.rows, digit.columns].map(side => Math.max(1, roundHalfEven(side * factor)))
  const small = resizeByArea(digit, ...sides)
  const top = start(rowSums(small), rows)
  const left = start(rowSums(transpose(small)), columns)
  const frame = new Float64Array(rows * columns)
  small.values.forEach((value, at) => {
    const [y, x] = [Math.floor(at / small.columns), at % small.columns]
    frame[(top + y) * columns + left + x] = Math.min(1, value)
  })
  return frame
}

function rowSums({ rows, columns, values }) {
  return Array.from({ length: rows }, (_, y) => values.slice(y * columns, (y + 1) * columns).reduce((a, b) => a + b, 0))
}

function start(mass, side) {
  const total = mass.reduce((a, b) => a + b, 0)
  const centre = mass.reduce((sum, value, at) => sum + (at + 0.5) * value, 0) / total
  return Math.min(side - mass.length, Math.max(0, Math.floor(side / 2 - centre + 0.5)))
}

function roundHalfEven(value) {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded
}

// As the bundled digits: pixels set in the blocks of 4×4 of a bitmap of 32×32.
function countBlocks(digit) {
  const bitmap = deslant(normalizeWidth(stretch(digit)))
  const counts = new Float64Array(64)
  bitmap.values.forEach((set, at) => {
    counts[8 * Math.floor(at / 128) + Math.floor((at % 32) / 4)] += set / 16
  })
  return counts
}

function stretch(digit) {
  const small = resizeByArea(digit, 32, 20)
  const most = small.values.reduce((a, b) => Math.max(a, b), 0)
  const limit = 0.499 * Math.min(1, most) // a hair line fills no pixel by half
  return build(32, 32, (y, x) => (x >= 6 && x < 26 && small.values[20 * y + x - 6] >= limit ? 1 : 0))
}

function normalizeWidth(bitmap) {
  const pixels = bitmap.values.reduce((a, b) => a + b, 0)
  for (const step of [108, 256]) if (pixels < step) bitmap = combine(bitmap, Math.max)
  for (const step of [412, 560]) if (pixels > step) bitmap = combine(bitmap, Math.min)
  return bitmap
}

function combine({ values }, choose) {
  const at = (y, x) => (y >= 0 && y < 32 && x >= 0 && x < 32 ? values[32 * y + x] : 0)
  return build(32, 32, (y, x) => choose(at(y, x), at(y - 1, x), at(y + 1, x), at(y, x - 1), at(y, x + 1)))
}

// Sheared until the left edge near the top stands above the left edge near the bottom.
function deslant(bitmap) {
  const row = y => [...bitmap.values.slice(32 * y, 32 * y + 32)]
  const rows = Array.from({ length: 32 }, (_, y) => y).filter(y => row(y).includes(1))
  const [top, bottom] = [rows[0] + 2, rows.at(-1) - 2]
  if (rows.length < 6 || !row(top).includes(1) || !row(bottom).includes(1)) return bitmap
  const lean = (row(top).indexOf(1) - row(bottom).indexOf(1)) / (bottom - top)
  return build(32, 32, (y, x) => {
    const source = x - roundHalfEven((y - 16) * lean)
    return source >= 0 && source < 32 ? bitmap.values[32 * y + source] : 0
  })
}
