"""What the Bring in page shows: what is taken, the files, what was checked, and what came of it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.demos.base import Demo
from core.errors import RoundtripError, from_json
from core.formats import get_format
from core.inputs.fitting import shape_words
from core.jobs import Jobs
from core.jobs.uploads import receive
from core.library.job_store import Job
from core.runtimes.adapters import choose_signature
from core.text.labels import size
from ui.components import plain, show_error, trust_badge, verdict_badge
from ui.navigation import PAGES, go
from ui.routes import download_address
from ui.session import current_jobs

TAKEN = (
    "Bring in `.keras`, `.h5`, `.weights.h5` with its architecture as `.json`, `.tflite`, `.onnx`, OpenVINO's `.xml` "
    "with its `.bin`, or a `.zip` of a SavedModel, a checkpoint or OpenVINO's files."
)
CHECKED = (
    "Every file is held against a list of what a model may contain, then loaded in a sandboxed process that reaches "
    "nothing but that file. That tells what was checked, not what a stranger meant."
)
RUN_NOW = "Where the sandbox works by now, it is looked into, loaded and asked. It keeps its tags, note and aliases."
BRING_IN = "bring-this-in"  # the key of the button
TWO = "Weights and their architecture, or OpenVINO's two files, are chosen together."
RULE_MEANS = "The name of the check that it did not pass. It stays the same, for scripts and for questions."


def say_what_is_taken(jobs: Jobs) -> None:
    """What can be brought in, what is checked, and whether it can be run here."""
    st.markdown(TAKEN)
    st.caption(CHECKED)
    state = jobs.worker.state()
    if state.phase == "ready" and not jobs.config.run_unconfined:
        found = _self_test(jobs)
        if not found.blocked:
            st.warning(
                "The sandbox is not whole on this computer, so a file that you bring in is checked, kept and can be "
                f"downloaded, but it is not run. {plain(found.sentence)}",
                icon=":material/gpp_maybe:",
            )


@st.cache_data(show_spinner="Trying the sandbox …", ttl=3600)
def _self_test(_jobs: Jobs) -> Any:
    return _jobs.worker.self_test()


def ask_files(demos: Sequence[Demo]) -> dict[str, Any] | None:
    """The form; what was filled in when it is sent."""
    with st.form("bring-in", enter_to_submit=False):
        # Of any ending: what a file of another one is, and what to do with it, the gate says and not the browser.
        files = st.file_uploader("Model", None, accept_multiple_files=True, key="brought", help=TWO)
        st.caption(_larger())
        name = st.text_input("Name", placeholder="as the file", help="What it is to be called in the library.")
        with st.expander("For checkpoints, and for models with several signatures", icon=":material/tune:"):
            demo, signature = _ask_more(demos)
        sent = st.form_submit_button("Bring in", type="primary", icon=":material/upload_file:", key=BRING_IN)
    if not sent:
        return None
    return {"files": files, "label": name.strip(), "demo": demo, "signature": signature.strip()}


def _larger() -> str:
    """How much a browser may send, and the way for what is larger."""
    here, most = st.get_option("server.maxUploadSize"), current_jobs().config.upload_mib
    command = "or a folder: `python -m core import PATH`"
    if most <= here:
        return f"Up to {most:,} MiB each; {command}."
    return f"Up to {here:,} MiB each. Larger, up to {most:,} MiB, {command}."


def _ask_more(demos: Sequence[Demo]) -> tuple[str | None, str]:
    """Whose code builds the layers of a checkpoint, and which signature is asked; what few files need."""
    left, right = st.columns(2)
    labels = {demo.key: demo.label for demo in demos}
    demo = left.selectbox(
        "Code of a demo",
        [None, *labels],
        format_func=lambda key: labels.get(key, "none"),
        help="Only for a checkpoint: it holds numbers alone, and the demo's code builds the layers for them.",
    )
    signature = right.text_input(
        "Signature",
        placeholder="serving_default, or the first one",
        help="A named way to ask the model. Only where a SavedModel or LiteRT file has several; they are listed "
        "afterwards, too.",
    )
    return demo, signature


def begin(jobs: Jobs, given: dict[str, Any]) -> Job | None:
    """Copy the files to the disk, let go of what the widget holds, and begin."""
    files = given.pop("files")
    if not files:
        st.warning("Choose a file first.", icon=":material/upload_file:")
        return None
    try:
        received = receive(jobs.library, [(one.name, one) for one in files])
        job = jobs.bring_in(**received.asked(), **given)
    except RoundtripError as error:
        show_error(error)
        return None
    st.session_state.pop("brought", None)
    return job


def show_name(job: Job) -> None:
    """What is being brought in, and whether it was let in."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(job.title), anchor=False, width="content")
        if job.state == "failed":
            said = "Not run" if job.request.get("again") else "Not brought in"
            st.badge(said, icon=":material/block:", color="red")


def draw_import(job: Job) -> None:
    """What was checked so far; of a refusal, its rule."""
    if not job.active and job.state == "failed" and job.error:
        error = from_json(job.error)
        rule = getattr(error, "rule", "")
        again = job.request.get("again")
        kept = "What had been kept stays as it was." if again else "Nothing of the file was kept."
        st.caption(f"{kept} Rule: {plain(rule)}" if rule else kept, help=RULE_MEANS if rule else None)
    if job.state != "done":
        show_checks(job.detail.get("checks") or [])


def show_checks(checks: list[dict[str, str]]) -> None:
    """Each check that was passed, in order, with what there is to remark; what was left out has another sign."""
    for one in checks:
        sign = ":orange[:material/remove:]" if one.get("left") else ":green[:material/check:]"
        st.markdown(f"{sign} {plain(one['what'])}." + _remark(one))


def _remark(check: dict[str, str]) -> str:
    return f"  \n:gray[{plain(check['remark'])}]" if check["remark"] else ""


def show_import(jobs: Jobs, job: Job) -> None:
    """The verdict, what it is, what it takes and gives, what was checked, and the next clicks."""
    found = job.result
    one = get_format(found["format"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(found["name"]), anchor=False, width="content")
        trust_badge("brought in")
        verdict_badge(found["verdict"])
    st.markdown(_what_it_is(one.label, found))
    if found["verdict"] == Verdict.NOT_RUN:
        offer_to_run(found["artifact"], found["error"])
    _next_clicks(found)
    left, right = st.columns(2)
    with left:
        _ports("Takes", found["inputs"])
        _ports("Gives", found["outputs"])
    with right, st.container(border=True):
        st.markdown("**What was checked**")
        show_checks(found["checks"])
    _other_signatures(jobs, found)


def offer_to_run(artifact_id: str, error: dict[str, str]) -> None:
    """That a file was only kept, and why; the next clicks are to run it, where that is possible by now, and to take
    it."""
    said = from_json(error)
    st.warning(
        plain(f"{said.sentence} It was checked and kept, and you can download it."), icon=":material/pause_circle:"
    )
    st.caption(plain(said.cure))
    with st.container(horizontal=True):
        if st.button("Run it now", icon=":material/play_arrow:", key=f"run-{artifact_id}", help=RUN_NOW):
            go("bring-in", job=current_jobs().bring_in_again(artifact_id).id)
        st.link_button("Download", download_address([artifact_id]), icon=":material/download:")


def _what_it_is(label: str, found: dict[str, Any]) -> str:
    numbers = f" · {found['parameters']:,} parameters" if found["parameters"] else ""
    return plain(f"{label} · {size(found['bytes'])}{numbers} · {found['artifact']}")


def _next_clicks(found: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        if "inspect" in PAGES and st.button("Inspect", icon=":material/search:"):
            go("inspect", artifact=found["artifact"])
        runs = found["verdict"] != Verdict.NOT_RUN
        if st.button("Convert", type="primary", icon=":material/transform:", disabled=not runs):
            go("save", run=found["run"])
        if st.button("Compare", icon=":material/compare_arrows:", disabled=not runs):
            go("compare", artifact=found["artifact"])


def _ports(title: str, specs: list[dict[str, Any]]) -> None:
    if not specs:
        return
    st.markdown(f"**{title}**")
    columns = {
        "Name": [one["name"] for one in specs],
        "One row": ["of any shape" if one["shape"] is None else shape_words(one["shape"][1:]) for one in specs],
        "Kind of value": ["text" if one["dtype"] == "object" else one["dtype"] for one in specs],
    }
    st.dataframe(columns, hide_index=True, alt=f"What the model {title.lower()}")


def _other_signatures(jobs: Jobs, found: dict[str, Any]) -> None:
    """Where a file can be asked in several ways: bring the very same bytes in once more, through another."""
    if len(found["signatures"]) < 2:
        return
    asked, _ = choose_signature(found["signatures"], found["signature"])
    others = [name for name in found["signatures"] if name != asked]
    with st.container(border=True):
        st.markdown(
            f"**It can be asked in {len(found['signatures'])} ways**; here it is asked through “{plain(asked)}”."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox("Signature", others, key=f"signature-{found['artifact']}", width=320)
            pressed = st.button("Bring it in through this one", icon=":material/alt_route:")
    if pressed:
        go("bring-in", job=_again(jobs, found, chosen).id)


def _again(jobs: Jobs, found: dict[str, Any], signature: str) -> Job:
    return jobs.bring_in_again(found["artifact"], signature=signature, label=f"{found['name']} · {signature}")
