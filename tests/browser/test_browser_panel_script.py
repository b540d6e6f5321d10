"""The script of the panel "Pull the plug" by itself, in a real browser: what it says, and what it begins anew with."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from core.demos.drawing import center_digit, render_strokes
from ui.browser_component import BARS
from ui.in_browser.panel import HERE

COMPARE = HERE.parent / "compare"
EXPORTS = "\nexport { answer, chooseOutput, describeDifference, isCurrent, offerDevices }"
NO_GPU = "This browser offers no GPU (WebGPU) here, so its processor answers."
LOAD = "(source) => import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})))"
SILENT = ""
TELLING = "onmessage = ({ data }) => postMessage({ id: data.id, error: `asked on ${data.device}` })"
SHOW = """([data, worker]) => window.panel.default({
  parentElement: document.querySelector('#panel'),
  data: {...data, worker: worker === null ? 'https://other/' : URL.createObjectURL(new Blob([worker]))},
  setStateValue() {}, setTriggerValue() {},
}) && undefined"""
SHOW_CANVAS = """() => window.canvas.default({
  parentElement: document.querySelector('#canvas'),
  data: {key: 'own', strokes: [], label: 'Draw', pen: 60},
  setStateValue: (name, strokes) => { window.sent = strokes },
}) && undefined"""
DATA = {"canvas": "own", "otherCanvas": "other", "strokes": [], "shape": [8, 8], "labels": ["0", "1"], "start": "Start"}


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page with the panel's script and elements, and no server."""
    page = new_page()
    panel = "".join(
        path.read_text() for path in (BARS.with_suffix(".js"), HERE / "browser_model.js", HERE / "in_browser.js")
    )
    html = (HERE / "in_browser.html").read_text(), (COMPARE / "canvas.html").read_text()
    page.set_content(f'<div id="panel">{html[0]}</div><div id="canvas">{html[1]}</div>')
    page.add_style_tag(content="[hidden] { display: none !important }")
    for name, source in (("panel", panel + EXPORTS), ("canvas", (COMPARE / "canvas.js").read_text())):
        page.evaluate(f"async source => {{ window.{name} = await ({LOAD})(source) }}", source)
    return page


def call(page: Page, function: str, *arguments: str) -> object:
    """What a function of the script returns for arguments that are written in JavaScript."""
    return page.evaluate(f"() => window.panel.{function}({', '.join(arguments)})")


def show(page: Page, copy: str, worker: str | None = SILENT) -> None:
    page.evaluate(SHOW, [{**DATA, "copy": copy, "offer": f"Loads {copy}."}, worker])


def status(page: Page) -> Locator:
    return page.locator(".status")


def test_panel_sentences_never_take_what_is_no_number_for_equal(page: Page):
    for server, browser, words in (
        ("[0.25, 0.75]", "[0.25, 0.75]", "Same input, same numbers."),
        ("[0.25, 0.75]", "[0.25, 0.5]", "Same input: the numbers differ by at most 0.25."),
        ("[null, 0.75]", "[NaN, 0.75]", "Same input: not every answer is a number."),
        ("[0, 0.75]", "[NaN, 0.75]", "Same input: not every answer is a number."),
        ("[0, 0.75]", "[0, Infinity]", "Same input: not every answer is a number."),
    ):
        assert call(page, "describeDifference", server, browser) == words
    for labels in (["0", "1"], []):
        panel = json.dumps({"data": {"labels": labels}})
        assert [call(page, "answer", panel, values) for values in ("[NaN, 1]", "[null, 1]")] == ["not a number"] * 2


def test_panel_chooses_the_output_that_the_server_shows(page: Page):
    outputs = "[{name: 'first', data: [1, 2]}, {name: 'second', data: [3, 4]}, {name: 'third', data: [5]}]"
    for output, chosen in (("second", [3, 4]), ("third", [5]), (None, [1, 2]), ("unknown", [1, 2])):
        data = json.dumps({"labels": ["0", "1"], "output": output})
        assert call(page, "chooseOutput", data, outputs) == chosen


def test_panel_takes_another_drawing_of_as_many_points_for_another(page: Page):
    page.evaluate("window.roundtripDrawings = new Map([['own', {strokes: [[1, 2, 3, 4]]}]])")
    for strokes, is_current in (([[1, 2, 3, 4]], True), ([[1, 2], [3, 4]], False), ([[1, 2, 3, 5]], False)):
        assert call(page, "isCurrent", json.dumps({"data": DATA | {"strokes": strokes}})) is is_current


def test_panel_for_another_copy_begins_on_the_processor(page: Page):
    show(page, "one")
    page.locator(".devices").evaluate("element => { element.hidden = false }")
    page.get_by_role("radio", name="the GPU (WebGPU)").check()
    expect(status(page)).to_have_text("Loading the runtime and the file …")
    show(page, "two", TELLING)
    expect(status(page)).to_have_text("Loads two.")
    expect(page.locator("[value=wasm]")).to_be_checked()
    page.get_by_role("button", name="Start").click()
    expect(status(page)).to_have_text("This browser could not answer. asked on wasm")


@pytest.mark.parametrize(
    ("gpu", "sentence"),
    [
        ("undefined", NO_GPU),
        ("{ requestAdapter: async () => null }", NO_GPU),
        ("{ requestAdapter: async () => { throw new Error('lost') } }", NO_GPU),
        ("{ requestAdapter: async () => ({}) }", ""),
    ],
)
def test_panel_offers_the_gpu_or_says_that_there_is_none(page: Page, gpu: str, sentence: str):
    page.evaluate(f"() => {{ Object.defineProperty(navigator, 'gpu', {{ value: {gpu} }}) }}")
    root = "document.querySelector('#panel')"
    page.evaluate(f"() => window.panel.offerDevices({{ data: {{ hasGpu: true }}, root: {root}, model: 1 }}, 1)")
    expect(page.locator(".device-note")).to_have_text(sentence)
    assert page.locator(".devices").evaluate("element => element.hidden") is bool(sentence)


def test_panel_that_loads_can_be_stopped(page: Page):
    show(page, "one")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(status(page)).to_have_text("Loads one.")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Start")).to_be_visible()


def test_panel_without_a_worker_says_so_and_offers_nothing_else(page: Page):
    show(page, "one", worker=None)
    for part in (".plug", ".devices", ".answers"):
        page.locator(part).evaluate("element => { element.hidden = false }")
    page.get_by_role("button", name="Start").click()
    expect(status(page)).to_contain_text("This browser could not answer. Failed to construct 'Worker'")
    for part in (".plug", ".devices", ".answers", ".cancel"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.get_by_role("button", name="Start")).to_be_visible()


def test_panel_with_a_blank_sheet_takes_the_drawing_of_the_page(page: Page):
    other = [[100, 100, 900, 900]]
    page.evaluate("strokes => { window.roundtripDrawings = new Map([['other', {strokes}]]) }", other)
    page.evaluate(SHOW_CANVAS)
    show(page, "one")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#canvas svg path")).to_have_count(1)
    assert page.evaluate("window.sent") == other
    page.evaluate("window.roundtripDrawings.set('other', {strokes: [[1, 1, 2, 2]]})")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start").click()
    assert page.evaluate("window.sent") == other  # there is a drawing now


@pytest.fixture
def drawing_page(new_page: Callable[..., Page]) -> Page:
    """A page with the script that makes a picture of a drawing."""
    page = new_page()
    source = (HERE / "worker" / "drawing.mjs").read_text()
    page.evaluate(f"async source => {{ window.drawing = await ({LOAD})(source) }}", source)
    return page


def test_drawing_in_the_browser_is_the_picture_of_the_server(drawing_page: Page):
    script = "([strokes, shape]) => Array.from(window.drawing.centerDigit(strokes, shape))"
    three = [300, 200, 500, 150, 700, 250, 650, 450, 450, 500, 650, 600, 700, 800, 500, 880, 300, 800]
    drawings = [[three], [[500, 100, 500, 900]], [[200, 300, 800, 300, 400, 900]], [[500, 500]]]
    for shape, most in (((8, 8), 1 / 16), ((28, 28), 0.2)):
        for strokes in (*drawings, [[100, 100, 900, 900], [900, 100, 100, 900]]):
            ours = np.array(drawing_page.evaluate(script, [strokes, list(shape)])).reshape(shape)
            theirs = center_digit(render_strokes(strokes), shape)
            assert np.abs(ours - theirs).mean() < 0.01, (shape, strokes)
            assert np.abs(ours - theirs).max() <= most, (shape, strokes)
    assert drawing_page.evaluate("() => window.drawing.centerDigit([], [8, 8])") is None
