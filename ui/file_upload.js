// One file on its way in pieces, by the protocol tus 1.0.0. How much has come is asked of the server wherever that is in
// doubt: after a lost connection, a pause, a reload, or where another tab sent the same. Each piece goes with its hash,
// and is whole on the server or not there, where the browser has the means (https, or this very machine).

const PROTOCOL = "1.0.0"
const PIECE_MEDIA_TYPE = "application/offset+octet-stream"
const [LEAST_PIECE, FIRST_PIECE, MOST_PIECE] = [2 ** 18, 2 ** 20, 2 ** 23] // bytes
const PIECE_TIME = 1000 // milliseconds that a piece should take: what a break costs, and what is paid for each
const [FIRST_WAIT, LONGEST_WAIT] = [500, 8_000] // milliseconds between two tries
const PASSING = [0, 408, 409, 423, 429, 460, 500, 502, 503, 504] // what may be over at the next try
const GONE = [404, 410]
const MOST_RESTARTS = 3 // after uploads that were gone: a proxy may send pieces to servers that do not share them
const TOO_LARGE = 413
const WORDS_BY_STATUS = { 401: "You are not signed in any more. Sign in in another tab, then resume." }
const GONE_WORDS = "The server does not have what was sent any more."
const GONE_CURE = "Resume, or ask who runs it whether its proxy sends all of an upload to servers that share their uploads."

class ServerError extends Error {
  constructor(status, words) {
    super(WORDS_BY_STATUS[status] ?? (words || `The server answered with ${status}.`))
    this.status = status
  }
}

class FileUpload {
  // `place` says where uploads begin (address) and which cookie holds the page's token; `stored` is what `store` gave
  // before a reload, after which the browser has no file any more until it is chosen again.
  constructor(place, file, stored, changed) {
    Object.assign(this, { id: null, offset: 0, state: file ? "waiting" : "cut", message: "", tries: 0 }, stored)
    Object.assign(this, { place, file, changed, sent: 0, pieceSize: FIRST_PIECE, isSure: false, request: null })
    if (file) Object.assign(this, { name: file.name, size: file.size, modified: file.lastModified })
  }

  // What a reload needs, as JSON.
  store() {
    const { id, name, size, modified, offset } = this
    return { id, name, size, modified, offset, state: this.state === "whole" ? "whole" : "cut" }
  }

  get isPending() {
    return ["waiting", "sending", "lost", "paused"].includes(this.state)
  }

  isSame(file) {
    return file.name === this.name && file.size === this.size && file.lastModified === this.modified
  }

  // Takes up a file again that was chosen once more.
  attach(file) {
    Object.assign(this, { file, isSure: false })
    this.turn("waiting")
  }

  turn(state, message = "", canRetry = false) {
    Object.assign(this, { state, message, canRetry })
    this.changed(this)
  }

  async send() {
    this.turn("sending")
    const run = (this.run = {})
    this.tries = this.restarts = 0
    while (this.run === run && this.state !== "whole") {
      try {
        await this.sendAll(run)
      } catch (error) {
        if (this.run === run) await this.recover(run, error)
      }
    }
  }

  async sendAll(run) {
    if (!this.id) await this.begin(run)
    else if (!this.isSure) await this.ask(run)
    while (this.run === run && this.offset < this.size) {
      await this.sendPiece(run)
      this.tries = 0
    }
    if (this.run === run) this.turn("whole")
  }

  async recover(run, error) {
    this.isSure = false
    this.sent = 0
    if (!(error instanceof ServerError)) return this.refuse("The file cannot be read any more. Choose it again.")
    const isGone = GONE.includes(error.status) && this.id
    if (isGone) Object.assign(this, { id: null, offset: 0 }) // it begins anew
    if (isGone && this.restarts++ === MOST_RESTARTS) return this.refuse(`${GONE_WORDS} ${GONE_CURE}`, true)
    if (!isGone && !PASSING.includes(error.status)) return this.refuse(error.message, error.status !== TOO_LARGE)
    this.turn("lost", isGone ? GONE_WORDS : error.message)
    await this.wait(Math.min(FIRST_WAIT * 2 ** this.tries++, LONGEST_WAIT))
    if (this.run === run) this.turn("sending")
  }

  refuse(message, canRetry = false) {
    this.run = null
    this.turn("refused", message, canRetry)
  }

  // Until so many milliseconds are over, the network is back, or somebody presses a button.
  wait(milliseconds) {
    return new Promise(resolve => {
      this.wake = () => {
        clearTimeout(timer)
        window.removeEventListener("online", this.wake)
        resolve()
      }
      const timer = setTimeout(this.wake, milliseconds)
      window.addEventListener("online", this.wake)
    })
  }

  pause() {
    this.stop()
    this.turn("paused")
  }

  // Ends the sending, not what has come of it.
  stop() {
    this.run = null
    this.isSure = false
    this.sent = 0
    this.wake?.()
    this.request?.abort()
  }

  // Ends it and has the server forget it.
  cancel() {
    this.stop()
    if (this.id) this.forget(this.id)
    this.id = null
  }

  forget(id) {
    this.call("DELETE", this.url(id)).catch(() => {}) // what stays is deleted by the server in time
  }

  // The protocol. A run may have ended while an answer was on its way: that counts for nothing then.

  url(id) {
    return `${this.place.address}/${id}`
  }

  async begin(run) {
    const bytes = new TextEncoder().encode(this.name)
    const name = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""))
    const headers = { "Upload-Length": this.size, "Upload-Metadata": `filename ${name}` }
    const reply = await this.call("POST", this.place.address, headers)
    const id = reply.getResponseHeader("Location").split("/").at(-1)
    if (this.run !== run) return this.forget(id)
    Object.assign(this, { id, offset: 0, isSure: true })
    this.changed(this)
  }

  async ask(run) {
    const reply = await this.call("HEAD", this.url(this.id))
    if (this.run === run) this.note(reply)
  }

  async sendPiece(run) {
    const piece = await this.file.slice(this.offset, this.offset + this.pieceSize).arrayBuffer()
    const headers = { "Content-Type": PIECE_MEDIA_TYPE, "Upload-Offset": this.offset, ...(await hash(piece)) }
    if (this.run !== run) return
    const began = performance.now()
    const reply = await this.call("PATCH", this.url(this.id), headers, piece)
    if (this.run !== run) return
    this.note(reply)
    const fitting = (piece.byteLength * PIECE_TIME) / (performance.now() - began)
    this.pieceSize = Math.round(Math.min(MOST_PIECE, 2 * this.pieceSize, Math.max(LEAST_PIECE, fitting)))
  }

  note(reply) {
    Object.assign(this, { offset: Number(reply.getResponseHeader("Upload-Offset")), sent: 0, isSure: true })
    this.changed(this)
  }

  call(method, url, headers = {}, body = null) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest() // of which, unlike fetch, one hears how much has gone
      request.open(method, url)
      const all = { "Tus-Resumable": PROTOCOL, "X-Xsrftoken": readCookie(this.place.cookie), ...headers }
      for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value)
      if (body) request.upload.onprogress = event => this.show(event.loaded)
      request.onload = () => (request.status < 400 ? resolve(request) : reject(failure(request)))
      request.onerror = request.onabort = () => reject(new ServerError(0, "The connection is lost."))
      if (method === "PATCH") this.request = request // the others are short, and what a POST begins is to be known
      request.send(body)
    })
  }

  show(sent) {
    this.sent = sent
    this.changed(this)
  }
}

function failure(request) {
  return new ServerError(request.status, request.responseText.slice(0, 600))
}

async function hash(piece) {
  if (!window.crypto?.subtle) return {}
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", piece))
  return { "Upload-Checksum": `sha256 ${btoa(String.fromCharCode(...digest))}` }
}

function readCookie(name) {
  const pair = document.cookie.split("; ").find(pair => pair.startsWith(`${name}=`))
  return pair?.slice(name.length + 1) ?? ""
}
