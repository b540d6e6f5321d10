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
from core.jobs.live_session import LivePrediction, LiveSession
from core.jobs.participants import map_input_names
from core.library import Artifact, Run
from core.text.numbers import format_size
from ui.browser_component import BARS, PICTURE, load_component
from ui.compare.canvas import Drawing, draw_canvas, inputs_from_pixels, keep_strokes, kept_strokes
from ui.components import escape_markdown, show_error
from ui.in_browser.verdicts import keep_report, show_verdicts
from ui.routes import browser_rows_url, download_url
from ui.session import current_jobs, load_reference

HERE = Path(__file__).parent
_IN_BROWSER = load_component(HERE, "in_browser", PICTURE, BARS, HERE / "browser_model.js")
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
        other_canvas: The key of a canvas of the page, whose drawing this one begins with.
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
        st.info(escape_markdown(str(error)), icon=":material/download:")
        return
    if usable and (chosen := _choose_copy(usable, key)):
        _share_drawing(key, other_canvas)
        _show_panel(run, chosen, copies[chosen].engine, open_session, key)


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


def _share_drawing(key: str, other_canvas: str) -> None:
    """Have the canvas of a panel begin with the drawing of another one."""
    if strokes := kept_strokes(other_canvas):
        keep_strokes(f"{key}-canvas", strokes)


@st.fragment
def _show_panel(run: Run, id_: str, engine: Engine, open_session: Callable[[], LiveSession], key: str) -> None:
    """Show the canvas beside the answers; a fragment, so that a drawing draws nothing else again."""
    try:
        if not run.image_shape:
            _show_answers(run, id_, engine, open_session, None, key)
            return
        left, right = st.columns([1, 2], gap="large")
        with left:
            drawing = draw_canvas(run.image_shape, f"{key}-canvas")
        with right:
            _show_answers(run, id_, engine, open_session, drawing, key)
    except RoundtripError as error:  # it is also drawn alone
        show_error(error)


def _show_answers(
    run: Run, id_: str, engine: Engine, open_session: Callable[[], LiveSession], drawing: Drawing | None, key: str
) -> None:
    row, inputs = _row_inputs(run, _selected_row(key))
    if drawing:
        inputs = inputs_from_pixels(run, drawing.pixels)
    session = open_session()
    predictions = session.predict(inputs, [id_]) if _is_started(key) else {}
    artifact = current_jobs().library.artifact(id_)
    data = _describe_task(run, artifact, engine, key) | _describe_input_and_answer(
        run, drawing, row, predictions.get(id_)
    )
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
        "inputs": [_describe_input(spec, own_names) for spec in run.inputs],
        "shape": list(run.image_shape) if run.image_shape else None,
        "hasGpu": engine is Engine.ONNX,
        "serverName": "Server",
        "start": "Answer in this browser",
        "offer": f"Loads {engine.label} ({runtime}) and the file ({format_size(artifact.bytes)}) from this server.",
        "labels": run.labels,
    }


def _describe_input(spec: Mapping[str, Any], own_names: Mapping[str, str]) -> dict[str, Any]:
    name = spec["name"]
    return {
        "name": name,
        "own": own_names.get(name, name),
        "dtype": spec["dtype"],
        "sizes": [size or 1 for size in spec["shape"][1:]],
    }


def _describe_input_and_answer(
    run: Run, drawing: Drawing | None, row: int, prediction: LivePrediction | None
) -> dict[str, Any]:
    """What the server answers now, and to what: a drawing (None while the canvas is blank), or a row."""
    return {
        "points": sum(map(len, drawing.strokes)) if drawing else 0,
        "pixels": encode_array("pixels", drawing.pixels.reshape(-1)) if drawing else None,
        "row": row,
        "server": _server_values(run, prediction),
    }


def _server_values(run: Run, prediction: LivePrediction | None) -> list[float] | None:
    """The numbers of the output with one for each class, else of the first output; None where there is no answer."""
    if prediction is None or prediction.error:
        return None
    outputs = [output[0] for output in prediction.outputs.values()]
    values = next((output for output in outputs if output.size == len(run.labels)), outputs[0])
    return [float(value) for value in np.nan_to_num(values.reshape(-1))]


def _row_inputs(run: Run, row: int) -> tuple[int, Arrays]:
    """Return one of the first rows of a run's reference, as inputs, and which one it is."""
    rows = first_rows(load_reference(run.id))
    row = min(max(row, 0), len(next(iter(rows.values()))) - 1)
    return row, {name: array[row : row + 1] for name, array in rows.items()}
