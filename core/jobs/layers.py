"""Job: compare a Keras model with another copy layer by layer, one pair of tensors at a time, and find the first layer
that differs."""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict, cast

import numpy as np

from core.activations.matching import Activation, SketchedActivation, match_by_structure, match_by_value
from core.activations.pictures import activation_picture
from core.arrays import Arrays
from core.compare import RTOL
from core.context import AppContext
from core.errors import InputError
from core.formats import get_format
from core.jobs.execution.job_handle import JobHandle, SourcedRequest
from core.jobs.layer_steps import LayerStep, new_step, unpair_unrelated, unpaired_predecessors, with_difference
from core.jobs.participants import (
    load_participant,
    loaded_together,
    map_input_names,
    rename_arrays,
    require_has_been_run,
    require_same_inputs,
    resolve_code_sources,
    run_id_of,
)
from core.library import Library
from core.settings import MB
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.protocol import Frame
from core.worker.remote_predictor import RemotePredictor

DEFAULT_ROWS = 32  # rows that are predicted, where nobody says otherwise
MAX_ROWS = 64
DEFAULT_TOLERANCE = RTOL  # share of a layer's spread by which two correct float32 implementations may differ

SIDES = ("walked", "held")
ProgressCallback = Callable[[float, str], None]


class LayersRequest(SourcedRequest):
    """`inputs` is the id of an input set; by default the reference of the baseline's run is predicted."""

    baseline: str
    other: str
    rows: int
    tolerance: float
    inputs: NotRequired[str]


class LayersResult(TypedDict, total=False):
    """The layers of one model compared with their partners in another."""

    baseline: str
    other: str
    walked: str  # which of the two has the layers
    held: str  # and which has the partners
    steps: list[LayerStep]  # in order of execution
    first: int | None  # the place of the first step above the tolerance
    together: list[str]  # layers without a partner of their own that are computed together with the first
    rows: int
    tolerance: float
    paired_by: str  # "structure" among Keras models, else "value"
    remarks: list[str]


class LayerLimits(NamedTuple):
    """How long and how much: `cancelled()` ends it, `reply_bytes` bounds one tensor that is sent."""

    cancelled: CancelCheck = never_cancelled
    reply_bytes: int = 256 * 2**20


def activation_kind(library: Library, id_: str) -> str:
    """As what an artifact, or a run's live model, shows its tensors (see `Format.activations`).

    Raises InputError where it hides them, UnknownName.
    """
    if id_.startswith("r"):
        run, kind, label = library.run(id_), "keras", "live model"
    else:
        artifact = library.artifact(id_)
        format_ = get_format(artifact.format)
        run, kind, label = library.run(artifact.run), format_.activations, f"{format_.label} artifact"
    if not kind or (kind == "keras" and run.kind != "keras"):
        sentence = f"No intermediate tensors can be seen in a {'plain tf.Module' if kind else label}."
        cure = "Compare the .keras copy, or a LiteRT, ONNX or OpenVINO one."
        raise InputError(sentence, received=id_, cure=cure)
    return kind


def require_comparable_layers(library: Library, baseline: str, other: str) -> None:
    """Raise InputError where the two have no layers to compare, before anything is started."""
    if "keras" not in [activation_kind(library, id_) for id_ in (baseline, other)]:
        sentence = "Layers are those of a Keras model, and neither of these is one."
        cure = "Choose the .keras copy, or another Keras format, as one of the two."
        raise InputError(sentence, received=f"{baseline} and {other}", cure=cure)
    if baseline == other:
        raise InputError("A copy cannot be compared with itself.", received=other, cure="Choose two copies.")


def build_layers_request(
    context: AppContext,
    baseline: str,
    other: str,
    rows: int,
    tolerance: float,
    sources: dict[str, str],
    inputs: str | None = None,
) -> LayersRequest:
    """Validate what `Jobs.compare_layers` is given. Raises InputError, UnknownName."""
    require_has_been_run(context.library, [baseline, other])
    require_comparable_layers(context.library, baseline, other)
    if not 1 <= rows <= MAX_ROWS:
        raise InputError(f"From 1 to {MAX_ROWS} rows can be asked.", received=rows, cure="Choose fewer rows.")
    if not tolerance >= 0:
        raise InputError("The tolerance is a share of 0 or more.", received=tolerance, cure="Give 0.0001, say.")
    require_same_inputs(context.library, [id_ for id_ in (baseline, other) if id_.startswith("a")])
    request: LayersRequest = {
        "baseline": baseline,
        "other": other,
        "rows": rows,
        "tolerance": tolerance,
        "sources": resolve_code_sources(context.library, [baseline, other], sources),
    }
    if inputs is not None:  # else no part of the request: that of an earlier version is still the same
        request["inputs"] = context.inputs.read(inputs).id
    return request


def run_layers(handle: JobHandle) -> LayersResult:
    """Compare two copies on the first rows of an input set, else of the reference of the baseline's run."""
    request, library = cast(LayersRequest, handle.request), handle.library
    baseline, other = request["baseline"], request["other"]
    inputs = _read_inputs(handle.context, request)
    # The Keras model is walked; where both are, the baseline.
    ids = (baseline, other) if activation_kind(library, baseline) == "keras" else (other, baseline)
    limits = LayerLimits(handle.is_cancelled, handle.config.reply_mb * MB)
    handle.report_progress(0.02, "Loading both copies")
    with loaded_together([partial(_load_copy, handle, id_) for id_ in ids]) as predictors:
        walked, partner = [_open_reader(library, *pair, inputs, limits) for pair in zip(ids, predictors, strict=True)]
        rows = len(next(iter(inputs.values())))
        walk = _LayerWalk(walked, partner, rows, request["tolerance"], handle.report_progress)
        result = walk.compare()
    handle.context.job_store.save_arrays(handle.job.id, walk.pictures)
    result.update({"baseline": baseline, "other": other, "walked": ids[0], "held": ids[1]})
    return result


def _read_inputs(context: AppContext, request: LayersRequest) -> Arrays:
    if "inputs" in request:
        return context.inputs.read_rows(request["inputs"], slice(0, request["rows"]))
    return context.library.reference(run_id_of(context, request["baseline"])).head(request["rows"]).inputs


def _load_copy(handle: JobHandle, id_: str) -> RemotePredictor:
    return load_participant(handle.context, id_, handle.code_source(id_), cancelled=handle.is_cancelled)


def _open_reader(
    library: Library, id_: str, predictor: RemotePredictor, inputs: Arrays, limits: LayerLimits
) -> "ActivationReader":
    folder = library.snapshot(id_) if id_.startswith("r") else library.verified_folder(id_)
    renamed = rename_arrays(inputs, map_input_names(library, id_, inputs))
    return ActivationReader(predictor, activation_kind(library, id_), folder, renamed, limits)


def read_layer_pictures(context: AppContext, job_id: str, places: Iterable[int]) -> dict[int, list[np.ndarray]]:
    """Return the first row's values of the layers at these places in both models, as tables (see `activation_picture`).

    Layers that were not compared are left out, and all of a job of an earlier version. Raises UnknownName.
    """
    try:
        arrays = context.job_store.load_arrays(job_id)
    except OSError:
        return {}
    pairs = {place: [arrays.get(f"{place}:{side}") for side in SIDES] for place in places}
    return {place: [item for item in pair if item is not None] for place, pair in pairs.items() if pair[0] is not None}


class ActivationReader:
    """The tensors inside one loaded copy: listed in order of execution, and read one at a time."""

    def __init__(self, predictor: RemotePredictor, kind: str, folder: Path, inputs: Arrays, limits: LayerLimits):
        self.kind, self.limits, self._predictor = kind, limits, predictor
        facts = self._request("look_inside", arrays=inputs, kind=kind, folder=folder).message
        self.tensors = [Activation.from_json(record) for record in facts["tensors"]]
        self.remark: str = facts["remark"]

    def _request(self, task: str, **request: Any) -> Frame:
        return self._predictor.request(task, cancelled=self.limits.cancelled, **request)

    def sketch_tensors(self, on_sketched: Callable[[], None]) -> list[SketchedActivation]:
        """Sketch the tensors that have numbers for each row; `on_sketched` is called after each tensor."""
        sketched = []
        for tensor in self.tensors:
            frame = self._request("sketch_tensor", key=tensor.key)
            if frame.message["shape"] is not None:
                sketched.append(SketchedActivation(tensor, tuple(frame.message["shape"]), frame.arrays["sketch"]))
            on_sketched()
        return sketched

    def read_tensor(self, tensor: Activation, rows: int) -> np.ndarray | None:
        """Read one tensor for the first rows; None where it has no numbers for each row."""
        return self._request("read_tensor", key=tensor.key, rows=rows).arrays.get("values")


class _LayerWalk:
    """The layers of a Keras model, each compared with its partner in another copy."""

    def __init__(
        self, walked: ActivationReader, other: ActivationReader, rows: int, tolerance: float, report: ProgressCallback
    ):
        self.walked, self.other, self.rows, self.tolerance, self._report = walked, other, rows, tolerance, report
        self.tensors = walked.tensors
        self.pictures: Arrays = {}  # of the first row, by the place of the layer and whose it is: "3:walked", "3:held"

    def compare(self) -> LayersResult:
        """Raises InputError where no layer finds a partner."""
        by_structure = self.other.kind == "keras"
        partners = self._match_by_structure() if by_structure else self._match_by_value()
        if not any(partners.values()):
            received = f"{len(self.tensors)} and {len(self.other.tensors)} tensors"
            cure = "Compare copies of one run, or of models with the same layers."
            raise InputError("No layer of one copy has a partner in the other.", received=received, cure=cure)
        steps, count = [], len(self.tensors)
        for place, tensor in enumerate(self.tensors):
            self._report(0.5 + 0.5 * place / count, f"{place} of {count} layers compared: {tensor.name}")
            steps.append(self._compare_layer(place, tensor, partners[tensor.key]))
        if not by_structure:
            unpair_unrelated(steps, self.tensors)
        first = next((place for place, step in enumerate(steps) if step["above"]), None)
        return {
            "rows": self.rows,
            "tolerance": self.tolerance,
            "paired_by": "structure" if by_structure else "value",
            "steps": steps,
            "first": first,
            "together": [] if first is None else unpaired_predecessors(steps, self.tensors, first),
            "remarks": [reader.remark for reader in (self.walked, self.other) if reader.remark],
        }

    def _match_by_structure(self) -> dict[str, Activation | None]:
        pairs = zip(self.tensors, match_by_structure(self.tensors, self.other.tensors), strict=True)
        return {tensor.key: None if place is None else self.other.tensors[place] for tensor, place in pairs}

    def _match_by_value(self) -> dict[str, Activation | None]:
        total, done = len(self.tensors) + len(self.other.tensors), 0

        def count_sketched() -> None:
            nonlocal done
            done += 1
            self._report(0.05 + 0.45 * done / total, f"{done} of {total} tensors sketched")

        with ThreadPoolExecutor(2) as pool:
            sketches = pool.map(lambda reader: reader.sketch_tensors(count_sketched), (self.walked, self.other))
        left, right = sketches
        partners: dict[str, Activation | None] = dict.fromkeys((tensor.key for tensor in self.tensors), None)
        for sketched, place in zip(left, match_by_value(left, right), strict=True):
            partners[sketched.tensor.key] = None if place is None else right[place].tensor
        return partners

    def _compare_layer(self, place: int, tensor: Activation, partner: Activation | None) -> LayerStep:
        step = new_step(tensor)
        if partner is None:
            return step
        values = self.walked.read_tensor(tensor, self._rows_within_limit(tensor))
        partner_values = None if values is None else self.other.read_tensor(partner, len(values))
        step, laid_out = with_difference(step, partner, values, partner_values, self.tolerance)
        if values is not None and laid_out is not None:
            rows = zip(SIDES, (values[0], laid_out[0]), strict=True)
            self.pictures |= {f"{place}:{side}": activation_picture(row) for side, row in rows}
        return step

    def _rows_within_limit(self, tensor: Activation) -> int:
        """So many rows that a tensor, at 8 bytes a number, stays below half of what a reply may hold."""
        count = math.prod(size or 1 for size in (tensor.shape or ())[1:])
        return max(1, min(self.rows, self.walked.limits.reply_bytes // (16 * count)))
