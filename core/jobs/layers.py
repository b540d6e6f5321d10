"""The work of a layers job: walk a Keras model layer by layer, hold each against its partner in another copy, and say
which is the first that differs. One pair of tensors at a time."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.activations.matching import (
    Activation,
    ActivationDifference,
    SketchedActivation,
    compare_activations,
    match_by_structure,
    match_by_value,
)
from core.arrays import Arrays
from core.compare import RTOL
from core.context import AppContext
from core.errors import InputError, cleanup_on_error
from core.formats import get_format
from core.jobs.participants import (
    load_participant,
    map_input_names,
    rename_arrays,
    require_has_been_run,
    require_same_inputs,
    resolve_code_sources,
    run_id_of,
)
from core.jobs.runner import JobHandle
from core.library import Library
from core.worker.remote_predictor import RemotePredictor

DEFAULT_ROWS = 32  # rows that are asked, where nobody says otherwise
MAX_ROWS = 64
DEFAULT_TOLERANCE = RTOL  # share of a layer's spread by which two correct float32 implementations may differ
PAIRED, UNPAIRED, NO_NUMBERS = "paired", "fused or missing", "no numbers"

METRIC_KEYS = ("permutation", "max_abs", "mean_abs", "relative", "near", "not_finite")
LAYOUT_NOTE = "It is laid out otherwise."
HALF_PRECISION_NOTE = "In half precision a value is exact to about a thousandth."
UNRELATED_NEAR_SHARE = 0.5  # of two strangers fewer values than this share are near one another
RECOVERY_FACTOR = 30  # a difference of a whole layer that shrinks by more than this in the next was no difference

ProgressCallback = Callable[[float, str], None]


class LayerLimits(NamedTuple):
    """How long and how much: `cancelled()` ends it, `reply_bytes` bounds one tensor that is sent."""

    cancelled: Callable[[], bool] = lambda: False
    reply_bytes: int = 256 * 2**20


def activation_kind(library: Library, id_: str) -> str:
    """As what an artifact, or a run's live model, shows its tensors (see `Format.inside`).

    Raises InputError where it hides them, UnknownName.
    """
    if id_.startswith("r"):
        run, kind, label = library.run(id_), "keras", "live model"
    else:
        artifact = library.artifact(id_)
        one = get_format(artifact.format)
        run, kind, label = library.run(artifact.run), one.activations, f"{one.label} artifact"
    if not kind or (kind == "keras" and run.kind != "keras"):
        what = "plain tf.Module" if kind else label
        raise InputError(
            f"No intermediate tensors can be seen in a {what}.",
            received=id_,
            cure="Compare the .keras copy, or a LiteRT, ONNX or OpenVINO one.",
        )
    return kind


def require_comparable_layers(library: Library, baseline: str, other: str) -> None:
    """Raises InputError where the two have no layers to be held against one another, before anything is started."""
    kinds = [activation_kind(library, id_) for id_ in (baseline, other)]
    if "keras" not in kinds:
        raise InputError(
            "Layers are those of a Keras model, and neither of these is one.",
            received=f"{baseline} and {other}",
            cure="Choose the .keras copy, or another Keras format, as one of the two.",
        )
    if baseline == other:
        raise InputError("A copy cannot be held against itself.", received=other, cure="Choose two copies.")


def build_layers_request(
    context: AppContext,
    baseline: str,
    other: str,
    rows: int,
    tolerance: float,
    sources: dict[str, str],
    inputs: str | None = None,
) -> dict[str, Any]:
    """What a walk from layer to layer is asked. Raises InputError, UnknownName."""
    require_has_been_run(context.library, [baseline, other])
    require_comparable_layers(context.library, baseline, other)
    if not 1 <= rows <= MAX_ROWS:
        raise InputError(f"From 1 to {MAX_ROWS} rows can be asked.", received=rows, cure="Choose fewer rows.")
    if not tolerance >= 0:
        raise InputError("The tolerance is a share of 0 or more.", received=tolerance, cure="Give 0.0001, say.")
    require_same_inputs(context.library, [id_ for id_ in (baseline, other) if id_.startswith("a")])
    request = {"baseline": baseline, "other": other, "rows": rows, "tolerance": tolerance}
    if inputs is not None:  # else no part of the request: that of an earlier version is still the same
        request |= {"inputs": context.inputs.read(inputs).id}
    return request | {"sources": resolve_code_sources(context.library, [baseline, other], sources)}


def run_layers(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Walk the layers of one copy against another, on the first rows of an input set, else of the
    reference of the baseline's run."""
    request = handle.job.request
    baseline, other = request["baseline"], request["other"]
    inputs = _read_inputs(context, request)
    # The Keras model is walked; where both are, the baseline.
    walked, held = (baseline, other) if activation_kind(context.library, baseline) == "keras" else (other, baseline)
    limits = LayerLimits(handle.is_cancelled, context.config.reply_mib * 2**20)
    with ThreadPoolExecutor(2) as pool:
        handle.report_progress(0.02, "Loading both copies")
        opened = [pool.submit(_load_copy, context, handle, id_) for id_ in (walked, held)]
        sides = _await_both(opened)
    with sides[0], sides[1]:
        ours, theirs = (
            ActivationReader(
                loaded,
                activation_kind(context.library, id_),
                _model_folder(context, id_),
                _rename_inputs(context, id_, inputs),
                limits,
            )
            for loaded, id_ in zip(sides, (walked, held), strict=True)
        )
        found = compare_layers(
            ours, theirs, len(next(iter(inputs.values()))), request["tolerance"], handle.report_progress
        )
    return {"baseline": baseline, "other": other, "walked": walked, "held": held} | found


def _read_inputs(context: AppContext, request: dict[str, Any]) -> Arrays:
    if "inputs" in request:
        return context.inputs.read_rows(request["inputs"], slice(0, request["rows"]))
    return context.library.reference(run_id_of(context, request["baseline"])).head(request["rows"]).inputs


def _rename_inputs(context: AppContext, id_: str, inputs: Arrays) -> Arrays:
    """The inputs by the names by which this copy takes them."""
    return rename_arrays(inputs, map_input_names(context.library, id_, list(inputs)))


def _load_copy(context: AppContext, handle: JobHandle, id_: str) -> RemotePredictor:
    source = handle.job.request["sources"].get(id_, "none")
    return load_participant(context, id_, source, cancelled=handle.is_cancelled)


def _await_both(opened: list[Any]) -> list[RemotePredictor]:
    """Both copies, or the first error; then the one that did open is closed."""
    with cleanup_on_error(lambda: _close_all(opened)):
        return [one.result() for one in opened]


def _close_all(opened: list[Any]) -> None:
    for one in opened:
        if one.exception() is None:
            one.result().close()


def _model_folder(context: AppContext, id_: str) -> Path:
    return context.library.snapshot(id_) if id_.startswith("r") else context.library.verified_folder(id_)


class ActivationReader:
    """One copy, looked into: its tensors in order of execution, and one of them at a time."""

    def __init__(self, predictor: RemotePredictor, kind: str, folder: Path, inputs: Arrays, limits: LayerLimits):
        self.kind, self.limits, self._predictor = kind, limits, predictor
        facts = self._request("look_inside", arrays=inputs, kind=kind, folder=folder).message
        self.tensors = [Activation.from_json(one) for one in facts["tensors"]]
        self.remark: str = facts["remark"]

    def _request(self, task: str, **request: Any) -> Any:
        return self._predictor.request(task, cancelled=self.limits.cancelled, **request)

    def sketch_tensors(self, on_sketched: Callable[[], None]) -> list[SketchedActivation]:
        """Those tensors that have numbers for each row, with their sketches; `heard` is called after each."""
        found = []
        for tensor in self.tensors:
            frame = self._request("sketch_tensor", key=tensor.key)
            if frame.message["shape"] is not None:
                found.append(SketchedActivation(tensor, tuple(frame.message["shape"]), frame.arrays["sketch"]))
            on_sketched()
        return found

    def read_tensor(self, tensor: Activation, rows: int) -> np.ndarray | None:
        """One tensor for the first rows; None where it has no numbers for each row."""
        return self._request("read_tensor", key=tensor.key, rows=rows).arrays.get("values")


def compare_layers(
    ours: ActivationReader,
    theirs: ActivationReader,
    rows: int,
    tolerance: float,
    on_progress: ProgressCallback = lambda done, note: None,
) -> dict[str, Any]:
    """Hold each layer of ours against its partner.

    Gives `steps` in order of execution, `first` (the place of the first above `tolerance`, or None), `together` (the
    layers without a partner of their own that are computed together with it), `rows`, `tolerance`, `paired_by`
    ("structure" among Keras models, else "value") and `remarks`. Raises InputError where no layer finds a partner.
    """
    by_structure = theirs.kind == "keras"
    partners = _match_by_structure(ours, theirs) if by_structure else _match_by_value(ours, theirs, on_progress)
    if not any(partners.values()):
        raise InputError(
            "No layer of one copy has a partner in the other.",
            received=f"{len(ours.tensors)} and {len(theirs.tensors)} tensors",
            cure="Compare copies of one run, or of models with the same layers.",
        )
    steps = []
    for place, tensor in enumerate(ours.tensors):
        on_progress(
            0.5 + 0.5 * place / len(ours.tensors), f"{place} of {len(ours.tensors)} layers compared: {tensor.name}"
        )
        steps.append(_compare_layer(tensor, partners[tensor.key], ours, theirs, rows, tolerance))
    if not by_structure:
        _unpair_unrelated(steps, ours.tensors)
    first = next((place for place, step in enumerate(steps) if step["above"]), None)
    together = [] if first is None else _unpaired_predecessors(steps, ours.tensors, first)
    facts = {"rows": rows, "tolerance": tolerance, "paired_by": "structure" if by_structure else "value"}
    remarks = [one for one in (ours.remark, theirs.remark) if one]
    return facts | {"steps": steps, "first": first, "together": together, "remarks": remarks}


def _match_by_structure(ours: ActivationReader, theirs: ActivationReader) -> dict[str, Activation | None]:
    partners = match_by_structure(ours.tensors, theirs.tensors)
    return {one.key: None if at is None else theirs.tensors[at] for one, at in zip(ours.tensors, partners, strict=True)}


def _match_by_value(
    ours: ActivationReader, theirs: ActivationReader, on_progress: ProgressCallback
) -> dict[str, Activation | None]:
    total, done = len(ours.tensors) + len(theirs.tensors), 0

    def heard() -> None:
        nonlocal done
        done += 1
        on_progress(0.05 + 0.45 * done / total, f"{done} of {total} tensors sketched")

    with ThreadPoolExecutor(2) as pool:
        left, right = [one.result() for one in [pool.submit(side.sketch_tensors, heard) for side in (ours, theirs)]]
    partners = dict.fromkeys((one.key for one in ours.tensors), None)
    for one, at in zip(left, match_by_value(left, right), strict=True):
        partners[one.tensor.key] = None if at is None else right[at].tensor
    return partners


def _compare_layer(
    tensor: Activation,
    partner: Activation | None,
    ours: ActivationReader,
    theirs: ActivationReader,
    rows: int,
    tolerance: float,
) -> dict[str, Any]:
    step = {"layer": tensor.name, "class": tensor.op, "partner": None, "op": None, "state": UNPAIRED, "above": False}
    step |= dict.fromkeys(METRIC_KEYS)
    step["shape"] = None if tensor.shape is None else [None, *tensor.shape[1:]]
    if partner is None:
        return step | {"words": "It has no tensor of its own in the other copy: fused with a neighbour, or missing."}
    values = ours.read_tensor(tensor, _rows_within_limit(rows, tensor, ours.limits))
    other = None if values is None else theirs.read_tensor(partner, len(values))
    if values is None or other is None:
        return step | {"state": NO_NUMBERS, "words": "It gives no numbers for each row: words, or a shape."}
    step |= {"partner": partner.name, "op": partner.op, "shape": [None, *values.shape[1:]]}
    if values.size != other.size:
        return step | {"words": "Its partner by structure gives another number of values, so they are not compared."}
    half = "float16" in (values.dtype.name, other.dtype.name)
    return step | _difference_metrics(compare_activations(values, other), len(values), tolerance, half)


def _rows_within_limit(rows: int, tensor: Activation, limits: LayerLimits) -> int:
    """So many rows that a tensor, at 8 bytes a number, stays below half of what a reply may hold."""
    count = math.prod(size or 1 for size in (tensor.shape or ())[1:])
    return max(1, min(rows, limits.reply_bytes // (16 * count)))


def _difference_metrics(
    layer_difference: ActivationDifference, rows: int, tolerance: float, is_half_precision: bool
) -> dict[str, Any]:
    turned = layer_difference.axes is None or layer_difference.axes != tuple(sorted(layer_difference.axes))
    return {
        "state": PAIRED,
        "permutation": None if layer_difference.axes is None else list(layer_difference.axes),
        "max_abs": layer_difference.max_abs,
        "mean_abs": layer_difference.mean_abs,
        "relative": layer_difference.relative,
        "near": layer_difference.near,
        "not_finite": layer_difference.not_finite,
        "rows": rows,
        "above": layer_difference.exceeds(tolerance),
        "words": " ".join(
            filter(
                None,
                (
                    _describe_difference(layer_difference, tolerance),
                    LAYOUT_NOTE if turned else "",
                    HALF_PRECISION_NOTE if is_half_precision else "",
                ),
            )
        ),
    }


def _describe_difference(layer_difference: ActivationDifference, tolerance: float) -> str:
    if layer_difference.identical:
        return "The same to the last bit."
    if layer_difference.not_finite:
        return f"{layer_difference.not_finite:,} values are NaN or infinite in only one of the two."
    return (
        "It differs by more than the tolerance."
        if layer_difference.exceeds(tolerance)
        else "The same within the tolerance."
    )


def _unpair_unrelated(steps: list[dict[str, Any]], tensors: list[Activation]) -> None:
    """What is nowhere near its partner, while a layer that is computed from it is near its own, has been paired with a
    stranger: it has no tensor of its own in the other copy."""
    behind: dict[str, list[int]] = {}
    for place, tensor in enumerate(tensors):
        for key in tensor.after:
            behind.setdefault(key, []).append(place)
    reach = [_relative_error(step) for step in steps]  # how far it is off, or the least of what is computed from it
    for place in reversed(range(len(steps))):
        step, least = steps[place], min((reach[one] for one in behind.get(tensors[place].key, ())), default=np.inf)
        if step["above"] and step["near"] < UNRELATED_NEAR_SHARE and least * RECOVERY_FACTOR < reach[place]:
            step |= dict.fromkeys(("partner", "op", *METRIC_KEYS)) | {"state": UNPAIRED, "above": False}
            step["words"] = "It has no tensor of its own in the other copy, and what is computed from it is sound."
        if step["state"] != PAIRED:
            reach[place] = least


def _relative_error(step: dict[str, Any]) -> float:
    """The mean difference in units of the spread; infinite where it was not measured."""
    if step["state"] != PAIRED:
        return np.inf
    return step["mean_abs"] * step["relative"] / step["max_abs"] if step["max_abs"] else 0.0


def _unpaired_predecessors(steps: list[dict[str, Any]], tensors: list[Activation], first: int) -> list[str]:
    """Names of the layers without a partner right before the first that differs: the cause may lie in any of them."""
    places = {tensor.key: place for place, tensor in enumerate(tensors)}
    found, todo = set(), list(tensors[first].after)
    while todo:
        place = places[todo.pop()]
        if place not in found and steps[place]["state"] == UNPAIRED:
            found.add(place)
            todo += tensors[place].after
    return [steps[place]["layer"] for place in sorted(found)]
