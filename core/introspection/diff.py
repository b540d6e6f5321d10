"""Diff of two artifacts: their records, their files, the parts that these hold, and their tensors one by one."""

import math
from typing import Any, Literal

from pydantic import BaseModel, Field

from core.caching import result_cache
from core.context import AppContext
from core.errors import FormatError, RoundtripError
from core.introspection.content_match import ContentMatch
from core.introspection.describe import ListedTensor, ProgressCallback, cache_key, describe_part
from core.introspection.sandboxed_reading import Count, run_sandboxed, validate_reply
from core.library.records import Run
from core.readers.base import Port, Signature
from core.tensors.json_diff import JsonChange, diff_json
from core.text.labels import format_shape
from core.worker.child_handle import CancelCheck, never_cancelled

PARTS = ("signatures", "layers", "config", "operators")
Summary = dict[str, object]  # by what a person reads; compared as any JSON
LAYER_FIELDS = ("class", "input_shape", "output_shape", "parameters", "dtype", "trainable", "after", "config")


class TensorDistance(BaseModel):
    """See `core.tensors.statistics.tensor_distance`."""

    equal: bool
    changed: int = 0
    lost: int = 0
    max_abs: float | None = None
    mean_abs: float | None = None
    relative: float | None = None
    at: list[int] | None = None


class DiffTensor(ListedTensor):
    """One tensor; `copy_of` names a matched tensor of the same file with the same bits, where it has no partner."""

    copy_of: str = ""

    @property
    def display_name(self) -> str:
        """The run's name where it has one, else the file's."""
        return self.alias or self.name


class TensorPair(BaseModel):
    """Two tensors matched `by` "name", "bits", "values" or "shape"; `turned` says how the left one was transposed to
    match the right one; `distance` is None where there are no numbers to compare."""

    ours: DiffTensor
    theirs: DiffTensor
    by: str
    turned: str = ""
    distance: TensorDistance | None = None

    @property
    def is_identical(self) -> bool:
        """Whether both are equal bit for bit, in the same shape and dtype."""
        return bool(self.distance and self.distance.equal and not self.turned)


class TensorSplitPair(BaseModel):
    """A tensor of one side ("ours" or "theirs") that stands in parts on the other, cut along `axis`, bit for bit."""

    whole: DiffTensor
    parts: list[DiffTensor]
    whole_in: Literal["ours", "theirs"]
    axis: Count

    @property
    def sentence(self) -> str:
        whole, other = ("A", "B") if self.whole_in == "ours" else ("B", "A")
        names = ", ".join(part.display_name for part in self.parts)
        return f"{self.whole.display_name} of {whole} stands in {len(self.parts)} parts in {other}: {names}."


class TensorDiff(BaseModel):
    """Pairs, tensors that stand in parts, those without a partner, and how many numbers the weights of each side hold
    (None in results of before)."""

    pairs: list[TensorPair] = Field(default_factory=list)
    splits: list[TensorSplitPair] = Field(default_factory=list)
    only_ours: list[DiffTensor] = Field(default_factory=list)
    only_theirs: list[DiffTensor] = Field(default_factory=list)
    values_ours: Count | None = None
    values_theirs: Count | None = None

    @property
    def has_differences(self) -> bool:
        alone = self.only_ours or self.only_theirs or self.splits
        return bool(alone or any(not pair.is_identical for pair in self.pairs))

    @property
    def count_sentences(self) -> list[str]:
        """How many numbers each side holds, what stands in parts, and what is stored more than once."""
        sentences = [split.sentence for split in self.splits]
        if self.values_ours is not None and self.values_theirs is not None:
            sentences.insert(
                0, f"The weights of A hold {self.values_ours:,} numbers, those of B {self.values_theirs:,}."
            )
        for side, tensors in (("A", self.only_ours), ("B", self.only_theirs)):
            if copies := [tensor for tensor in tensors if tensor.copy_of]:
                numbers = sum(math.prod(tensor.shape) for tensor in copies)
                again = "1 tensor" if len(copies) == 1 else f"{len(copies):,} tensors"
                sentences.append(f"{side} stores {again} a second time: {numbers:,} numbers.")
        return sentences


def diff_tensors(
    context: AppContext,
    left: str,
    right: str,
    on_progress: ProgressCallback | None = None,
    cancelled: CancelCheck = never_cancelled,
) -> TensorDiff:
    """Match and measure the tensors of two artifacts in one child. Raises as `describe_part`."""

    def diff() -> TensorDiff:
        names = {
            f"{side}_names": _run_of(context, id_).tensor_names_by_hash()
            for side, id_ in (("ours", left), ("theirs", right))
        }
        folders = {"ours": left, "theirs": right}
        frame = run_sandboxed(context, "differ", folders, on_progress=on_progress, cancelled=cancelled, **names)
        return validate_reply(TensorDiff, frame.message)

    return result_cache.get_or_compute((*cache_key(context, left), *cache_key(context, right), "differ"), diff)


def _run_of(context: AppContext, artifact_id: str) -> Run:
    return context.library.run(context.library.artifact(artifact_id).run)


def diff_part(
    context: AppContext,
    left: str,
    right: str,
    part: str,
    on_progress: ProgressCallback | None = None,
    *,
    include_equal: bool = False,
) -> list[JsonChange]:
    """Return the places at which "signatures", "layers", "config" or "operators" differ. Raises as `describe_part`."""
    sides = (describe_part(context, id_, part, on_progress).content for id_ in (left, right))
    return diff_json(*(_comparable_part(part, contents) for contents in sides), include_equal=include_equal)


def _comparable_part(part: str, contents: Any) -> Any:
    """Return the comparable form of a part: layers and ports by name, of operations their counts."""
    if contents is None:
        return {}
    contents = _without_object_ids(contents)
    if part == "layers":
        return {layer["name"]: {field: layer[field] for field in LAYER_FIELDS} for layer in contents}
    if part == "operators":
        return {"counts": contents["counts"], "facts": contents["facts"]}
    if part == "signatures":
        return {
            "signatures": {signature["name"]: _signature_ports(signature) for signature in contents["signatures"]},
            "functions": {f"{each['name']} takes {each['takes']}": each["gives"] for each in contents["functions"]},
            "facts": contents["facts"],
        }
    return contents


def _without_object_ids(value: Any) -> Any:
    """Return a document without the ids that Keras gives objects, which change with every save."""
    if isinstance(value, dict):
        return {name: _without_object_ids(inner) for name, inner in value.items() if name != "shared_object_id"}
    return [_without_object_ids(inner) for inner in value] if isinstance(value, list) else value


def _signature_ports(signature: Signature) -> Summary:
    sides = {"inputs": signature["inputs"], "outputs": signature["outputs"]}
    texts = {side: {port["name"]: _port_text(port) for port in ports} for side, ports in sides.items()}
    return {"method": signature["method"], **texts}


def _port_text(port: Port) -> str:
    return f"{port['dtype']} {format_shape(port['shape'])} {port.get('note', '')}".strip()


def diff_records(context: AppContext, left: str, right: str, *, include_equal: bool = False) -> list[JsonChange]:
    """Compare two records: format, run, demo, settings, versions, evidence. Opens no artifact file."""
    return diff_json(*(_artifact_summary(context, id_) for id_ in (left, right)), include_equal=include_equal)


def _artifact_summary(context: AppContext, id_: str) -> Summary:
    artifact, run = context.library.artifact(id_), _run_of(context, id_)
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


def _evidence_summary(context: AppContext, id_: str) -> Summary:
    try:
        best = context.library.evidence(id_).best
    except RoundtripError as error:
        return {"verdict": str(error)}
    facts = {"verdict": best.verdict.label, "largest difference": best.max_abs, "answers changed": best.changed_rows}
    match = {} if best.weights is None else {"weights of the run": f"{best.weights.found} of {best.weights.of}"}
    return {**facts, **match, "seconds to load": best.load_seconds}


def diff_files(context: AppContext, left: str, right: str, *, include_equal: bool = False) -> list[JsonChange]:
    """Compare the files of two artifacts by name, size and hash, as their records have them."""
    sides = (
        {file.path: f"{file.bytes:,} bytes, SHA-256 {file.sha256}" for file in context.library.artifact(id_).files}
        for id_ in (left, right)
    )
    return diff_json(*sides, include_equal=include_equal)


def match_content(context: AppContext, left: str, right: str) -> ContentMatch:
    """Compare two artifacts by the content hashes of their records. Opens no artifact file."""
    return ContentMatch.compare(context.library.artifact(left), context.library.artifact(right))


class ArtifactDiff(BaseModel):
    """Changes by part, the tensors, by part the error of what could not be read, and what the content hashes say."""

    changes: dict[str, list[JsonChange]]
    tensors: TensorDiff
    problems: dict[str, str] = Field(default_factory=dict)
    content: ContentMatch = ContentMatch(has_equal_bytes=False)

    @property
    def has_differences(self) -> bool:
        """Whether the contents differ; the records, whose times always do, are left out."""
        changes = [changes for part, changes in self.changes.items() if part != "record"]
        return any(changes) or self.tensors.has_differences or bool(self.problems)


def diff_artifacts(
    context: AppContext, left: str, right: str, on_progress: ProgressCallback | None = None
) -> ArtifactDiff:
    """Compare two artifacts in every part; the error of a part that cannot be read is in `problems`.

    Raises UnknownName, UnreadableRecord, Damaged, and WorkerError when no child can be had.
    """
    changes = {"record": diff_records(context, left, right), "files": diff_files(context, left, right)}
    diff = ArtifactDiff(changes=changes, tensors=TensorDiff(), content=match_content(context, left, right))
    for part in (*PARTS, "tensors"):
        try:
            if part == "tensors":
                diff.tensors = diff_tensors(context, left, right, on_progress)
            else:
                diff.changes[part] = diff_part(context, left, right, part, on_progress)
        except FormatError as error:
            diff.problems[part] = str(error)
    return diff
