"""A session in a browser of its own: a visitor whose page itself takes the time from a click to the answer."""

from playwright.async_api import Browser, Page, expect

from benchmarks.serving import WAIT

# From the moment at which the search changes until the page says how many artifacts fit it and its script has ended.
# The page itself looks, and only when it changes: asked from outside again and again, it would paint later.
ARM = """() => {
    const said = () => {
        for (const one of document.querySelectorAll('[data-testid=stCaptionContainer]')) {
            const found = one.textContent.match(/^([0-9,]+) artifacts?\\b/);
            if (found) return found[1];
        }
    };
    const before = said();
    window.answered = new Promise(done => {
        let started = null;
        document.addEventListener('input', () => { started ??= performance.now(); }, { capture: true, once: true });
        const watch = new MutationObserver(() => {
            const app = document.querySelector('[data-testid=stApp]');
            if (started === null || app.dataset.testScriptState !== 'notRunning') return;
            if ([before, undefined].includes(said())) return;
            watch.disconnect();
            done([(performance.now() - started) / 1000, Number(said())]);
        });
        watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
}"""


async def visit(browser: Browser, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    page = await context.new_page()
    await page.goto(url, wait_until="commit")
    await rested(page)
    return page


async def rested(page: Page) -> None:
    await expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    await expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


async def search(page: Page, words: str) -> tuple[float, int]:
    """Type a search: seconds until the page has painted the answer, and how many artifacts it says fit."""
    await page.evaluate(ARM)
    await page.get_by_role("searchbox", name="Search").fill(words)
    await page.keyboard.press("Enter")
    seconds, shown = await page.evaluate("window.answered")
    return seconds, shown
