"""Two artifacts beside each other: what their records say, their files, their text, and their tensors one by one."""

from typing import Any

from pydantic import BaseModel, Field

from core.caching import result_cache
from core.context import AppContext
from core.errors import FormatError, RoundtripError
from core.introspection.describe import (
    ProgressCallback,
    cache_key,
    describe_part,
    request_timeout,
    run_confined,
    tensor_names_by_hash,
)
from core.introspection.replies import validate_reply
from core.library.records import Artifact
from core.tensors.json_diff import JsonChange, diff_json
from core.worker.child_handle import CancelCheck

PARTS = ("signatures", "layers", "config", "operators")
LAYER_FIELDS = ("class", "input_shape", "output_shape", "parameters", "dtype", "trainable", "after", "config")


class TensorDistance(BaseModel):
    """See `core.tensors.matching.tensor_distance`."""

    equal: bool
    changed: int = 0
    lost: int = 0
    max_abs: float | None = None
    mean_abs: float | None = None
    relative: float | None = None
    at: list[int] | None = None


class DiffTensor(BaseModel):
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
    def display_name(self) -> str:
        """The run's name where it has one, else the file's."""
        return self.alias or self.name


class TensorPair(BaseModel):
    """Two tensors that belong together: `by` "name", "bits", "values" or "shape"; `turned` says how ours was turned to
    lie on theirs; `distance` is None where there are no numbers."""

    ours: DiffTensor
    theirs: DiffTensor
    by: str
    turned: str = ""
    distance: TensorDistance | None = None

    @property
    def is_identical(self) -> bool:
        """Bit for bit, in the same shape and dtype."""
        return bool(self.distance and self.distance.equal and not self.turned)


class TensorDiff(BaseModel):
    pairs: list[TensorPair] = Field(default_factory=list)
    only_ours: list[DiffTensor] = Field(default_factory=list)
    only_theirs: list[DiffTensor] = Field(default_factory=list)

    @property
    def has_differences(self) -> bool:
        return bool(self.only_ours or self.only_theirs or any(not one.is_identical for one in self.pairs))


def diff_tensors(
    context: AppContext,
    ours: str,
    theirs: str,
    on_progress: ProgressCallback | None = None,
    cancelled: CancelCheck = lambda: False,
) -> TensorDiff:
    """The tensors of two artifacts, paired and measured in one child. Raises what `describe` raises."""

    def make() -> TensorDiff:
        sides = {"ours": ours, "theirs": theirs}
        asked: dict[str, Any] = {name: context.library.verified_folder(id_) for name, id_ in sides.items()}
        for name, id_ in sides.items():
            asked[f"{name}_names"] = tensor_names_by_hash(context.library.run(context.library.artifact(id_).run))
        limits = {"seconds": request_timeout(context), "on_progress": on_progress, "cancelled": cancelled}
        return validate_reply(TensorDiff, run_confined(context, [ours, theirs], "differ", **limits, **asked).message)

    return result_cache.get_or_compute((*cache_key(context, ours), *cache_key(context, theirs), "differ"), make)


def diff_part(
    context: AppContext,
    ours: str,
    theirs: str,
    part: str,
    on_progress: ProgressCallback | None = None,
    *,
    include_equal: bool = False,
) -> list[JsonChange]:
    """The places at which "signatures", "layers", "config" or "operators" differ. Raises what `describe` raises."""
    left, right = (
        _comparable_part(part, describe_part(context, id_, part, on_progress).found) for id_ in (ours, theirs)
    )
    return diff_json(left, right, include_equal=include_equal)


def _comparable_part(part: str, contents: Any) -> Any:
    """What is worth holding against each other: layers and ports by name, of operations how many there are."""
    if contents is None:
        return {}
    contents = _without_object_ids(contents)
    if part == "layers":
        return {one["name"]: {name: one[name] for name in LAYER_FIELDS} for one in contents}
    if part == "operators":
        return {"counts": contents["counts"], "facts": contents["facts"]}
    if part == "signatures":
        signatures = {one["name"]: _signature_ports(one) for one in contents["signatures"]}
        return {
            "signatures": signatures,
            "functions": _functions_by_name(contents["functions"]),
            "facts": contents["facts"],
        }
    return contents


def _without_object_ids(value: Any) -> Any:
    """A document without the numbers by which Keras tells objects apart: they are other ones with every save."""
    if isinstance(value, dict):
        return {name: _without_object_ids(one) for name, one in value.items() if name != "shared_object_id"}
    return [_without_object_ids(one) for one in value] if isinstance(value, list) else value


def _signature_ports(signature: dict[str, Any]) -> dict[str, Any]:
    sides = {side: {port["name"]: _port_text(port) for port in signature[side]} for side in ("inputs", "outputs")}
    return {"method": signature["method"], **sides}


def _port_text(port: dict[str, Any]) -> str:
    return f"{port['dtype']} {format_shape(port['shape'])} {port.get('note', '')}".strip()


def format_shape(shape: list[int | None] | None) -> str:
    """A shape as it is written: "[?, 64]", "?" where a size is free."""
    return "of any shape" if shape is None else f"[{', '.join('?' if one is None else str(one) for one in shape)}]"


def _functions_by_name(functions: list[dict[str, Any]]) -> dict[str, str]:
    return {f"{one['name']} takes {one['takes']}": one["gives"] for one in functions}


def diff_records(context: AppContext, ours: str, theirs: str, *, include_equal: bool = False) -> list[JsonChange]:
    """What the records say: format, run, demo, settings, versions, evidence. No file is opened."""
    return diff_json(*(_artifact_summary(context, id_) for id_ in (ours, theirs)), include_equal=include_equal)


def _artifact_summary(context: AppContext, id_: str) -> dict[str, Any]:
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
        "evidence": _evidence_summary(context, id_),
    }


def _evidence_summary(context: AppContext, id_: str) -> dict[str, Any]:
    try:
        best = context.library.evidence(id_).best
    except RoundtripError as error:
        return {"verdict": str(error)}
    facts = {"verdict": best.verdict.label, "largest difference": best.max_abs, "answers changed": best.changed_rows}
    match = {} if best.weights is None else {"weights of the run": f"{best.weights.found} of {best.weights.of}"}
    return facts | match | {"seconds to load": best.load_seconds}


def diff_files(context: AppContext, ours: str, theirs: str, *, include_equal: bool = False) -> list[JsonChange]:
    """Files by name, with size and hash."""
    return diff_json(
        *(_file_hashes(context.library.artifact(id_)) for id_ in (ours, theirs)), include_equal=include_equal
    )


def _file_hashes(artifact: Artifact) -> dict[str, str]:
    return {one.path: f"{one.bytes:,} bytes, SHA-256 {one.sha256}" for one in artifact.files}


class ArtifactDiff(BaseModel):
    """All of it: places that differ by part, tensors, and by part in a sentence what could not be looked into."""

    changes: dict[str, list[JsonChange]]
    tensors: TensorDiff
    problems: dict[str, str] = Field(default_factory=dict)

    @property
    def has_differences(self) -> bool:
        """Whether anything differs in what the copies hold; not that they lie in two places, or were saved at two
        times."""
        held = {name: found for name, found in self.changes.items() if name != "record"}
        return any(held.values()) or self.tensors.has_differences or bool(self.problems)


def diff_artifacts(
    context: AppContext, ours: str, theirs: str, on_progress: ProgressCallback | None = None
) -> ArtifactDiff:
    """Everything of two artifacts. What cannot be looked into is told, and stops nothing else.

    Raises UnknownName, UnreadableRecord, Damaged, and WorkerError when no child can be had.
    """
    found = {"record": diff_records(context, ours, theirs), "files": diff_files(context, ours, theirs)}
    problems: dict[str, str] = {}
    tensors = TensorDiff()
    for part in PARTS:
        try:
            found[part] = diff_part(context, ours, theirs, part, on_progress)
        except FormatError as error:
            problems[part] = str(error)
    try:
        tensors = diff_tensors(context, ours, theirs, on_progress)
    except FormatError as error:
        problems["tensors"] = str(error)
    return ArtifactDiff(changes=found, tensors=tensors, problems=problems)
