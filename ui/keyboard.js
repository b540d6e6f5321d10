// For the keyboard and the screen reader: focus on the title of each new page, and into tables that scroll sideways.
// (Streamlit has a link that skips the navigation.) Called with the key of the page whenever that is drawn; what must be
// remembered, the window remembers.

page => {
  const state = (window.roundtripKeyboard ??= {})

  const focus = title => {
    title.tabIndex = -1
    title.focus()
  }

  // The keyboard reaches what it can focus on: a table or code that is wider than its box scrolls by the arrow keys.
  const BOXES = ".wrapped-table, [data-testid=stTable], [data-testid=stTable] div:not(td *, th *), [data-testid=stCode] pre"
  const MEASURED = ".wrapped-table table, [data-testid=stTable], [data-testid=stTable] table, [data-testid=stCode] :is(pre, code)"
  const reach = () => {
    state.timer = undefined
    for (const box of document.querySelectorAll(BOXES)) {
      const isCut = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible"
      if (isCut) box.tabIndex = 0
      else box.removeAttribute("tabindex")
    }
    // These grow without any change of the document, too: when a font has come, or a style.
    for (const item of document.querySelectorAll(MEASURED)) {
      if (state.measured.has(item)) continue
      state.measured.add(item)
      state.sizes.observe(item)
    }
  }
  const reachSoon = () => (state.timer ??= setTimeout(reach, 200)) // milliseconds in which changes are gathered
  if (!state.tables) {
    state.sizes = new ResizeObserver(reachSoon)
    state.measured = new WeakSet()
    state.tables = new MutationObserver(reachSoon)
    state.tables.observe(document.body, { childList: true, subtree: true })
    addEventListener("resize", reachSoon, { passive: true })
  }
  reachSoon()

  if (state.page === page) return
  const isFirst = state.page === undefined
  const former = state.title
  state.page = page
  state.waiting?.disconnect()

  // The title of the former page stands until the new one is drawn; all titles differ.
  const arrive = () => {
    const title = document.querySelector("h1")
    if (!title || !title.textContent || title.textContent === former) return false
    state.title = title.textContent
    if (!isFirst) focus(title)
    state.waiting?.disconnect()
    return true
  }
  if (arrive()) return
  state.waiting = new MutationObserver(arrive)
  state.waiting.observe(document.body, { childList: true, subtree: true, characterData: true })
}
