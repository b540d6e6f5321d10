"""Job: validate, load and store an external model.

The app's side of the inspector: what it found, or why the file is refused, a child that the file ended included.

The work of bringing a model in: checked, looked into, loaded and asked in sandboxed processes, and kept.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.compare import Verdict
from core.context import AppContext
from core.demos import get_demo
from core.errors import ChildDied, InputError, NotConfined, TimedOut, cleanup_on_error
from core.evidence import Evidence, OriginalFingerprint, ReloadOutcome
from core.formats import get_format
from core.introspection.replies import validate_model_reply
from core.jobs.runner import JobHandle
from core.jobs.trial_inputs import find_accepted_input
from core.jobs.uploads import replace_unrun_import, run_of_artifact
from core.library import storage
from core.library.records import KIND_NEVER_RUN, Artifact, Run, new_id
from core.reload import gather_evidence
from core.runtimes.reference import Reference
from core.validation import ValidatedUpload, limits, refusal, validate_upload
from core.validation.rules import display_file_name
from core.worker.child_handle import cancelled_error
from core.worker.remote_predictor import load_in_child
from core.worker.worker import Worker

CONTENT_VALIDATION_SECONDS = 60.0  # wall clock of one look into a file


def validate_content_in_child(
    worker: Worker, format: str, folder: Path, *, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Look, in a confined child, into what the gate laid out in `folder`; gives the facts of `core.validation.content`.

    Raises Refused, NotConfined where this system does not confine, Cancelled, and WorkerError when no child can be had.
    """
    request = {"format": format, "folder": folder, "seconds": CONTENT_VALIDATION_SECONDS, "cancelled": cancelled}
    request["bounds"] = limits.current_limits(worker.config.unpacked_mib)
    try:
        return worker.run("inspect_brought", sandboxed=True, **request).message
    except ChildDied as error:
        raise refusal("inspector-ended") from error
    except TimedOut as error:
        raise refusal("inspector-slow") from error


STEP_PROGRESS = {
    "Checking the file": 0.05,
    "Looking inside in a sandboxed process": 0.2,
    "Loading it": 0.4,
    "Asking it": 0.6,
    "Loading it once more, in another process": 0.75,
    "Keeping it": 0.95,
}


@dataclass(frozen=True)
class ImportRequest:
    """What a person brings: a file or folder, what it is called, a second file by what it is, the demo whose code
    belongs to it, and the signature that is to answer. `ours` is a folder to be deleted when the work is done; `again`
    is the artifact whose files these are, where they were kept earlier."""

    path: Path
    name: str
    parts: dict[str, Path] = field(default_factory=dict)
    demo: str | None = None
    signature: str = ""
    label: str = ""
    temporary_folder: Path | None = None
    stored_artifact: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the job's record: no path of this machine."""
        said = {
            "name": display_file_name(self.name),
            "parts": sorted(self.parts),
            "demo": self.demo,
            "signature": self.signature,
        }
        return said | {"label": self.label, "again": self.stored_artifact}

    def discard(self) -> None:
        """Delete what is ours of it."""
        if self.temporary_folder:
            storage.release_staging_folder(self.temporary_folder)


def build_import_request(request: ImportRequest) -> dict[str, Any]:
    """The request of the job. Raises InputError and UnknownName, and then nothing of ours stays."""
    with cleanup_on_error(request.discard):
        if not request.path.exists():
            raise InputError("There is no such file.", received=request.path.name, cure="Check its name and place.")
        if request.demo:
            get_demo(request.demo)
    return request.to_json()


def run_import(request: ImportRequest, context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Bring a model in; gives `{"run", "artifact", ...}` (see `_Import.result`). Whatever stops it, nothing stays."""
    try:
        with context.library.staging() as staged:
            return _ImportJob(request, context, handle, staged).execute()
    finally:
        request.discard()


class _ImportJob:
    """One import under way: what is known so far, told with every step."""

    def __init__(self, request: ImportRequest, context: AppContext, handle: JobHandle, staged: Path):
        self.request, self.context, self.handle = request, context, handle
        self.limits = {"seconds": context.config.child_seconds, "cancelled": handle.is_cancelled}
        self.run_folder, self.artifact_folder = staged / "run", staged / "artifact"
        self.files = self.artifact_folder / "files"
        self.files.mkdir(parents=True)
        self.run_folder.mkdir()
        self.checks: list[dict[str, str]] = []

    def execute(self) -> dict[str, Any]:
        self._start_step("Checking the file")
        gated = validate_upload(
            self.request.path, self.request.name, self.files, config=self.context.config, extra_files=self.request.parts
        )
        self._record_check("Name, size, kind and structure, before anything opened it", *gated.remarks)
        self.import_record = self._build_import_record(gated)
        try:
            facts, reference, evidence = self._load_and_predict(gated.format)
        except NotConfined as error:
            if self.request.stored_artifact:  # it is kept already
                raise
            self.checks.append({"what": _skipped_steps_text(self.checks), "remark": error.sentence, "left": "out"})
            facts, reference, evidence = _facts_without_run(self.files, error)
        self._start_step("Keeping it")
        run, artifact = self._store(facts, reference, evidence)
        if self.request.stored_artifact:
            replace_unrun_import(self.context.library, self.request.stored_artifact, artifact)
        return self._build_result(run, artifact, reference, evidence)

    def _start_step(self, step: str) -> None:
        if self.handle.is_cancelled():
            raise cancelled_error()
        self.handle.report_progress(STEP_PROGRESS[step], step, write_now=True, checks=self.checks)

    def _record_check(self, check: str, *remarks: str) -> None:
        self.checks.append({"what": check, "remark": " ".join(remarks)})

    def _build_import_record(self, upload: ValidatedUpload) -> dict[str, Any]:
        """What the run's record says of the file. Raises InputError where half of a model is missing."""
        if upload.format == "architecture":
            raise InputError(
                "This is an architecture alone: layers, and no weights to answer with.",
                cure="Bring in the .weights.h5, and this file with it.",
            )
        if get_format(upload.format).needs_architecture and not (self.request.parts or self.request.demo):
            raise InputError(
                "These are weights alone: numbers without the layers that use them.",
                cure="Choose the architecture as a second file (.json), or the demo whose code built the model.",
            )
        settings = get_demo(self.request.demo).defaults.model_dump() if self.request.demo else None
        return {
            "file": upload.name,
            "sha256": self._upload_sha256(upload),
            "format": upload.format,
            "signature": self.request.signature,
            "demo": self.request.demo,
            "settings": settings,
            "artifact": new_id("a"),
        }

    def _upload_sha256(self, upload: ValidatedUpload) -> str:
        """Of the file as it came, which may have been a zip of what is kept."""
        return (
            run_of_artifact(self.context.library, self.request.stored_artifact).brought["sha256"]
            if self.request.stored_artifact
            else upload.sha256
        )

    def _load_and_predict(self, format: str) -> tuple[dict[str, Any], Reference, Evidence]:
        """What sandboxed processes find out. Raises Refused, DoesNotLoad, InputError, WorkerError."""
        source = {"demo": None, "settings": None, "brought": self.import_record}
        self._start_step("Looking inside in a sandboxed process")
        validate_content_in_child(self.context.worker, format, self.files, cancelled=self.handle.is_cancelled)
        self._record_check("What is in it and what it would do, looked at in a sandboxed process")
        self._start_step("Loading it")
        asked = {"folder": self.files, "source": source, "sandboxed": True}
        with load_in_child(self.context.worker, "load_imported", **asked, **self.limits) as loaded:
            told = validate_model_reply(loaded.facts)
            self._record_check("It loads in a sandboxed process, with no code of its own", told.remark)
            self._start_step("Asking it")
            seconds = self.context.config.confined_seconds
            question, answers = find_accepted_input(
                loaded, told.input_specs, seconds=seconds, cancelled=self.handle.is_cancelled
            )
        self.import_record |= {"remark": told.remark, "signatures": told.signatures, "asked": question.recipe}
        reference = Reference(question.inputs, answers, {})
        self._record_check(f"It answers {question.recipe['rows']} random rows; these answers are its reference")
        self._start_step("Loading it once more, in another process")
        original = OriginalFingerprint(weights=told.weights, optimizer=told.optimizer)
        evidence = gather_evidence(
            self.context.worker, format, self.files, source, original, reference, sandboxed=True, **self.limits
        )
        self._record_check("Loaded again in another process", f"Its answers there: {evidence.best.verdict.label}.")
        return told.run_facts(), reference, evidence

    def _store(self, facts: dict[str, Any], reference: Reference, evidence: Evidence) -> tuple[Run, Artifact]:
        """Keep the run and its artifact, both or neither."""
        _link_or_copy_tree(self.files, self.run_folder / "snapshot")
        reference.write(self.run_folder / "reference.npz")
        facts |= {"name": self.request.label or self.import_record["file"], "demo": None, "settings": None}
        facts |= {"trust": "brought in", "brought": self.import_record | {"checks": self.checks}}
        told = {"id": self.import_record["artifact"], "format": self.import_record["format"], "seconds": 0.0}
        told |= {
            "trust": "brought in",
            "options": {"signature": self.request.signature} if self.request.signature else {},
        }
        return self.context.library.commit_run_and_artifact(
            self.run_folder, facts, self.artifact_folder, evidence, **told
        )

    def _build_result(self, run: Run, artifact: Artifact, reference: Reference, evidence: Evidence) -> dict[str, Any]:
        """Ids, what it is, what it takes and gives, what was checked, what to know, and the verdict of its reload."""
        return {
            "run": run.id,
            "artifact": artifact.id,
            "format": artifact.format,
            "name": run.name,
            "kind": run.kind,
            "bytes": artifact.bytes,
            "parameters": run.parameters,
            "inputs": run.inputs,
            "outputs": [_output_spec(*one) for one in reference.predictions.items()],
            "checks": self.checks,
            "remark": self.import_record.get("remark", ""),
            "signature": self.request.signature,
            "signatures": self.import_record.get("signatures", []),
            "verdict": evidence.best.verdict.value,
            "error": evidence.best.error,
        }


def _output_spec(name: str, array: np.ndarray) -> dict[str, Any]:
    dtype = "object" if array.dtype.kind == "U" else array.dtype.name
    return {"name": name, "dtype": dtype, "shape": [None, *array.shape[1:]]}


def _link_or_copy_tree(source: Path, target: Path) -> None:
    """The snapshot of what was brought in is the files as they came: linked where the disk can, else copied."""
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _skipped_steps_text(checks: list[dict[str, str]]) -> str:
    """What was not done with a file that may not be run here; the gate, which runs nothing of it, was passed."""
    return "It was not run" if len(checks) > 1 else "It was neither looked into nor run"


def _facts_without_run(folder: Path, error: NotConfined) -> tuple[dict[str, Any], Reference, Evidence]:
    """What is kept of a file that may not be run here: itself, and why."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    facts = {"kind": KIND_NEVER_RUN, "parameters": 0, "summary": "", "weight_bytes": size}
    facts |= {"inputs": [], "weights": [], "optimizer": []}
    outcome = ReloadOutcome(verdict=Verdict.NOT_RUN, error=error.to_json())
    return facts, Reference({}, {}, {}), Evidence(without_code=outcome)
