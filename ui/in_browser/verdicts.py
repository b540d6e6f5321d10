"""What browsers answered to the test examples, judged beside the server's answers, and what it cost."""

from typing import NamedTuple

import streamlit as st

from core.browser_runtimes import BrowserReport, Engine, decode_outputs, first_rows, parse_report
from core.browser_runtimes.exchange import Costs
from core.compare import Comparison, compare, std_by_output
from core.errors import InputError
from core.jobs.live_session import LiveSession
from core.library import Artifact, Run
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_size
from ui.components import verdict_badge
from ui.session import load_reference

REPORTS = "browser-reports"  # in the session: by copy and device, what was judged
DEVICES = {"wasm": "the processor", "webgpu": "the GPU (WebGPU)"}


class Judged(NamedTuple):
    """A browser's answers beside the server's, and what it measured."""

    comparison: Comparison
    costs: Costs


def keep_report(run: Run, document: object, session: LiveSession) -> None:
    """Judge what a browser says it answered, and keep it in the session.

    Raises InputError where it cannot be read, or is of no copy of the session, and what stopped the server's answer.
    """
    report = parse_report(document)
    if report.copy_id not in session.ids or report.device not in DEVICES:
        raise InputError("This browser answered for another copy.", received=report.copy_id, cure="Reload the page.")
    judged = Judged(judge(run, report, session), report.costs)
    st.session_state.setdefault(REPORTS, {})[report.copy_id, report.device] = judged


def judge(run: Run, report: BrowserReport, session: LiveSession) -> Comparison:
    """Compare a browser's answers to the first rows of the reference with the server's to the same rows, asked now."""
    reference = load_reference(run.id)
    prediction = session.predict(first_rows(reference), [report.copy_id])[report.copy_id]
    if prediction.error:
        raise prediction.error
    spreads = std_by_output(reference.predictions)
    return compare(prediction.outputs, decode_outputs(report), bool(run.labels) or None, reference_std=spreads)


def show_verdicts(artifact: Artifact, engine: Engine) -> None:
    """Show the verdict for each device on which this session's browser answered, and what that cost."""
    for (id_, device), judged in st.session_state.get(REPORTS, {}).items():
        if id_ == artifact.id:
            _show_judged(judged, f"{engine.label} on {DEVICES[device]}")


def _show_judged(judged: Judged, label: str) -> None:
    comparison, costs = judged
    with st.container(horizontal=True, vertical_alignment="center"):
        verdict_badge(comparison.verdict, comparison.changed_rows, comparison.rows)
        st.markdown(
            f"{label}, beside the server on the same {pluralize(comparison.rows, 'test example')}: "
            f"numbers differ by at most {comparison.max_abs:.2g}.",
            width="content",
        )
    measured = {
        "File": format_size(costs.bytes),
        "Loaded after": _milliseconds(costs.loaded),
        "First answer": _milliseconds(costs.first),
        "One answer, median": _milliseconds(costs.p50),
        "95 % within": _milliseconds(costs.p95),
    }
    with st.container(horizontal=True):
        for name, value in measured.items():
            st.metric(name, value, width="content")


def _milliseconds(value: float) -> str:
    return f"{value:.2g} ms" if value < 9.95 else format_duration(value / 1000)
