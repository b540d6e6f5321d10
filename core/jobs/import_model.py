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
from core.evidence import Evidence, Original, Outcome, gather
from core.formats import get_format
from core.introspection.replies import believed
from core.jobs.runner import JobHandle
from core.jobs.trial_inputs import first_answer
from core.jobs.uploads import run_of_copy, take_over
from core.library import storage
from core.library.records import UNRUN, Artifact, Run, new_id
from core.runtimes.reference import Reference
from core.validation import Gated, gate, refused
from core.validation.rules import file_name
from core.worker.child_handle import cancelled_by_a_person
from core.worker.remote_predictor import load
from core.worker.worker import Worker

SECONDS = 60.0  # wall clock of one look into a file


def inspect_in_child(
    worker: Worker, format: str, folder: Path, *, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Look, in a confined child, into what the gate laid out in `folder`; gives the facts of `core.validation.content`.

    Raises Refused, NotConfined where this system does not confine, Cancelled, and WorkerError when no child can be had.
    """
    request = {"format": format, "folder": folder, "seconds": SECONDS, "cancelled": cancelled}
    try:
        return worker.run("inspect_brought", confined=True, **request).message
    except ChildDied as error:
        raise refused("inspector-ended") from error
    except TimedOut as error:
        raise refused("inspector-slow") from error


STEPS = {
    "Checking the file": 0.05,
    "Looking inside in a sandboxed process": 0.2,
    "Loading it": 0.4,
    "Asking it": 0.6,
    "Loading it once more, in another process": 0.75,
    "Keeping it": 0.95,
}


@dataclass(frozen=True)
class Given:
    """What a person brings: a file or folder, what it is called, a second file by what it is, the demo whose code
    belongs to it, and the signature that is to answer. `ours` is a folder to be deleted when the work is done; `again`
    is the artifact whose files these are, where they were kept earlier."""

    path: Path
    name: str
    parts: dict[str, Path] = field(default_factory=dict)
    demo: str | None = None
    signature: str = ""
    label: str = ""
    ours: Path | None = None
    again: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the job's record: no path of this machine."""
        said = {
            "name": file_name(self.name),
            "parts": sorted(self.parts),
            "demo": self.demo,
            "signature": self.signature,
        }
        return said | {"label": self.label, "again": self.again}

    def give_up(self) -> None:
        """Delete what is ours of it."""
        if self.ours:
            storage.give_up(self.ours)


def import_request(given: Given) -> dict[str, Any]:
    """The request of the job. Raises InputError and UnknownName, and then nothing of ours stays."""
    with cleanup_on_error(given.give_up):
        if not given.path.exists():
            raise InputError("There is no such file.", received=given.path.name, cure="Check its name and place.")
        if given.demo:
            get_demo(given.demo)
    return given.to_json()


def import_work(given: Given, context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Bring a model in; gives `{"run", "artifact", ...}` (see `_Import.result`). Whatever stops it, nothing stays."""
    try:
        with context.library.staging() as staged:
            return _Import(given, context, handle, staged).work()
    finally:
        given.give_up()


class _Import:
    """One import under way: what is known so far, told with every step."""

    def __init__(self, given: Given, context: AppContext, handle: JobHandle, staged: Path):
        self.given, self.context, self.handle = given, context, handle
        self.limits = {"seconds": context.config.child_seconds, "cancelled": handle.cancelled}
        self.run_folder, self.artifact_folder = staged / "run", staged / "artifact"
        self.files = self.artifact_folder / "files"
        self.files.mkdir(parents=True)
        self.run_folder.mkdir()
        self.checks: list[dict[str, str]] = []

    def work(self) -> dict[str, Any]:
        self._tell("Checking the file")
        gated = gate(self.given.path, self.given.name, self.files, config=self.context.config, parts=self.given.parts)
        self._passed("Name, size, kind and structure, before anything opened it", *gated.remarks)
        self.brought = self._brought(gated)
        try:
            facts, reference, evidence = self._run(gated.format)
        except NotConfined as error:
            if self.given.again:  # it is kept already
                raise
            self.checks.append({"what": _left_out(self.checks), "remark": error.sentence, "left": "out"})
            facts, reference, evidence = _unrun(self.files, error)
        self._tell("Keeping it")
        run, artifact = self._keep(facts, reference, evidence)
        if self.given.again:
            take_over(self.context.library, self.given.again, artifact)
        return self._result(run, artifact, reference, evidence)

    def _tell(self, step: str) -> None:
        if self.handle.cancelled():
            raise cancelled_by_a_person()
        self.handle.tell(STEPS[step], step, at_once=True, checks=self.checks)

    def _passed(self, what: str, *remarks: str) -> None:
        self.checks.append({"what": what, "remark": " ".join(remarks)})

    def _brought(self, gated: Gated) -> dict[str, Any]:
        """What the run's record says of the file. Raises InputError where half of a model is missing."""
        if gated.format == "architecture":
            raise InputError(
                "This is an architecture alone: layers, and no weights to answer with.",
                cure="Bring in the .weights.h5, and this file with it.",
            )
        if get_format(gated.format).needs_architecture and not (self.given.parts or self.given.demo):
            raise InputError(
                "These are weights alone: numbers without the layers that use them.",
                cure="Choose the architecture as a second file (.json), or the demo whose code built the model.",
            )
        settings = get_demo(self.given.demo).defaults.model_dump() if self.given.demo else None
        return {
            "file": gated.name,
            "sha256": self._sha256(gated),
            "format": gated.format,
            "signature": self.given.signature,
            "demo": self.given.demo,
            "settings": settings,
            "artifact": new_id("a"),
        }

    def _sha256(self, gated: Gated) -> str:
        """Of the file as it came, which may have been a zip of what is kept."""
        return (
            run_of_copy(self.context.library, self.given.again).brought["sha256"] if self.given.again else gated.sha256
        )

    def _run(self, format: str) -> tuple[dict[str, Any], Reference, Evidence]:
        """What sandboxed processes find out. Raises Refused, DoesNotLoad, InputError, WorkerError."""
        source = {"demo": None, "settings": None, "brought": self.brought}
        self._tell("Looking inside in a sandboxed process")
        inspect_in_child(self.context.worker, format, self.files, cancelled=self.handle.cancelled)
        self._passed("What is in it and what it would do, looked at in a sandboxed process")
        self._tell("Loading it")
        asked = {"folder": self.files, "source": source, "confined": True}
        with load(self.context.worker, "hold_brought", **asked, **self.limits) as loaded:
            told = believed(loaded.facts)
            self._passed("It loads in a sandboxed process, with no code of its own", told.remark)
            self._tell("Asking it")
            seconds = self.context.config.confined_seconds
            question, answers = first_answer(loaded, told.specs, seconds=seconds, cancelled=self.handle.cancelled)
        self.brought |= {"remark": told.remark, "signatures": told.signatures, "asked": question.made}
        reference = Reference(question.inputs, answers, {})
        self._passed(f"It answers {question.made['rows']} random rows; these answers are its reference")
        self._tell("Loading it once more, in another process")
        original = Original(weights=told.weights, optimizer=told.optimizer)
        evidence = gather(
            self.context.worker, format, self.files, source, original, reference, confined=True, **self.limits
        )
        self._passed("Loaded again in another process", f"Its answers there: {evidence.best.verdict.words}.")
        return told.facts(), reference, evidence

    def _keep(self, facts: dict[str, Any], reference: Reference, evidence: Evidence) -> tuple[Run, Artifact]:
        """Keep the run and its artifact, both or neither."""
        _same_files(self.files, self.run_folder / "snapshot")
        reference.write(self.run_folder / "reference.npz")
        facts |= {"name": self.given.label or self.brought["file"], "demo": None, "settings": None}
        facts |= {"trust": "brought in", "brought": self.brought | {"checks": self.checks}}
        told = {"id": self.brought["artifact"], "format": self.brought["format"], "seconds": 0.0}
        told |= {"trust": "brought in", "options": {"signature": self.given.signature} if self.given.signature else {}}
        return self.context.library.keep_both(self.run_folder, facts, self.artifact_folder, evidence, **told)

    def _result(self, run: Run, artifact: Artifact, reference: Reference, evidence: Evidence) -> dict[str, Any]:
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
            "outputs": [_output(*one) for one in reference.answers.items()],
            "checks": self.checks,
            "remark": self.brought.get("remark", ""),
            "signature": self.given.signature,
            "signatures": self.brought.get("signatures", []),
            "verdict": evidence.best.verdict.value,
            "error": evidence.best.error,
        }


def _output(name: str, array: np.ndarray) -> dict[str, Any]:
    dtype = "object" if array.dtype.kind == "U" else array.dtype.name
    return {"name": name, "dtype": dtype, "shape": [None, *array.shape[1:]]}


def _same_files(source: Path, target: Path) -> None:
    """The snapshot of what was brought in is the files as they came: linked where the disk can, else copied."""
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _left_out(checks: list[dict[str, str]]) -> str:
    """What was not done with a file that may not be run here; the gate, which runs nothing of it, was passed."""
    return "It was not run" if len(checks) > 1 else "It was neither looked into nor run"


def _unrun(folder: Path, error: NotConfined) -> tuple[dict[str, Any], Reference, Evidence]:
    """What is kept of a file that may not be run here: itself, and why."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    facts = {"kind": UNRUN, "parameters": 0, "summary": "", "weight_bytes": size}
    facts |= {"inputs": [], "weights": [], "optimizer": []}
    outcome = Outcome(verdict=Verdict.NOT_RUN, error=error.to_json())
    return facts, Reference({}, {}, {}), Evidence(without_code=outcome)
