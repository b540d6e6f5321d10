"""What the Bring in page shows: what is taken, the files, what was checked, and what came of it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.demos.base import Demo
from core.errors import RoundtripError, error_from_json
from core.formats import get_format
from core.inputs.fitting import describe_shape
from core.jobs import Jobs
from core.jobs.uploads import store_upload
from core.library.job_store import Job
from core.runtimes.adapters import choose_signature
from core.text.labels import format_size
from ui.artifact_detail import show_not_run
from ui.components import escape_markdown, show_error, trust_badge, verdict_badge
from ui.navigation import PAGES, go
from ui.session import current_jobs

ACCEPTED_FILES = (
    "Bring in `.keras`, `.h5`, `.weights.h5` with its architecture as `.json`, `.tflite`, `.onnx`, OpenVINO's `.xml` "
    "with its `.bin`, or a `.zip` of a SavedModel, a checkpoint or OpenVINO's files."
)
VALIDATION_CAPTION = (
    "Every file is held against a list of what a model may contain, then loaded in a sandboxed process that reaches "
    "nothing but that file. That tells what was checked, not what a stranger meant."
)
IMPORT_BUTTON = "bring-this-in"  # the key of the button
FILES_HELP = "Weights and their architecture, or OpenVINO's two files, are chosen together."
RULE_HELP = "The name of the check that it did not pass. It stays the same, for scripts and for questions."


def show_accepted_files(jobs: Jobs) -> None:
    """What can be brought in, what is checked, and whether it can be run here."""
    st.markdown(ACCEPTED_FILES)
    st.caption(VALIDATION_CAPTION)
    state = jobs.worker.state()
    if state.phase == "ready" and not jobs.config.run_unconfined:
        found = _cached_sandbox_check(jobs)
        if not found.blocked:
            st.warning(
                "The sandbox is not whole on this computer, so a file that you bring in is checked, kept and can be "
                f"downloaded, but it is not run. {escape_markdown(found.sentence)}",
                icon=":material/gpp_maybe:",
            )


@st.cache_data(show_spinner="Trying the sandbox …", ttl=3600)
def _cached_sandbox_check(_jobs: Jobs) -> Any:
    return _jobs.worker.run_sandbox_check()


def show_import_form(demos: Sequence[Demo]) -> dict[str, Any] | None:
    """The form; what was filled in when it is sent."""
    with st.form("bring-in", enter_to_submit=False):
        # Of any ending: what a file of another one is, and what to do with it, the gate says and not the browser.
        files = st.file_uploader("Model", None, accept_multiple_files=True, key="brought", help=FILES_HELP)
        st.caption(_upload_limits())
        name = st.text_input("Name", placeholder="as the file", help="What it is to be called in the library.")
        with st.expander("For checkpoints, and for models with several signatures", icon=":material/tune:"):
            demo, signature = _show_advanced_fields(demos)
        sent = st.form_submit_button("Bring in", type="primary", icon=":material/upload_file:", key=IMPORT_BUTTON)
    if not sent:
        return None
    return {"files": files, "label": name.strip(), "demo": demo, "signature": signature.strip()}


def _upload_limits() -> str:
    """How much a browser may send, and the way for what is larger."""
    here, most = st.get_option("server.maxUploadSize"), current_jobs().config.upload_mib
    command = "or a folder: `roundtrip import PATH`"
    if most <= here:
        return f"Up to {most:,} MiB each; {command}."
    return f"Up to {here:,} MiB each. Larger, up to {most:,} MiB, {command}."


def _show_advanced_fields(demos: Sequence[Demo]) -> tuple[str | None, str]:
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


def start_import(jobs: Jobs, request: dict[str, Any]) -> Job | None:
    """Copy the files to the disk, let go of what the widget holds, and begin."""
    files = request.pop("files")
    if not files:
        st.warning("Choose a file first.", icon=":material/upload_file:")
        return None
    try:
        received = store_upload(jobs.library, [(one.name, one) for one in files])
        job = jobs.import_model(**received._asdict(), **request)
    except RoundtripError as error:
        show_error(error)
        return None
    st.session_state.pop("brought", None)
    return job


def show_import_title(job: Job) -> None:
    """What is being brought in, and whether it was let in."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(job.title), anchor=False, width="content")
        if job.state == "failed":
            said = "Not run" if job.request.get("again") else "Not brought in"
            st.badge(said, icon=":material/block:", color="red")


def draw_import_progress(job: Job) -> None:
    """What was checked so far; of a refusal, its rule."""
    if not job.is_active and job.state == "failed" and job.error:
        error = error_from_json(job.error)
        rule = getattr(error, "rule", "")
        again = job.request.get("again")
        kept = "What had been kept stays as it was." if again else "Nothing of the file was kept."
        st.caption(f"{kept} Rule: {escape_markdown(rule)}" if rule else kept, help=RULE_HELP if rule else None)
    if job.state != "done":
        show_validation_checks(job.detail.get("checks") or [])


def show_validation_checks(checks: list[dict[str, str]]) -> None:
    """Each check that was passed, in order, with what there is to remark; what was left out has another sign."""
    for one in checks:
        sign = ":orange[:material/remove:]" if one.get("left") else ":green[:material/check:]"
        st.markdown(f"{sign} {escape_markdown(one['what'])}." + _remark_text(one))


def _remark_text(check: dict[str, str]) -> str:
    return f"  \n:gray[{escape_markdown(check['remark'])}]" if check["remark"] else ""


def show_import_result(jobs: Jobs, job: Job) -> None:
    """The verdict, what it is, what it takes and gives, what was checked, and the next clicks."""
    found = job.result
    one = get_format(found["format"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(found["name"]), anchor=False, width="content")
        trust_badge("brought in")
        verdict_badge(found["verdict"])
    st.markdown(_summary_line(one.label, found))
    if found["verdict"] == Verdict.NOT_RUN:
        show_not_run(found["artifact"], found["error"])
    _show_next_actions(found)
    left, right = st.columns(2)
    with left:
        _show_specs("Takes", found["inputs"])
        _show_specs("Gives", found["outputs"])
    with right, st.container(border=True):
        st.markdown("**What was checked**")
        show_validation_checks(found["checks"])
    _offer_other_signatures(jobs, found)


def _summary_line(label: str, result: dict[str, Any]) -> str:
    numbers = f" · {result['parameters']:,} parameters" if result["parameters"] else ""
    return escape_markdown(f"{label} · {format_size(result['bytes'])}{numbers} · {result['artifact']}")


def _show_next_actions(result: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        if "inspect" in PAGES and st.button("Inspect", icon=":material/search:"):
            go("inspect", artifact=result["artifact"])
        runs = result["verdict"] != Verdict.NOT_RUN
        if st.button("Convert", type="primary", icon=":material/transform:", disabled=not runs):
            go("save", run=result["run"])
        if st.button("Compare", icon=":material/compare_arrows:", disabled=not runs):
            go("compare", artifact=result["artifact"])


def _show_specs(title: str, specs: list[dict[str, Any]]) -> None:
    if not specs:
        return
    st.markdown(f"**{title}**")
    columns = {
        "Name": [one["name"] for one in specs],
        "One row": ["of any shape" if one["shape"] is None else describe_shape(one["shape"][1:]) for one in specs],
        "Kind of value": ["text" if one["dtype"] == "object" else one["dtype"] for one in specs],
    }
    st.dataframe(columns, hide_index=True, alt=f"What the model {title.lower()}")


def _offer_other_signatures(jobs: Jobs, result: dict[str, Any]) -> None:
    """Where a file can be asked in several ways: bring the very same bytes in once more, through another."""
    if len(result["signatures"]) < 2:
        return
    asked, _ = choose_signature(result["signatures"], result["signature"])
    others = [name for name in result["signatures"] if name != asked]
    with st.container(border=True):
        st.markdown(
            f"**It can be asked in {len(result['signatures'])} ways**; here it is asked through "
            f"“{escape_markdown(asked)}”."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox("Signature", others, key=f"signature-{result['artifact']}", width=320)
            pressed = st.button("Bring it in through this one", icon=":material/alt_route:")
    if pressed:
        go("bring-in", job=_import_again(jobs, result, chosen).id)


def _import_again(jobs: Jobs, result: dict[str, Any], signature: str) -> Job:
    return jobs.reimport_model(result["artifact"], signature=signature, label=f"{result['name']} · {signature}")
