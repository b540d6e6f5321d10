"""Parts of the Import page: what is accepted, the form, what was checked, and the result."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from core.compare import Verdict
from core.demos.base import Demo
from core.errors import RoundtripError, error_from_json
from core.formats import get_format
from core.inputs.fitting import describe_shape
from core.jobs import Jobs
from core.jobs.imports.import_request import parse_shapes
from core.jobs.uploads import store_upload
from core.library.job_store import Job
from core.runtimes.signatures import choose_signature
from core.text.numbers import format_size
from ui.components import escape_markdown, show_error, show_ids, trust_badge
from ui.findings import show_verdict_and_losses
from ui.navigation import go
from ui.routes import download_url
from ui.session import current_jobs
from ui.uploader import ChosenFiles, choose_files, forget_files

ACCEPTED_FILES = (
    "Import `.keras`, `.h5`, `.weights.h5` with its architecture as `.json`, `.tflite`, `.onnx`, OpenVINO's `.xml` "
    "with its `.bin`, or a `.zip` of one file, MLflow's folder of a Keras model or a `tf.Module`, a SavedModel, "
    "a checkpoint, OpenVINO's files, weights in shards with their architecture, or an `.onnx` with the "
    "files of its numbers."
)
VALIDATION_CAPTION = (
    "Every file is checked against a list of what a model may contain, then loaded in a sandboxed process that reaches "
    "nothing but that file. That says what was checked, not what its author meant."
)
IMPORT_BUTTON = "import-model"  # the key of the button
FILES_KEY = "imported-files"  # of the control that sends them
FILES_HELP = "Weights and their architecture, or OpenVINO's two files, are chosen together."
RULE_HELP = "The name of the check that it did not pass. It stays the same, for scripts and for questions."
RUN_NOW_HELP = (
    "Where the sandbox works by now, it is looked into, loaded and asked. It keeps its tags, note and aliases."
)


def show_accepted_files(jobs: Jobs) -> None:
    """Show which files can be imported, what is checked, and whether they can be run here."""
    st.markdown(ACCEPTED_FILES)
    st.caption(VALIDATION_CAPTION)
    if jobs.worker.state().phase != "ready" or jobs.config.run_unconfined:
        return
    check = _cached_sandbox_check(jobs)
    if not check.blocked:
        st.warning(
            "The sandbox is not whole on this computer, so a file that you import is checked, kept and can be "
            f"downloaded, but it is not run. {escape_markdown(check.sentence)}",
            icon=":material/gpp_maybe:",
        )


@st.cache_data(show_spinner="Trying the sandbox …", ttl=3600)
def _cached_sandbox_check(_jobs: Jobs) -> Any:
    return _jobs.worker.run_sandbox_check()


class ImportForm(NamedTuple):
    """The values of the form; empty where nothing is filled in."""

    files: ChosenFiles
    label: str
    demo: str | None
    signature: str
    shapes: str = ""  # INPUT=SIZExSIZE, with commas between
    keeps_state: bool = False


def show_import_form(demos: Sequence[Demo]) -> ImportForm | None:
    """Show the form. Returns its values when it is submitted, else None."""
    # Any ending is allowed: for an unsupported file the validation explains more than the browser would.
    files = choose_files("Model", FILES_KEY, help_=FILES_HELP)
    st.caption("A folder is imported from the command line: `roundtrip import PATH`.")
    with st.form("import", enter_to_submit=False):
        name = st.text_input("Name", placeholder="as the file", help="What it is to be called in the library.")
        with st.expander("For checkpoints, several signatures, free sizes, and state", icon=":material/tune:"):
            demo, signature = _show_advanced_fields(demos)
            shapes, keeps_state = _show_asking_fields()
        is_submitted = st.form_submit_button("Import", type="primary", icon=":material/upload_file:", key=IMPORT_BUTTON)
    if not is_submitted:
        return None
    return ImportForm(files, name.strip(), demo, signature.strip(), shapes, keeps_state)


def _show_advanced_fields(demos: Sequence[Demo]) -> tuple[str | None, str]:
    """Show the fields that few files need: the demo whose code builds a checkpoint's layers, and the signature."""
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


def _show_asking_fields() -> tuple[str, bool]:
    """Show the fields that say how the model is asked: the shape of a row, and whether its state is kept."""
    left, right = st.columns(2, vertical_alignment="bottom")
    shapes = left.text_input(
        "Shape of a row",
        placeholder="found by trying",
        help="Where the file leaves sizes free: INPUT=SIZExSIZE, as in x=200x4; several with commas between them.",
    )
    keeps_state = right.checkbox(
        "Keep state",
        help="For a model that remembers from call to call: rows are then one sequence. Else each begins anew.",
    )
    return shapes, keeps_state


def start_import(jobs: Jobs, form: ImportForm) -> Job | None:
    """Start the job; None where nothing was chosen, or it was refused, which is said."""
    if form.files.pending or not form.files.files:
        text = "The file is still on its way. Wait until it was sent." if form.files.pending else "Choose a file first."
        st.warning(text, icon=":material/upload_file:")
        return None
    try:
        shapes = parse_shapes(filter(str.strip, form.shapes.split(",")))
        upload = store_upload(jobs.library, form.files.files)
        job = jobs.import_model(
            **upload._asdict(),
            label=form.label,
            demo=form.demo,
            signature=form.signature,
            shapes=shapes,
            keeps_state=form.keeps_state,
        )
    except RoundtripError as error:
        show_error(error)
        return None
    forget_files(FILES_KEY, form.files)
    return job


def show_import_title(job: Job) -> None:
    """Show the name of what is imported, with a badge where it was refused."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escape_markdown(job.title), anchor=False, width="content")
        if job.state == "failed":
            label = "Not run" if job.request.get("again") else "Not imported"
            st.badge(label, icon=":material/block:", color="red")


def draw_import_progress(job: Job) -> None:
    """Draw the checks so far, and the rule of a refusal."""
    if not job.is_active and job.state == "failed" and job.error:
        rule = getattr(error_from_json(job.error), "rule", "")
        is_reimport = job.request.get("again")
        text = "What had been kept stays as it was." if is_reimport else "Nothing of the file was kept."
        st.caption(f"{text} Rule: {escape_markdown(rule)}" if rule else text, help=RULE_HELP if rule else None)
    if job.state != "done":
        show_validation_checks(job.detail.get("checks") or [])


def show_validation_checks(checks: list[dict[str, str]]) -> None:
    """Show each passed check, in order, with its remark; a check that was left out has another sign."""
    for check in checks:
        sign = ":orange[:material/remove:]" if check.get("left") else ":green[:material/check:]"
        remark = f"  \n:gray[{escape_markdown(check['remark'])}]" if check["remark"] else ""
        st.markdown(f"{sign} {escape_markdown(check['what'])}.{remark}")


def show_import_result(jobs: Jobs, job: Job) -> None:
    """Show the verdict of an imported model, the next actions, its inputs and outputs, and the checks."""
    result = job.result
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escape_markdown(result["name"]), anchor=False, width="content")
        trust_badge("brought in")
        show_verdict_and_losses(result["artifact"], result["verdict"])
    parameters = [f"{result['parameters']:,} parameters"] if result["parameters"] else []
    facts = [get_format(result["format"]).label, format_size(result["bytes"]), *parameters]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape_markdown(" · ".join(facts)), width="content")
        show_ids({"Artifact": result["artifact"], "Run": result["run"]})
    if result["verdict"] == Verdict.NOT_RUN:
        show_not_run(result["artifact"], result["error"])
    if result["verdict"] == Verdict.NOT_VERIFIED:
        show_error(result["error"])
    _show_next_actions(result)
    left, right = st.columns(2)
    with left:
        _show_specs("Takes", result["inputs"])
        _show_specs("Gives", result["outputs"])
    with right, st.container(border=True):
        st.markdown("**What was checked**")
        show_validation_checks(result["checks"])
    _offer_other_signatures(jobs, result)


def _show_next_actions(result: dict[str, Any]) -> None:
    not_run = result["verdict"] == Verdict.NOT_RUN
    with st.container(horizontal=True):
        if st.button("Inspect", icon=":material/search:"):
            go("inspect", artifact=result["artifact"])
        if st.button("Convert", type="primary", icon=":material/transform:", disabled=not_run):
            go("save", run=result["run"])
        if st.button("Compare", icon=":material/compare_arrows:", disabled=not_run):
            go("compare", artifact=result["artifact"])


def _show_specs(title: str, specs: list[dict[str, Any]]) -> None:
    if not specs:
        return
    st.markdown(f"**{title}**")
    columns = {
        "Name": [spec["name"] for spec in specs],
        "One row": ["of any shape" if spec["shape"] is None else describe_shape(spec["shape"][1:]) for spec in specs],
        "Kind of value": ["text" if spec["dtype"] == "object" else spec["dtype"] for spec in specs],
    }
    st.dataframe(columns, hide_index=True, alt=f"What the model {title.lower()}")


def _offer_other_signatures(jobs: Jobs, result: dict[str, Any]) -> None:
    """Offer to import a file with several signatures once more, through another signature."""
    names = result["signatures"]
    if len(names) < 2:
        return
    current, _ = choose_signature(names, result["signature"])
    with st.container(border=True):
        st.markdown(f"**It can be asked in {len(names)} ways**; here it is asked through “{escape_markdown(current)}”.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            others = [name for name in names if name != current]
            signature = st.selectbox("Signature", others, key=f"signature-{result['artifact']}", width=320)
            is_pressed = st.button("Import it through this one", icon=":material/alt_route:")
    if is_pressed:
        label = f"{result['name']} · {signature}"
        go("import-model", job=jobs.reimport_model(result["artifact"], signature=signature, label=label).id)


def show_not_run(artifact_id: str, error_json: dict[str, str] | None) -> None:
    """Show why a file is only stored, with buttons to run it, if that works by now, and to download it."""
    error = error_from_json(error_json or {})
    text = escape_markdown(f"{error.sentence} It was checked and kept, and you can download it.")
    st.warning(text, icon=":material/pause_circle:")
    st.caption(escape_markdown(error.cure))
    with st.container(horizontal=True):
        if st.button("Run it now", icon=":material/play_arrow:", key=f"run-{artifact_id}", help=RUN_NOW_HELP):
            go("import-model", job=current_jobs().reimport_model(artifact_id).id)
        st.link_button("Download", download_url([artifact_id]), icon=":material/download:")
