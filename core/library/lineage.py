"""Where an artifact comes from, and what was made from it."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from core.errors import RoundtripError
from core.library.records import Artifact, Run, checked_id
from core.record import Trust

if TYPE_CHECKING:
    from core.library.library import Library


class Step(BaseModel):
    """One artifact in a line of conversions. `state` is kept, in the trash, or gone; of what is gone the id alone."""

    artifact: str
    state: str
    format: str | None = None
    created: str | None = None


class Origin(BaseModel):
    """The run: the training of a demo, a model that a person added, or a file that was brought in."""

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
    made_from: list[Step] = Field(default_factory=list)
    origin: Origin | None = None
    problem: str = ""
    made_into: list[Step] = Field(default_factory=list)


def lineage(library: "Library", id_: str) -> Lineage:
    """Raises UnknownName, UnreadableRecord."""
    if id_.startswith("r"):
        library.run(id_)
        copies = [_step(library, one) for one in library.artifacts_of(id_)]
        return _with_origin(library, id_, Lineage(id=id_, made_into=copies))
    artifact = library.artifact(id_)
    made_into = [_step(library, one) for one in library.made_from(id_)]
    found = Lineage(id=id_, versions=artifact.versions, made_from=_back(library, artifact), made_into=made_into)
    return _with_origin(library, artifact.run, found)


def _back(library: "Library", artifact: Artifact) -> list[Step]:
    """Step by step to the one that was saved from a live model, or brought in; a record that names itself ends it."""
    steps: list[Step] = []
    parent, seen = artifact.made_from, {artifact.id}
    while parent and parent not in seen:
        seen.add(parent)
        steps.append(_step(library, parent))
        found = _record(library, parent)
        parent = found[1].made_from if found else None
    return steps


def _record(library: "Library", id_: str) -> tuple[str, Artifact] | None:
    """An artifact and where it lies; None where it cannot be read."""
    for state, folder in (("kept", "artifacts"), ("in the trash", "trash")):
        try:
            path = library.home / folder / checked_id(id_, "a")
            if library.access.sees(path):
                return state, Artifact.read(path / "artifact.json")
        except RoundtripError:
            continue
    return None


def _step(library: "Library", id_: str) -> Step:
    if found := _record(library, id_):
        return Step(artifact=id_, state=found[0], format=found[1].format, created=found[1].created)
    return Step(artifact=id_[:80], state="gone")


def _with_origin(library: "Library", run_id: str, found: Lineage) -> Lineage:
    try:
        run = library.run(run_id)
    except RoundtripError as error:
        return found.model_copy(update={"problem": str(error)})
    return found.model_copy(update={"origin": _origin(run)})


def _origin(run: Run) -> Origin:
    facts = run.model_dump(include={"name", "demo", "settings", "created", "trust", "brought", "versions"})
    return Origin(run=run.id, **facts)
