"""Two artifacts beside each other: what their records say, their files, their text, and their tensors one by one."""

from typing import Any

from pydantic import BaseModel, Field

from core.caching import memory
from core.context import AppContext
from core.errors import FormatError, RoundtripError
from core.introspection.describe import Hear, closed, describe, key_of, names_of, seconds_of
from core.introspection.replies import fitting
from core.library.records import Artifact
from core.tensors.json_diff import Change, changes
from core.worker.child_handle import Never

PARTS = ("signatures", "layers", "config", "operators")
LAYER = ("class", "input_shape", "output_shape", "parameters", "dtype", "trainable", "after", "config")


class Distance(BaseModel):
    """See `core.tensors.matching.distance`."""

    equal: bool
    changed: int = 0
    lost: int = 0
    max_abs: float | None = None
    mean_abs: float | None = None
    relative: float | None = None
    at: list[int] | None = None


class Tensor(BaseModel):
    """One tensor of one side, as it is listed; `copy_of` names another of the same file with the same bits, where this
    one has no partner of its own."""

    key: str
    name: str
    alias: str = ""
    group: str
    shape: list[int]
    dtype: str
    note: str = ""
    copy_of: str = ""

    @property
    def called(self) -> str:
        """The run's name where it has one, else the file's."""
        return self.alias or self.name


class TensorPair(BaseModel):
    """Two tensors that belong together: `by` "name", "bits", "values" or "shape"; `turned` says how ours was turned to
    lie on theirs; `distance` is None where there are no numbers."""

    ours: Tensor
    theirs: Tensor
    by: str
    turned: str = ""
    distance: Distance | None = None

    @property
    def same(self) -> bool:
        """Bit for bit, in the same shape and dtype."""
        return bool(self.distance and self.distance.equal and not self.turned)


class Tensors(BaseModel):
    pairs: list[TensorPair] = Field(default_factory=list)
    only_ours: list[Tensor] = Field(default_factory=list)
    only_theirs: list[Tensor] = Field(default_factory=list)

    @property
    def differ(self) -> bool:
        return bool(self.only_ours or self.only_theirs or any(not one.same for one in self.pairs))


def compare_tensors(
    context: AppContext, ours: str, theirs: str, hear: Hear | None = None, cancelled: Never = lambda: False
) -> Tensors:
    """The tensors of two artifacts, paired and measured in one child. Raises what `describe` raises."""

    def make() -> Tensors:
        sides = {"ours": ours, "theirs": theirs}
        asked: dict[str, Any] = {name: context.library.files(id_) for name, id_ in sides.items()}
        for name, id_ in sides.items():
            asked[f"{name}_names"] = names_of(context.library.run(context.library.artifact(id_).run))
        limits = {"seconds": seconds_of(context), "on_progress": hear, "cancelled": cancelled}
        return fitting(Tensors, closed(context, [ours, theirs], "differ", **limits, **asked).message)

    return memory.get((*key_of(context, ours), *key_of(context, theirs), "differ"), make)


def compare_part(
    context: AppContext, ours: str, theirs: str, part: str, hear: Hear | None = None, *, same: bool = False
) -> list[Change]:
    """The places at which "signatures", "layers", "config" or "operators" differ. Raises what `describe` raises."""
    left, right = (_tree(part, describe(context, id_, part, hear).found) for id_ in (ours, theirs))
    return changes(left, right, same=same)


def _tree(part: str, found: Any) -> Any:
    """What is worth holding against each other: layers and ports by name, of operations how many there are."""
    if found is None:
        return {}
    found = _lasting(found)
    if part == "layers":
        return {one["name"]: {name: one[name] for name in LAYER} for one in found}
    if part == "operators":
        return {"counts": found["counts"], "facts": found["facts"]}
    if part == "signatures":
        signatures = {one["name"]: _signature(one) for one in found["signatures"]}
        return {"signatures": signatures, "functions": _functions(found["functions"]), "facts": found["facts"]}
    return found


def _lasting(value: Any) -> Any:
    """A document without the numbers by which Keras tells objects apart: they are other ones with every save."""
    if isinstance(value, dict):
        return {name: _lasting(one) for name, one in value.items() if name != "shared_object_id"}
    return [_lasting(one) for one in value] if isinstance(value, list) else value


def _signature(one: dict[str, Any]) -> dict[str, Any]:
    sides = {side: {port["name"]: _port(port) for port in one[side]} for side in ("inputs", "outputs")}
    return {"method": one["method"], **sides}


def _port(port: dict[str, Any]) -> str:
    return f"{port['dtype']} {sizes(port['shape'])} {port.get('note', '')}".strip()


def sizes(shape: list[int | None] | None) -> str:
    """A shape as it is written: "[?, 64]", "?" where a size is free."""
    return "of any shape" if shape is None else f"[{', '.join('?' if one is None else str(one) for one in shape)}]"


def _functions(found: list[dict[str, Any]]) -> dict[str, str]:
    return {f"{one['name']} takes {one['takes']}": one["gives"] for one in found}


def compare_records(context: AppContext, ours: str, theirs: str, *, same: bool = False) -> list[Change]:
    """What the records say: format, run, demo, settings, versions, evidence. No file is opened."""
    return changes(*(_record(context, id_) for id_ in (ours, theirs)), same=same)


def _record(context: AppContext, id_: str) -> dict[str, Any]:
    artifact = context.library.artifact(id_)
    run = context.library.run(artifact.run)
    return {
        "format": artifact.format,
        "options": artifact.options,
        "bytes": artifact.bytes,
        "trust": artifact.trust,
        "made from": artifact.made_from,
        "created": artifact.created,
        "seconds to save": artifact.seconds,
        "run": {"id": run.id, "name": run.name, "demo": run.demo, "kind": run.kind, "parameters": run.parameters},
        "settings": run.settings or {},
        run.score_name or "score": run.score,
        "versions": artifact.versions,
        "evidence": _evidence(context, id_),
    }


def _evidence(context: AppContext, id_: str) -> dict[str, Any]:
    try:
        best = context.library.evidence(id_).best
    except RoundtripError as error:
        return {"verdict": str(error)}
    facts = {"verdict": best.verdict.words, "largest difference": best.max_abs, "answers changed": best.changed_rows}
    match = {} if best.weights is None else {"weights of the run": f"{best.weights.found} of {best.weights.of}"}
    return facts | match | {"seconds to load": best.load_seconds}


def compare_files(context: AppContext, ours: str, theirs: str, *, same: bool = False) -> list[Change]:
    """Files by name, with size and hash."""
    return changes(*(_files(context.library.artifact(id_)) for id_ in (ours, theirs)), same=same)


def _files(artifact: Artifact) -> dict[str, str]:
    return {one.path: f"{one.bytes:,} bytes, SHA-256 {one.sha256}" for one in artifact.files}


class Difference(BaseModel):
    """All of it: places that differ by part, tensors, and by part in a sentence what could not be looked into."""

    changes: dict[str, list[Change]]
    tensors: Tensors
    problems: dict[str, str] = Field(default_factory=dict)

    @property
    def differ(self) -> bool:
        """Whether anything differs in what the copies hold; not that they lie in two places, or were saved at two
        times."""
        held = {name: found for name, found in self.changes.items() if name != "record"}
        return any(held.values()) or self.tensors.differ or bool(self.problems)


def compare_all(context: AppContext, ours: str, theirs: str, hear: Hear | None = None) -> Difference:
    """Everything of two artifacts. What cannot be looked into is told, and stops nothing else.

    Raises UnknownName, UnreadableRecord, Damaged, and WorkerError when no child can be had.
    """
    found = {"record": compare_records(context, ours, theirs), "files": compare_files(context, ours, theirs)}
    problems: dict[str, str] = {}
    tensors = Tensors()
    for part in PARTS:
        try:
            found[part] = compare_part(context, ours, theirs, part, hear)
        except FormatError as error:
            problems[part] = str(error)
    try:
        tensors = compare_tensors(context, ours, theirs, hear)
    except FormatError as error:
        problems["tensors"] = str(error)
    return Difference(changes=found, tensors=tensors, problems=problems)
