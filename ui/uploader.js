// Files are chosen or dropped, and go to the server at once, one after another (file_upload.js sends). The files of a key
// belong to the window: they go on while another page is shown, and the tab remembers them over a reload.

const STORAGE = "roundtrip-uploads:"
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu // as the server hides in names: marks that turn the writing around
const controls = new WeakMap()

export default function ({ parentElement, data, setStateValue }) {
  const control = controls.get(parentElement) ?? mount(parentElement)
  Object.assign(control, { data, tell: files => setStateValue("files", files), told: JSON.stringify(data.files) })
  control.shelf = openShelf(data)
  control.shelf.control = control
  describe(control)
  advance(control.shelf)
  draw(control.shelf)
}

function mount(root) {
  const control = { root, find: selector => root.querySelector(selector) }
  controls.set(root, control)
  const [input, drop] = [control.find("input"), control.find(".drop")]
  input.onchange = () => {
    take(control, [...input.files])
    input.value = "" // so that the same file can be chosen again
  }
  drop.ondragover = event => mark(event, drop, true)
  drop.ondragleave = event => mark(event, drop, false)
  drop.ondrop = event => {
    mark(event, drop, false)
    take(control, [...event.dataTransfer.files], readFolderNames(event.dataTransfer))
  }
  return control
}

function mark(event, drop, isOver) {
  event.preventDefault()
  drop.classList.toggle("over", isOver)
}

function readFolderNames({ items }) {
  const entries = Array.from(items, item => item.webkitGetAsEntry?.())
  return entries.filter(entry => entry?.isDirectory).map(entry => entry.name)
}

function describe({ data, find }) {
  find(".title").textContent = data.label
  find(".call").textContent = data.many ? "Choose files, or drop them here" : "Choose a file, or drop it here"
  find("#limits").textContent = [data.limits, data.help].filter(Boolean).join(" ")
  find("input").multiple = data.many
  find("input").accept = data.suffixes.map(suffix => `.${suffix}`).join(",")
}

// The files of a key

function openShelf(data) {
  const shelves = (window.roundtripUploads ??= new Map())
  if (!shelves.has(data.key)) shelves.set(data.key, restore(data))
  const shelf = shelves.get(data.key)
  if (shelf.generation < data.generation) {
    // What was here has been used.
    for (const upload of shelf.uploads) if (upload.state !== "whole") upload.cancel()
    shelf.uploads = []
  }
  shelf.generation = data.generation // which begins anew where the server has lost the session
  shelf.uploads = shelf.uploads.filter(({ id, state }) => state !== "whole" || !data.gone.includes(id))
  save(shelf)
  return shelf
}

function restore(data) {
  const shelf = { key: STORAGE + data.key, generation: data.generation, uploads: [], control: null }
  try {
    const stored = JSON.parse(sessionStorage.getItem(shelf.key) ?? "[]")
    shelf.uploads = stored.map(item => new FileUpload(data, null, item, upload => change(shelf, upload)))
  } catch {
    // Of another version, or the browser keeps nothing: the files are chosen again.
  }
  return shelf
}

function save({ key, uploads }) {
  const stored = uploads.filter(({ id }) => id).map(upload => upload.store())
  try {
    if (stored.length) sessionStorage.setItem(key, JSON.stringify(stored))
    else sessionStorage.removeItem(key)
  } catch {
    // Nothing is remembered over a reload then.
  }
}

function change(shelf, upload) {
  if (upload.shown !== upload.state + upload.message) {
    upload.shown = upload.state + upload.message
    shelf.control.find(".status").textContent = `${clean(upload.name)}: ${describeState(upload)}`
    advance(shelf)
  }
  save(shelf)
  draw(shelf)
}

// One file is sent at a time.
function advance({ uploads }) {
  if (!uploads.some(({ state }) => state === "sending" || state === "lost"))
    uploads.find(({ state }) => state === "waiting")?.send()
}

function take(control, files, folders = []) {
  const { shelf, data } = control
  for (const file of files) {
    const cut = shelf.uploads.find(upload => !upload.isPending && upload.state !== "whole" && upload.isSame(file))
    const reason = refusal(data, file, folders)
    if (cut && !reason) cut.attach(file)
    else add(shelf, data, file, reason)
  }
  advance(shelf)
  draw(shelf)
}

function add(shelf, data, file, reason) {
  const upload = new FileUpload(data, file, {}, changed => change(shelf, changed))
  if (!data.many) for (const former of shelf.uploads) former.cancel()
  shelf.uploads = data.many ? [...shelf.uploads, upload] : [upload]
  if (reason) upload.turn("refused", reason)
}

function refusal({ bytes, tooLarge, suffixes }, { name, size }, folders) {
  if (folders.includes(name)) return "This is a folder. Pack it into a .zip, or choose its files."
  if (size > bytes) return tooLarge
  const fits = !suffixes.length || suffixes.some(suffix => name.toLowerCase().endsWith(`.${suffix}`))
  return fits ? "" : `Its name ends in none of these: ${suffixes.map(suffix => `.${suffix}`).join(", ")}.`
}

function remove(shelf, upload) {
  upload.cancel()
  shelf.uploads = shelf.uploads.filter(other => other !== upload)
  shelf.control.find(".status").textContent = `${clean(upload.name)}: removed.`
  shelf.control.find("input").focus() // the button that had the focus is gone
  save(shelf)
  advance(shelf)
  draw(shelf)
}

// The picture, and what the page is told

function draw(shelf) {
  const { control, uploads } = shelf
  const list = control.find(".files")
  const rows = uploads.map(upload => drawRow(shelf, upload))
  const isSame = rows.length === list.children.length && rows.every((row, at) => row === list.children[at])
  if (!isSame) list.replaceChildren(...rows)
  const whole = uploads.filter(({ state, id }) => state === "whole" && id).map(({ id }) => id)
  const files = { whole, pending: uploads.filter(({ isPending }) => isPending).length }
  const text = JSON.stringify(files)
  if (control.told === text || !control.root.isConnected) return // another page is shown: it is told on the way back
  control.told = text
  control.tell(files)
}

function drawRow(shelf, upload) {
  if (!upload.row || upload.control !== shelf.control) makeRow(shelf, upload)
  const { row, state, size } = upload
  const find = selector => row.querySelector(selector)
  const share = size ? (upload.offset + upload.sent) / size : 1
  row.className = state
  write(find(".name"), clean(upload.name))
  write(find(".size"), formatSize(size))
  write(find(".state"), describeState(upload))
  find("progress").value = Math.min(1, share)
  find("progress").hidden = state === "whole" || state === "refused"
  find("progress").setAttribute("aria-label", `Sent of ${clean(upload.name)}`)
  const canResume = state === "paused" || upload.canRetry
  label(find(".pause"), canResume ? "Resume" : "Pause", upload)
  find(".pause").hidden = !canResume && !["waiting", "sending", "lost"].includes(state)
  label(find(".remove"), upload.isPending ? "Cancel" : "Remove", upload)
  return row
}

function makeRow(shelf, upload) {
  const row = shelf.control.find("template").content.firstElementChild.cloneNode(true)
  Object.assign(upload, { row, control: shelf.control })
  row.querySelector(".pause").onclick = () => {
    if (upload.isPending && upload.state !== "paused") upload.pause()
    else upload.turn("waiting")
  }
  row.querySelector(".remove").onclick = () => remove(shelf, upload)
}

function label(button, verb, { name }) {
  write(button, verb)
  button.setAttribute("aria-label", `${verb}: ${clean(name)}`)
}

// A text that stays as it is leaves what is selected in it, and is not read out again.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function describeState({ state, message, offset, sent, size, id }) {
  const come = `${formatPart(Math.min(size, offset + sent), size)} of ${formatSize(size)}`
  const words = {
    waiting: "Waits for its turn.",
    sending: `Sending: ${come}`,
    lost: `${message} It goes on by itself, from ${come}.`,
    paused: `Paused at ${come}.`,
    cut: id ? `${come} have come. Choose the same file again, and it goes on from there.` : "Choose the file again.",
    whole: "Sent.",
    refused: message,
  }
  return words[state]
}

function clean(name) {
  return name.replace(HIDDEN, "").slice(0, 200) || "unnamed"
}

function unitOf(size) {
  return size >= 1e9 ? [1e9, "GB"] : size >= 1e6 ? [1e6, "MB"] : size >= 1e3 ? [1e3, "kB"] : [1, "B"]
}

function formatSize(size) {
  return `${formatPart(size, size)} ${unitOf(size)[1]}`
}

// A number in the unit of the whole.
function formatPart(part, size) {
  const [scale] = unitOf(size)
  return scale === 1 ? String(part) : (part / scale).toFixed(1)
}
