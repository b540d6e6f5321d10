"""The panel "Pull the plug": the very file of a copy answers in the visitor's browser, while the server is stopped."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.browser_runtimes import (
    BrowserCopy,
    Engine,
    describe_copy,
    encode_array,
    first_rows,
    installed_bytes,
    require_runtimes,
)
from core.errors import PackageMissing, RoundtripError
from core.figures.images import row_image_url
from core.jobs.live_session import LivePrediction, LiveSession
from core.jobs.participants import map_input_names
from core.library import Artifact, Run
from core.text.numbers import format_size
from ui.browser_component import BARS, BUTTON, PICTURE, load_component
from ui.compare.canvas import Drawing, draw_canvas, inputs_from_pixels
from ui.components import escape_markdown, escape_sentence, show_error
from ui.in_browser.verdicts import keep_report, show_verdicts
from ui.routes import browser_rows_url, download_url
from ui.session import current_jobs, load_reference

HERE = Path(__file__).parent
_IN_BROWSER = load_component(HERE, "in_browser", BUTTON, PICTURE, BARS, HERE / "browser_model.js")
# By engine, how the names of the files begin that most browsers load; the rest is small, or for other browsers.
ENTRIES = {
    Engine.ONNX: "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
    Engine.LITERT: "@litertjs/core/wasm/litert_wasm_internal.wasm",
}
PURPOSE = (
    "The very file of a copy answers in this browser: no Python, and no server once it is loaded. Then stop the "
    "server's answers, and go on."
)


def find_browser_copies(run: Run, ids: Sequence[str]) -> dict[str, BrowserCopy]:
    """Return the copies among some that are files for a browser, also those that it cannot run."""
    library = current_jobs().library
    described = {id_: describe_copy(library.artifact(id_), run) for id_ in ids if id_.startswith("a")}
    return {id_: copy for id_, copy in described.items() if copy}


def show_in_browser(
    run: Run, names: Mapping[str, str], open_session: Callable[[], LiveSession], key: str, other_canvas: str = ""
) -> None:
    """Show the panel for the copies of a run that a browser can run, and why it cannot run others.

    Args:
        names: Of the copies, by id; nothing is shown where none is a file for a browser.
        open_session: Gives the session that predicts with these copies, beside which the browser is judged.
        key: Of the panel, one for each place.
        other_canvas: The key of a canvas of the page, whose drawing is taken at the start where this one is blank.
    """
    copies = find_browser_copies(run, list(names))
    if not copies:
        return
    st.header("Pull the plug", anchor=False)
    st.markdown(PURPOSE)
    for id_, copy in copies.items():
        if copy.refusal:
            st.caption(f":material/info: {escape_markdown(names[id_])}: {copy.refusal}")
    usable = {id_: names[id_] for id_, copy in copies.items() if not copy.refusal}
    try:
        require_runtimes()
    except PackageMissing as error:
        st.info(escape_sentence(str(error)), icon=":material/download:")
        return
    if usable and (chosen := _choose_copy(usable, key)):
        _show_panel(run, chosen, copies[chosen].engine, open_session, key, other_canvas)


def _choose_copy(names: Mapping[str, str], key: str) -> str | None:
    if len(names) == 1:
        return next(iter(names))
    return st.segmented_control(
        "Copy that answers in this browser",
        list(names),
        default=next(iter(names)),
        required=True,
        format_func=lambda id_: names[id_],
        key=f"{key}-copy",
    )


@st.fragment
def _show_panel(
    run: Run, id_: str, engine: Engine, open_session: Callable[[], LiveSession], key: str, other_canvas: str
) -> None:
    """Show the canvas beside the answers; a fragment, so that a drawing draws nothing else again."""
    try:
        if not run.image_shape:
            _show_answers(run, id_, engine, open_session, None, key, other_canvas)
            return
        left, right = st.columns([1, 2], gap="large")
        with left:
            drawing = draw_canvas(run.image_shape, f"{key}-canvas")
            if drawing is None:
                _show_example(run, run.image_shape)
        with right:
            _show_answers(run, id_, engine, open_session, drawing, key, other_canvas)
    except RoundtripError as error:  # it is also drawn alone
        show_error(error)


def _show_example(run: Run, shape: tuple[int, int]) -> None:
    """Show what is answered while the sheet is blank."""
    _, inputs = _row_inputs(run, 0)
    caption = "Until you draw: the first test example."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(row_image_url(next(iter(inputs.values()))[0], shape, 72), width=72, alt=caption)
        st.caption(caption, width="stretch")


def _show_answers(
    run: Run,
    id_: str,
    engine: Engine,
    open_session: Callable[[], LiveSession],
    drawing: Drawing | None,
    key: str,
    other_canvas: str,
) -> None:
    row, inputs = _row_inputs(run, _selected_row(key))
    if drawing:
        inputs = inputs_from_pixels(run, drawing.pixels)
    session = open_session()
    prediction = _ask_server(session, inputs, id_) if _is_started(key) else None
    artifact = current_jobs().library.artifact(id_)
    data = _describe_task(run, artifact, engine, key) | _describe_input(drawing, row)
    data |= describe_answer(run, prediction, session.own_output_names(id_)) | {"otherCanvas": other_canvas}
    state = _IN_BROWSER(
        key=f"{key}-panel",
        data=data,
        on_started_change=_nothing,
        on_row_change=_nothing,
        on_report_change=_nothing,
    )
    if state.report:
        keep_report(run, state.report, session)
    show_verdicts(artifact, engine)


def _ask_server(session: LiveSession, inputs: Arrays, id_: str) -> LivePrediction:
    """Return the server's answer of one copy, which is loaded now where it is not."""
    if not session.has_loaded(id_):
        with st.spinner("Loading the copy on the server, in a process of its own …"):
            session.load([id_])
    return session.predict(inputs, [id_])[id_]


def _nothing() -> None:
    """Have Streamlit keep the state of that name."""


def _selected_row(key: str) -> int:
    """Return the row of the test examples that is chosen in a panel."""
    row = st.session_state.get(f"{key}-panel", {}).get("row") or 0
    return int(row) if isinstance(row, (int, float)) else 0


def _is_started(key: str) -> bool:
    """Whether a browser was asked to answer in a panel."""
    return bool(st.session_state.get(f"{key}-panel", {}).get("started"))


def _describe_task(run: Run, artifact: Artifact, engine: Engine, key: str) -> dict[str, Any]:
    """What the browser needs to run a copy; the same for every answer."""
    from ui.routes.browser_runtimes import worker_url

    own_names = map_input_names(current_jobs().library, artifact.id, [spec["name"] for spec in run.inputs])
    runtime = format_size(installed_bytes(ENTRIES[engine]))
    return {
        "copy": artifact.id,
        "canvas": f"{key}-canvas",
        "engine": engine.value,
        "worker": worker_url(),
        "address": download_url([artifact.id]),
        "sha256": artifact.files[0].sha256,
        "rows": browser_rows_url(run.id),
        "inputs": [_describe_spec(spec, own_names) for spec in run.inputs],
        "shape": list(run.image_shape) if run.image_shape else None,
        "hasGpu": engine is Engine.ONNX,
        "serverName": "Server",
        "start": "Answer in this browser",
        "offer": f"Loads {engine.label} ({runtime}) and the file ({format_size(artifact.bytes)}) from this server.",
        "labels": run.labels,
    }


def _describe_spec(spec: Mapping[str, Any], own_names: Mapping[str, str]) -> dict[str, Any]:
    name = spec["name"]
    return {
        "name": name,
        "own": own_names.get(name, name),
        "dtype": spec["dtype"],
        "sizes": [size or 1 for size in spec["shape"][1:]],
    }


def _describe_input(drawing: Drawing | None, row: int) -> dict[str, Any]:
    """To what the server answers now: a drawing (None while the canvas is blank), or a row."""
    return {
        "strokes": drawing.strokes if drawing else [],
        "pixels": encode_array("pixels", drawing.pixels.reshape(-1)) if drawing else None,
        "row": row,
    }


def describe_answer(run: Run, prediction: LivePrediction | None, own_names: Mapping[str, str]) -> dict[str, Any]:
    """What the server answers now, and which output of the file that is.

    Args:
        prediction: None where the server was not asked.
        own_names: How the file calls its outputs, by the run's names.

    Returns: the numbers of the output with one for each class, else of the first, None in place of what is no finite
    number (JSON has none); and the file's name of that output, None where it is not known. Both None without an answer.
    """
    if prediction is None or prediction.error or not prediction.outputs:
        return {"server": None, "output": None}
    rows = {name: output[0].reshape(-1) for name, output in prediction.outputs.items()}
    chosen = next((name for name, values in rows.items() if values.size == len(run.labels)), next(iter(rows)))
    numbers = [float(value) if np.isfinite(value) else None for value in rows[chosen]]
    return {"server": numbers, "output": own_names.get(chosen)}


def _row_inputs(run: Run, row: int) -> tuple[int, Arrays]:
    """Return one of the first rows of a run's reference, as inputs, and which one it is."""
    rows = first_rows(load_reference(run.id))
    row = min(max(row, 0), len(next(iter(rows.values()))) - 1)
    return row, {name: array[row : row + 1] for name, array in rows.items()}
