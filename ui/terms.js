// Explanations of terms where they first stand on a page: underlined with dots, and shown under the pointer or finger.
// They are drawn over the page by the browser's own highlights: what React has made is not touched, and nobody is asked.
// For the keyboard and the screen reader, the same explanations stand at the end of the page.
// Called with the terms: for each its name, its forms as a regular expression, and its explanation.

terms => {
  const state = (window.roundtripTerms ??= { ranges: [] })
  if (state.isOn || !window.CSS?.highlights) return
  state.isOn = true
  // What is pressed, chosen or code; what has a tooltip of its own; an icon's name, which is no word.
  const SKIPPED = "a, button, summary, input, textarea, select, pre, code, svg, h1, [role=tab], [role=option], " +
    "[role=img], [role=group], [role=combobox], " +
    "[data-testid=stTooltipHoverTarget], [data-testid=stIconMaterial]"
  const WAIT = 200 // milliseconds in which changes of the page are gathered, and after which a scroll has ended
  const pattern = new RegExp(`\\b(?:${terms.map(term => `(${term.forms})`).join("|")})\\b`, "gi")

  const readText = root => document.createTreeWalker(root, NodeFilter.SHOW_TEXT, node => {
    const parent = node.parentElement
    const isRead = node.data.trim() && parent && !parent.closest(SKIPPED) && parent.checkVisibility()
    return isRead ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT
  })

  const find = root => {
    const found = new Map()
    const walker = readText(root)
    while (walker.nextNode()) {
      for (const match of walker.currentNode.data.matchAll(pattern)) {
        const term = terms[match.slice(1).findIndex(group => group !== undefined)]
        if (found.has(term)) continue
        const range = document.createRange()
        range.setStart(walker.currentNode, match.index)
        range.setEnd(walker.currentNode, match.index + match[0].length)
        found.set(term, range)
      }
    }
    return found
  }

  const mark = () => {
    state.timer = undefined
    const main = document.querySelector("[data-testid=stMain]")
    state.ranges = main ? [...find(main)] : []
    CSS.highlights.set("roundtrip-terms", new Highlight(...state.ranges.map(([, range]) => range)))
    if (!state.ranges.some(([term]) => term === state.shown)) hide()
    pointAgain()
  }

  const tip = document.createElement("div")
  tip.id = "roundtrip-term"
  tip.role = "tooltip"
  tip.popover = "manual"
  document.body.append(tip)

  const hide = () => {
    if (tip.matches(":popover-open")) tip.hidePopover()
    state.shown = undefined
  }

  const isIn = (box, x, y) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom

  // The term at a place, unless something lies over it.
  const findAt = (x, y, top) => {
    for (const [term, range] of state.ranges) {
      const box = [...range.getClientRects()].find(one => isIn(one, x, y))
      const parent = range.startContainer.parentElement
      if (box && top && parent && (top.contains(parent) || parent.contains(top))) return { term, box }
    }
  }

  const show = ({ term, box }) => {
    const name = document.createElement("strong")
    name.textContent = term.name
    tip.replaceChildren(name, ` ${term.explanation}`)
    const { color, backgroundColor, fontFamily } = getComputedStyle(document.querySelector("[data-testid=stApp]"))
    Object.assign(tip.style, { color, backgroundColor, fontFamily }) // those of the theme
    tip.showPopover()
    const size = tip.getBoundingClientRect()
    const isAbove = box.bottom + size.height + 8 > innerHeight && box.top > size.height + 8
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`
    tip.style.top = `${isAbove ? box.top - size.height - 4 : box.bottom + 4}px`
    state.shown = term
  }

  const pointAt = (x, y) => {
    const top = document.elementFromPoint(x, y)
    if (state.shown && tip.contains(top)) return
    const place = findAt(x, y, top)
    if (place?.term === state.shown) return
    hide()
    if (place) show(place)
  }

  // A mouse that rests is where it was when the page moves under it. A finger is not; nor does what a press has opened
  // want to be covered.
  const point = event => {
    const { clientX: x, clientY: y } = event
    state.rest = event.type === "pointermove" && event.pointerType !== "touch" ? { x, y } : undefined
    pointAt(x, y)
  }
  const pointAgain = () => state.rest && pointAt(state.rest.x, state.rest.y)
  const forget = () => { state.rest = undefined }

  const scroll = () => {
    hide()
    clearTimeout(state.scroll)
    state.scroll = setTimeout(pointAgain, WAIT)
  }
  const leave = event => (!event.relatedTarget || event.relatedTarget.matches("iframe")) && forget()
  const dismiss = event => {
    if (event.key !== "Escape") return
    forget()
    hide()
  }

  const gather = records => {
    if (!records.every(record => tip.contains(record.target))) state.timer ??= setTimeout(mark, WAIT)
  }
  const watched = { childList: true, subtree: true, characterData: true, attributeFilter: ["open", "hidden"] }
  new MutationObserver(gather).observe(document.body, watched)
  document.addEventListener("pointermove", point, { passive: true })
  document.addEventListener("pointerdown", point, { passive: true })
  document.addEventListener("pointerout", leave, { passive: true })
  document.addEventListener("scroll", scroll, { passive: true, capture: true })
  document.addEventListener("keydown", dismiss)
  mark()
}
