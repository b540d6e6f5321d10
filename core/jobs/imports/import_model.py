"""Job: validate, load and store an external model. Whatever opens its files is a sandboxed child."""

import os
import shutil
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from core.arrays import Arrays
from core.compare import Verdict
from core.copy_content import compute_content_hash
from core.demos import get_demo
from core.errors import ChildDied, InputError, NotConfined, TimedOut, TooLarge, UnpairedRows
from core.evidence.content_hash import ContentHash
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format
from core.introspection.sandboxed_reading import LoadedModelReply, validate_reply
from core.jobs.execution.job_handle import ChildLimits, JobHandle
from core.jobs.imports.import_request import ImportRequest, find_stored_files, replace_unrun_import
from core.jobs.imports.import_trial import find_accepted_input, list_trial_remarks
from core.jobs.imports.known_models import describe_known
from core.jobs.imports.trial_inputs import TrialInput, describe_ranges
from core.jobs.uploads import run_of_artifact
from core.library.ids import new_id
from core.library.records import KIND_NEVER_RUN, Artifact, Run
from core.reload import gather_evidence
from core.runtimes.base import ImportedSource, ModelSource, join_remarks
from core.runtimes.model_facts import ModelFacts
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference
from core.runtimes.specs import InputSpec
from core.sandbox.limits import confined_allowance
from core.settings import MB
from core.validation import ValidatedUpload, limits, refusal, validate_upload
from core.validation.content.facts import ContentFacts
from core.validation.members import ARCHITECTURE_FILE
from core.worker.child_errors import cancelled_error
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.child_pool import SHARE_OF_TWO, PreparedChild, prepared_child
from core.worker.model_loading import source_without_code
from core.worker.remote_predictor import RowCap, load_in_child
from core.worker.worker import Worker

MAX_PREPARED_BYTES = 256 * MB  # of files that two processes load at the same time
STEP_PROGRESS = {
    "Checking the file": 0.05,
    "Looking inside in a sandboxed process": 0.2,
    "Loading it": 0.4,
    "Asking it": 0.6,
    "Loading it once more, in another process": 0.75,
    "Keeping it": 0.95,
}


def validate_content_in_child(
    worker: Worker, format: str, folder: Path, *, cancelled: CancelCheck = never_cancelled
) -> ContentFacts:
    """Validate, in a sandboxed child, the files of an upload in `folder`.

    Raises Refused, NotConfined where this system does not confine, Cancelled, and WorkerError when no child can be had.
    """
    request: dict[str, Any] = {"format": format, "folder": folder, "cancelled": cancelled}
    request["bounds"] = limits.current_limits(worker.config.unpacked_mb)
    seconds = confined_allowance(worker.config, _count_bytes(folder)).seconds
    try:
        frame = worker.run("inspect_brought", sandboxed=True, seconds=seconds, **request)
        return cast(ContentFacts, frame.message)
    except ChildDied as error:
        raise refusal("inspector-ended") from error
    except TimedOut as error:
        raise refusal("inspector-slow") from error


class ImportRecord(ImportedSource):
    """What a run's record says of the file that it was imported from."""

    file: str
    sha256: str
    artifact: str
    remark: NotRequired[str]
    signatures: NotRequired[list[str]]
    asked: NotRequired[dict[str, Any]]  # the recipe of its reference inputs
    shapes: dict[str, list[int]]  # that a person stated, of one row of an input


class ImportResult(TypedDict):
    """Ids, what it is, what it takes and gives, what was checked, what to know, and the verdict of its reload."""

    run: str
    artifact: str
    format: str
    name: str
    kind: str
    bytes: int
    parameters: int
    inputs: list[dict[str, Any]]
    outputs: list[InputSpec]
    checks: list[dict[str, str]]
    remark: str
    signature: str
    signatures: list[str]
    verdict: str
    error: dict[str, str] | None


def run_import(handle: JobHandle) -> ImportResult:
    """Import a model; whatever stops it, nothing stays."""
    if earlier := handle.library.find_earlier("r"):  # a worker stored it before it was gone
        run, library = handle.library.run(earlier), handle.library
        artifact = library.artifact(run.brought["artifact"])
        return _end_import(handle, run, artifact, library.reference(run.id), library.evidence(artifact.id))
    with handle.library.staging() as staged:
        return _ImportJob(handle, staged).execute()


class _ImportJob:
    """One import under way: what is known so far, reported with every step."""

    def __init__(self, handle: JobHandle, staged: Path):
        self.request, self.handle, self.library = cast(ImportRequest, handle.request), handle, handle.library
        stored = self.request["again"]
        self.given = find_stored_files(self.library, stored) if stored else handle.files
        self.run_folder, self.artifact_folder = staged / "run", staged / "artifact"
        self.files = self.artifact_folder / "files"
        self.files.mkdir(parents=True)
        self.run_folder.mkdir()
        self.checks: list[dict[str, str]] = []

    def execute(self) -> ImportResult:
        self._start_step("Checking the file")
        config, given = self.handle.config, self.given
        assert given.model  # without which there is no such job
        upload = validate_upload(given.model, given.name, self.files, config=config, extra_files=given.parts)
        self._record_check("Name, size, kind and structure, before anything opened it", *upload.remarks)
        self.import_record = self._build_import_record(upload)
        try:
            facts, reference, evidence = self._load_and_predict(upload.format)
        except NotConfined as error:
            if self.request["again"]:  # it is stored already
                raise
            skipped = "It was not run" if len(self.checks) > 1 else "It was neither looked into nor run"
            self.checks.append({"what": skipped, "remark": error.sentence, "left": "out"})
            facts, reference, evidence = _facts_without_run(self.files, error)
        content = self._hash_content()
        self._start_step("Keeping it")
        run, artifact = self._store(facts, reference, evidence, content)
        return _end_import(self.handle, run, artifact, reference, evidence)

    def _start_step(self, step: str) -> None:
        if self.handle.is_cancelled():
            raise cancelled_error()
        self.handle.report_progress(STEP_PROGRESS[step], step, write_now=True, checks=self.checks)

    def _record_check(self, check: str, *remarks: str) -> None:
        self.checks.append({"what": check, "remark": " ".join(remarks)})

    def _build_import_record(self, upload: ValidatedUpload) -> ImportRecord:
        """Raises InputError where half of a model is missing."""
        demo, stored = self.request["demo"], self.request["again"]
        if upload.format == "architecture":
            cure = "Import the weights (.h5), and this file with them."
            raise InputError("This is an architecture alone: layers, and no weights to answer with.", cure=cure)
        has_layers = self.request["parts"] or demo or (self.files / ARCHITECTURE_FILE).is_file()
        if get_format(upload.format).needs_architecture and not has_layers:
            cure = "Choose the architecture as a second file (.json), or the demo whose code built the model."
            raise InputError("These are weights alone: numbers without the layers that use them.", cure=cure)
        return {
            "file": upload.name,
            # Of the file as it came, which may have been a zip of what is stored.
            "sha256": run_of_artifact(self.library, stored).brought["sha256"] if stored else upload.sha256,
            "format": upload.format,
            "signature": self.request["signature"],
            "demo": demo,
            "settings": get_demo(demo).defaults.model_dump() if demo else None,
            "keeps_state": self.request["keeps_state"],
            "shapes": self.request["shapes"],
            "artifact": new_id("a"),
        }

    def _load_and_predict(self, format: str) -> tuple[ModelFacts, Reference, Evidence]:
        """What sandboxed processes find out. Raises Refused, DoesNotLoad, InputError, WorkerError."""
        self._start_step("Looking inside in a sandboxed process")
        validate_content_in_child(self.handle.worker, format, self.files, cancelled=self.handle.is_cancelled)
        self._record_check("What is in it and what it would do, looked at in a sandboxed process")
        source: ModelSource = {"demo": None, "settings": None, "brought": self.import_record}
        checks = list(self.checks)
        with ExitStack() as second:
            prepared = second.enter_context(self._second_process(format, source))
            try:
                loaded = self._load_and_ask(source, SHARE_OF_TWO if prepared else 1.0)
            except TooLarge:
                if prepared is None:
                    raise
                second.close()  # for the first alone there is twice the memory
                prepared, self.checks = None, checks
                loaded = self._load_and_ask(source)
            return self._load_again(format, source, *loaded, prepared)

    def _second_process(self, format: str, source: ModelSource) -> AbstractContextManager[PreparedChild | None]:
        """The process that loads the file once more: of a small file it does so while the first is at work."""
        if _count_bytes(self.files) > MAX_PREPARED_BYTES:
            return nullcontext()
        copy = format, self.files, source_without_code(source)
        return prepared_child(self.handle.worker, *copy, sandboxed=True, **self.handle.limits)

    def _load_again(
        self,
        format: str,
        source: ModelSource,
        reply: LoadedModelReply,
        trial: TrialInput,
        predictions: Arrays,
        prepared: PreparedChild | None,
    ) -> tuple[ModelFacts, Reference, Evidence]:
        record, limits = self.import_record, self.handle.limits
        if trial.recipe["one_row"] or record.get("row_is_call"):  # which the prepared child knew nothing of
            prepared = None
        facts = reply.run_facts()
        remark = join_remarks(reply.remark, *list_trial_remarks(trial.recipe))
        record |= {"remark": remark, "signatures": reply.signatures, "asked": trial.recipe}
        reference = Reference(trial.inputs, predictions, {})
        asked = describe_ranges(trial.recipe)
        answered = f"It answers {trial.recipe['rows']} random rows{asked}; these answers are its reference"
        self._record_check(answered, *list_trial_remarks(trial.recipe))
        self._start_step("Loading it once more, in another process")
        settings = ModelSettings.read(facts["traits"])
        original = OriginalFingerprint(weights=facts["weights"], optimizer=facts["optimizer"], settings=settings)
        copy = self.handle.worker, format, self.files, source
        evidence = gather_evidence(*copy, original, reference, prepared, sandboxed=True, **limits)
        best = evidence.best
        answers = " ".join(filter(None, (f"Its answers there: {best.verdict.label}.", best.warning, *best.left_out)))
        self._record_check("Loaded again in another process", answers)
        return facts, reference, evidence

    def _load_and_ask(
        self, source: ModelSource, memory_share: float = 1.0
    ) -> tuple[LoadedModelReply, TrialInput, Arrays]:
        """Load the file and find inputs that it answers.

        Where all of the memory runs out, in a new process with half the rows; where answers have no row for each row,
        in one that takes each row for a call of its own.
        """
        options: dict[str, Any] = {"sandboxed": True, "memory_share": memory_share, **self.handle.limits}
        options |= {"folder": self.files, "source": source}
        load = partial(load_in_child, self.handle.worker, "load_imported", **options)
        seconds = confined_allowance(self.handle.config, _count_bytes(self.files)).seconds
        trial_limits: ChildLimits = {**self.handle.limits, "seconds": min(seconds, self.handle.limits["seconds"])}
        cap, checks = RowCap(), list(self.checks)
        while True:
            self.checks = list(checks)
            self._start_step("Loading it")
            with load() as predictor:
                reply = validate_reply(LoadedModelReply, predictor.facts)
                self._record_check("It loads in a sandboxed process, with no code of its own", reply.remark)
                self._start_step("Asking it")
                inputs, shapes = reply.run_facts()["inputs"], self.request["shapes"]
                try:
                    trial, predictions = find_accepted_input(predictor, inputs, shapes=shapes, cap=cap, **trial_limits)
                    break
                except UnpairedRows:
                    if self.import_record.get("row_is_call"):
                        raise
                    self.import_record["row_is_call"] = True
                except TooLarge:
                    if memory_share < 1 or not cap.halve():
                        raise
        if self.import_record["keeps_state"]:  # what the trials left behind is no part of it
            with load() as predictor:
                predictions, _ = predictor.predict(trial.inputs)
        else:
            self.import_record["one_row"] = trial.recipe["one_row"]
        return reply, trial, predictions

    def _hash_content(self) -> ContentHash | None:
        """What the files say, as a hash; where the library has a copy that says the same, that is reported."""
        content = compute_content_hash(self.handle.worker.run, self.files, sandboxed=True, **self.handle.limits)
        if known := describe_known(self.library, content, self.request["again"]):
            self._record_check(*known)
        return content

    def _store(
        self, model: ModelFacts, reference: Reference, evidence: Evidence, content: ContentHash | None
    ) -> tuple[Run, Artifact]:
        """Store the run and its artifact, both or neither."""
        record, signature = self.import_record, self.request["signature"]
        # The snapshot of an imported model is the files as they came: linked where the disk can, else copied.
        shutil.copytree(self.files, self.run_folder / "snapshot", copy_function=_link_or_copy)
        reference.write(self.run_folder / "reference.npz")
        name = self.request["label"] or record["file"]
        facts: dict[str, Any] = {**model, "name": name, "demo": None, "settings": None}
        facts |= {"trust": "brought in", "brought": {**record, "checks": self.checks}}
        copy: dict[str, Any] = {"id": record["artifact"], "format": record["format"], "seconds": 0.0}
        copy |= {"trust": "brought in", "content": content, "options": {"signature": signature} if signature else {}}
        return self.library.commit_run_and_artifact(self.run_folder, facts, self.artifact_folder, evidence, **copy)


def _end_import(
    handle: JobHandle, run: Run, artifact: Artifact, reference: Reference, evidence: Evidence
) -> ImportResult:
    """What is left to do once both are stored."""
    if again := handle.request["again"]:
        replace_unrun_import(handle.library, again, artifact)
    return {
        "run": run.id,
        "artifact": artifact.id,
        "format": artifact.format,
        "name": run.name,
        "kind": run.kind,
        "bytes": artifact.bytes,
        "parameters": run.parameters,
        "inputs": run.inputs,
        "outputs": [_output_spec(name, array) for name, array in reference.predictions.items()],
        "checks": run.brought["checks"],
        "remark": run.brought.get("remark", ""),
        "signature": run.brought["signature"] or "",
        "signatures": run.brought.get("signatures", []),
        "verdict": evidence.best.verdict.value,
        "error": evidence.best.error,
    }


def _output_spec(name: str, array: np.ndarray) -> InputSpec:
    dtype = "object" if array.dtype.kind == "U" else array.dtype.name
    return {"name": name, "dtype": dtype, "shape": [None, *array.shape[1:]]}


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _count_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _facts_without_run(folder: Path, error: NotConfined) -> tuple[ModelFacts, Reference, Evidence]:
    """What is stored of a file that may not be run here: itself, and why."""
    size = _count_bytes(folder)
    facts = ModelFacts(
        kind=KIND_NEVER_RUN, parameters=0, summary="", weight_bytes=size, inputs=[], weights=[], optimizer=[]
    )
    outcome = ReloadOutcome(verdict=Verdict.NOT_RUN, error=error.to_json())
    return facts, Reference({}, {}, {}), Evidence(without_code=outcome)
