"""The pages that browser tests use one after another."""

from tests.browser.page_helpers import PagePool, listen

ADDRESS = "http://127.0.0.1:1/page"  # where nothing answers


def test_page_that_is_put_back_keeps_no_listener_and_no_route(page_pool: PagePool):
    heard: list[str] = []
    page = page_pool.take(1280, dark=False)
    page.context.route(ADDRESS, lambda route: route.fulfill(body="of the context"))  # asked after those of the page
    page.route(ADDRESS, lambda route: route.fulfill(body="of the page"))
    listen(page, "request", lambda request: heard.append(request.url))
    page.goto(ADDRESS)
    assert page.inner_text("body") == "of the page"
    page_pool.put_back(page)
    assert page_pool.take(1280, dark=False) is page
    page.goto(ADDRESS)
    assert page.inner_text("body") == "of the context"
    page.context.unroute(ADDRESS)
    page_pool.put_back(page)
    assert heard == [ADDRESS]
