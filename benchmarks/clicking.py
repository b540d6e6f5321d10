"""A session in a browser of its own, whose page itself measures the time from a click to the answer."""

from playwright.async_api import Browser, Page, expect

from benchmarks.serving import WAIT

# From the change of the search until the page shows how many artifacts fit and its script has ended. An observer in the
# page waits for its changes: polling from outside would delay its painting.
ARM = """() => {
    const count = () => {
        for (const caption of document.querySelectorAll('[data-testid=stCaptionContainer]')) {
            const match = caption.textContent.match(/^([0-9,]+) artifacts?\\b/);
            if (match) return match[1];
        }
    };
    const before = count();
    window.answered = new Promise(done => {
        let started = null;
        document.addEventListener('input', () => { started ??= performance.now(); }, { capture: true, once: true });
        const watch = new MutationObserver(() => {
            const app = document.querySelector('[data-testid=stApp]');
            if (started === null || app.dataset.testScriptState !== 'notRunning') return;
            if ([before, undefined].includes(count())) return;
            watch.disconnect();
            done([(performance.now() - started) / 1000, Number(count())]);
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
    """Type a search; returns seconds until the page shows the result, and how many artifacts it says fit."""
    await page.evaluate(ARM)
    await page.get_by_role("searchbox", name="Search").fill(words)
    await page.keyboard.press("Enter")
    seconds, shown = await page.evaluate("window.answered")
    return seconds, shown
