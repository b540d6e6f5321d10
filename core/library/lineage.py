"""Where an artifact comes from, and what was made from it."""

import contextlib
from typing import Any

from pydantic import BaseModel, Field

from core.errors import RoundtripError
from core.library.ids import validate_id
from core.library.library import Library
from core.library.records import Artifact
from core.record import Trust


class LineageStep(BaseModel):
    """One artifact in a line of conversions. `state` is kept, in the trash, or gone; of what is gone the id alone."""

    artifact: str
    state: str
    format: str | None = None
    created: str | None = None


class RunOrigin(BaseModel):
    """The run: the training of a demo, a model that a person added, or an imported file."""

    run: str
    name: str
    demo: str | None
    settings: dict[str, Any] | None
    created: str
    trust: Trust
    brought: dict[str, Any]
    versions: dict[str, str]


class Lineage(BaseModel):
    """Of an artifact: what it was converted from, nearest first; its run; what was converted from it.

    Of a run: itself, and every artifact of it. `origin` is None where the run cannot be read, and `problem` says why.
    """

    id: str
    versions: dict[str, str] = Field(default_factory=dict)
    made_from: list[LineageStep] = Field(default_factory=list)
    origin: RunOrigin | None = None
    problem: str = ""
    made_into: list[LineageStep] = Field(default_factory=list)


def trace_lineage(library: Library, id_: str) -> Lineage:
    """Raises UnknownName, UnreadableRecord."""
    if id_.startswith("r"):
        library.run(id_)
        run_id, lineage, copies = id_, Lineage(id=id_), library.artifacts_of(id_)
    else:
        artifact = library.artifact(id_)
        run_id, copies = artifact.run, library.conversions_of(id_)
        lineage = Lineage(id=id_, versions=artifact.versions, made_from=_trace_ancestors(library, artifact))
    lineage.made_into = [_read_step(library, copy)[0] for copy in copies]
    try:
        facts = library.run(run_id).model_dump(include=set(RunOrigin.model_fields) - {"run"})
        lineage.origin = RunOrigin(run=run_id, **facts)
    except RoundtripError as error:
        lineage.problem = str(error)
    return lineage


def _trace_ancestors(library: Library, artifact: Artifact) -> list[LineageStep]:
    """Step by step to the one that was saved from a live model, or imported; a record that names itself ends it."""
    steps: list[LineageStep] = []
    parent, seen = artifact.made_from, {artifact.id}
    while parent and parent not in seen:
        seen.add(parent)
        step, ancestor = _read_step(library, parent)
        steps.append(step)
        parent = ancestor.made_from if ancestor else None
    return steps


def _read_step(library: Library, id_: str) -> tuple[LineageStep, Artifact | None]:
    """An artifact as a step, and its record where that can be read."""
    with contextlib.suppress(RoundtripError):
        if folder := library.find_folder(validate_id(id_, "a")):
            state = "in the trash" if folder.parent.name == "trash" else "kept"
            artifact = Artifact.read(folder / "artifact.json")
            return LineageStep(artifact=id_, state=state, format=artifact.format, created=artifact.created), artifact
    return LineageStep(artifact=id_[:80], state="gone"), None
