"""The work of a layers job: walk a Keras model layer by layer, hold each against its partner in another copy, and say
which is the first that differs. One pair of tensors at a time."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.activations.matching import Difference, Seen, Tensor, difference, pair_by_structure, pair_by_value
from core.arrays import Arrays
from core.compare import RTOL
from core.context import AppContext
from core.errors import InputError, cleanup_on_error
from core.formats import get_format
from core.jobs.participants import (
    open_participant,
    renamed,
    renamed_inputs,
    require_run,
    require_same_inputs,
    resolve_sources,
    run_of,
)
from core.jobs.runner import JobHandle
from core.library import Library
from core.worker.remote_predictor import Loaded

ROWS = 32  # rows that are asked, where nobody says otherwise
MOST_ROWS = 64
TOLERANCE = RTOL  # share of a layer's spread by which two correct float32 implementations may differ
PAIRED, UNPAIRED, NO_NUMBERS = "paired", "fused or missing", "no numbers"

MEASURED = ("permutation", "max_abs", "mean_abs", "relative", "near", "not_finite")
LAID_OUT = "It is laid out otherwise."
HALF = "In half precision a value is exact to about a thousandth."
STRANGER = 0.5  # of two strangers fewer values than this share are near one another
SHRINKS = 30  # a difference of a whole layer that shrinks by more than this in the next was no difference

Tell = Callable[[float, str], None]


class Limits(NamedTuple):
    """How long and how much: `cancelled()` ends it, `reply_bytes` bounds one tensor that is sent."""

    cancelled: Callable[[], bool] = lambda: False
    reply_bytes: int = 256 * 2**20


def inside_of(library: Library, id_: str) -> str:
    """As what an artifact, or a run's live model, shows its tensors (see `Format.inside`).

    Raises InputError where it hides them, UnknownName.
    """
    if id_.startswith("r"):
        run, kind, label = library.run(id_), "keras", "live model"
    else:
        artifact = library.artifact(id_)
        one = get_format(artifact.format)
        run, kind, label = library.run(artifact.run), one.inside, f"{one.label} artifact"
    if not kind or (kind == "keras" and run.kind != "keras"):
        what = "plain tf.Module" if kind else label
        raise InputError(
            f"No intermediate tensors can be seen in a {what}.",
            received=id_,
            cure="Compare the .keras copy, or a LiteRT, ONNX or OpenVINO one.",
        )
    return kind


def require_layers(library: Library, baseline: str, other: str) -> None:
    """Raises InputError where the two have no layers to be held against one another, before anything is started."""
    kinds = [inside_of(library, id_) for id_ in (baseline, other)]
    if "keras" not in kinds:
        raise InputError(
            "Layers are those of a Keras model, and neither of these is one.",
            received=f"{baseline} and {other}",
            cure="Choose the .keras copy, or another Keras format, as one of the two.",
        )
    if baseline == other:
        raise InputError("A copy cannot be held against itself.", received=other, cure="Choose two copies.")


def layers_request(
    context: AppContext,
    baseline: str,
    other: str,
    rows: int,
    tolerance: float,
    sources: dict[str, str],
    inputs: str | None = None,
) -> dict[str, Any]:
    """What a walk from layer to layer is asked. Raises InputError, UnknownName."""
    require_run(context.library, [baseline, other])
    require_layers(context.library, baseline, other)
    if not 1 <= rows <= MOST_ROWS:
        raise InputError(f"From 1 to {MOST_ROWS} rows can be asked.", received=rows, cure="Choose fewer rows.")
    if not tolerance >= 0:
        raise InputError("The tolerance is a share of 0 or more.", received=tolerance, cure="Give 0.0001, say.")
    require_same_inputs(context.library, [id_ for id_ in (baseline, other) if id_.startswith("a")])
    request = {"baseline": baseline, "other": other, "rows": rows, "tolerance": tolerance}
    if inputs is not None:  # else no part of the request: that of an earlier version is still the same
        request |= {"inputs": context.inputs.read(inputs).id}
    return request | {"sources": resolve_sources(context.library, [baseline, other], sources)}


def layers_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Walk the layers of one copy against another, on the first rows of an input set, else of the
    reference of the baseline's run."""
    request = handle.job.request
    baseline, other = request["baseline"], request["other"]
    inputs = _inputs(context, request)
    # The Keras model is walked; where both are, the baseline.
    walked, held = (baseline, other) if inside_of(context.library, baseline) == "keras" else (other, baseline)
    limits = Limits(handle.cancelled, context.config.reply_mib * 2**20)
    with ThreadPoolExecutor(2) as pool:
        handle.tell(0.02, "Loading both copies")
        opened = [pool.submit(_open, context, handle, id_) for id_ in (walked, held)]
        sides = _both(opened)
    with sides[0], sides[1]:
        ours, theirs = (
            Side(loaded, inside_of(context.library, id_), _folder(context, id_), _named(context, id_, inputs), limits)
            for loaded, id_ in zip(sides, (walked, held), strict=True)
        )
        found = walk(ours, theirs, len(next(iter(inputs.values()))), request["tolerance"], handle.tell)
    return {"baseline": baseline, "other": other, "walked": walked, "held": held} | found


def _inputs(context: AppContext, request: dict[str, Any]) -> Arrays:
    if "inputs" in request:
        return context.inputs.take(request["inputs"], slice(0, request["rows"]))
    return context.library.reference(run_of(context, request["baseline"])).head(request["rows"]).inputs


def _named(context: AppContext, id_: str, inputs: Arrays) -> Arrays:
    """The inputs by the names by which this copy takes them."""
    return renamed(inputs, renamed_inputs(context.library, id_, list(inputs)))


def _open(context: AppContext, handle: JobHandle, id_: str) -> Loaded:
    source = handle.job.request["sources"].get(id_, "none")
    return open_participant(context, id_, source, cancelled=handle.cancelled)


def _both(opened: list[Any]) -> list[Loaded]:
    """Both copies, or the first error; then the one that did open is closed."""
    with cleanup_on_error(lambda: _close_all(opened)):
        return [one.result() for one in opened]


def _close_all(opened: list[Any]) -> None:
    for one in opened:
        if one.exception() is None:
            one.result().close()


def _folder(context: AppContext, id_: str) -> Path:
    return context.library.snapshot(id_) if id_.startswith("r") else context.library.files(id_)


class Side:
    """One copy, looked into: its tensors in order of execution, and one of them at a time."""

    def __init__(self, loaded: Loaded, kind: str, folder: Path, inputs: Arrays, limits: Limits):
        self.kind, self.limits, self._loaded = kind, limits, loaded
        facts = self._ask("look_inside", arrays=inputs, kind=kind, folder=folder).message
        self.tensors = [Tensor.from_json(one) for one in facts["tensors"]]
        self.remark: str = facts["remark"]

    def _ask(self, task: str, **request: Any) -> Any:
        return self._loaded.ask(task, cancelled=self.limits.cancelled, **request)

    def seen(self, heard: Callable[[], None]) -> list[Seen]:
        """Those tensors that have numbers for each row, with their sketches; `heard` is called after each."""
        found = []
        for tensor in self.tensors:
            frame = self._ask("sketch_tensor", key=tensor.key)
            if frame.message["shape"] is not None:
                found.append(Seen(tensor, tuple(frame.message["shape"]), frame.arrays["sketch"]))
            heard()
        return found

    def read(self, tensor: Tensor, rows: int) -> np.ndarray | None:
        """One tensor for the first rows; None where it has no numbers for each row."""
        return self._ask("read_tensor", key=tensor.key, rows=rows).arrays.get("values")


def walk(ours: Side, theirs: Side, rows: int, tolerance: float, tell: Tell = lambda done, note: None) -> dict[str, Any]:
    """Hold each layer of ours against its partner.

    Gives `steps` in order of execution, `first` (the place of the first above `tolerance`, or None), `together` (the
    layers without a partner of their own that are computed together with it), `rows`, `tolerance`, `paired_by`
    ("structure" among Keras models, else "value") and `remarks`. Raises InputError where no layer finds a partner.
    """
    by_structure = theirs.kind == "keras"
    partners = _by_structure(ours, theirs) if by_structure else _by_value(ours, theirs, tell)
    if not any(partners.values()):
        raise InputError(
            "No layer of one copy has a partner in the other.",
            received=f"{len(ours.tensors)} and {len(theirs.tensors)} tensors",
            cure="Compare copies of one run, or of models with the same layers.",
        )
    steps = []
    for place, tensor in enumerate(ours.tensors):
        tell(0.5 + 0.5 * place / len(ours.tensors), f"{place} of {len(ours.tensors)} layers compared: {tensor.name}")
        steps.append(_step(tensor, partners[tensor.key], ours, theirs, rows, tolerance))
    if not by_structure:
        _explain_away(steps, ours.tensors)
    first = next((place for place, step in enumerate(steps) if step["above"]), None)
    together = [] if first is None else _together(steps, ours.tensors, first)
    facts = {"rows": rows, "tolerance": tolerance, "paired_by": "structure" if by_structure else "value"}
    remarks = [one for one in (ours.remark, theirs.remark) if one]
    return facts | {"steps": steps, "first": first, "together": together, "remarks": remarks}


def _by_structure(ours: Side, theirs: Side) -> dict[str, Tensor | None]:
    partners = pair_by_structure(ours.tensors, theirs.tensors)
    return {one.key: None if at is None else theirs.tensors[at] for one, at in zip(ours.tensors, partners, strict=True)}


def _by_value(ours: Side, theirs: Side, tell: Tell) -> dict[str, Tensor | None]:
    total, done = len(ours.tensors) + len(theirs.tensors), 0

    def heard() -> None:
        nonlocal done
        done += 1
        tell(0.05 + 0.45 * done / total, f"{done} of {total} tensors sketched")

    with ThreadPoolExecutor(2) as pool:
        left, right = [one.result() for one in [pool.submit(side.seen, heard) for side in (ours, theirs)]]
    partners = dict.fromkeys((one.key for one in ours.tensors), None)
    for one, at in zip(left, pair_by_value(left, right), strict=True):
        partners[one.tensor.key] = None if at is None else right[at].tensor
    return partners


def _step(
    tensor: Tensor, partner: Tensor | None, ours: Side, theirs: Side, rows: int, tolerance: float
) -> dict[str, Any]:
    step = {"layer": tensor.name, "class": tensor.op, "partner": None, "op": None, "state": UNPAIRED, "above": False}
    step |= dict.fromkeys(MEASURED)
    step["shape"] = None if tensor.shape is None else [None, *tensor.shape[1:]]
    if partner is None:
        return step | {"words": "It has no tensor of its own in the other copy: fused with a neighbour, or missing."}
    values = ours.read(tensor, _fitting(rows, tensor, ours.limits))
    other = None if values is None else theirs.read(partner, len(values))
    if values is None or other is None:
        return step | {"state": NO_NUMBERS, "words": "It gives no numbers for each row: words, or a shape."}
    step |= {"partner": partner.name, "op": partner.op, "shape": [None, *values.shape[1:]]}
    if values.size != other.size:
        return step | {"words": "Its partner by structure gives another number of values, so they are not compared."}
    half = "float16" in (values.dtype.name, other.dtype.name)
    return step | _measured(difference(values, other), len(values), tolerance, half)


def _fitting(rows: int, tensor: Tensor, limits: Limits) -> int:
    """So many rows that a tensor, at 8 bytes a number, stays below half of what a reply may hold."""
    count = math.prod(size or 1 for size in (tensor.shape or ())[1:])
    return max(1, min(rows, limits.reply_bytes // (16 * count)))


def _measured(found: Difference, rows: int, tolerance: float, half: bool) -> dict[str, Any]:
    turned = found.axes is None or found.axes != tuple(sorted(found.axes))
    return {
        "state": PAIRED,
        "permutation": None if found.axes is None else list(found.axes),
        "max_abs": found.max_abs,
        "mean_abs": found.mean_abs,
        "relative": found.relative,
        "near": found.near,
        "not_finite": found.not_finite,
        "rows": rows,
        "above": found.above(tolerance),
        "words": " ".join(filter(None, (_how_far(found, tolerance), LAID_OUT if turned else "", HALF if half else ""))),
    }


def _how_far(found: Difference, tolerance: float) -> str:
    if found.identical:
        return "The same to the last bit."
    if found.not_finite:
        return f"{found.not_finite:,} values are NaN or infinite in only one of the two."
    return "It differs by more than the tolerance." if found.above(tolerance) else "The same within the tolerance."


def _explain_away(steps: list[dict[str, Any]], tensors: list[Tensor]) -> None:
    """What is nowhere near its partner, while a layer that is computed from it is near its own, has been paired with a
    stranger: it has no tensor of its own in the other copy."""
    behind: dict[str, list[int]] = {}
    for place, tensor in enumerate(tensors):
        for key in tensor.after:
            behind.setdefault(key, []).append(place)
    reach = [_off(step) for step in steps]  # how far it is off, or the least of what is computed from it
    for place in reversed(range(len(steps))):
        step, least = steps[place], min((reach[one] for one in behind.get(tensors[place].key, ())), default=np.inf)
        if step["above"] and step["near"] < STRANGER and least * SHRINKS < reach[place]:
            step |= dict.fromkeys(("partner", "op", *MEASURED)) | {"state": UNPAIRED, "above": False}
            step["words"] = "It has no tensor of its own in the other copy, and what is computed from it is sound."
        if step["state"] != PAIRED:
            reach[place] = least


def _off(step: dict[str, Any]) -> float:
    """The mean difference in units of the spread; infinite where it was not measured."""
    if step["state"] != PAIRED:
        return np.inf
    return step["mean_abs"] * step["relative"] / step["max_abs"] if step["max_abs"] else 0.0


def _together(steps: list[dict[str, Any]], tensors: list[Tensor], first: int) -> list[str]:
    """Names of the layers without a partner right before the first that differs: the cause may lie in any of them."""
    places = {tensor.key: place for place, tensor in enumerate(tensors)}
    found, todo = set(), list(tensors[first].after)
    while todo:
        place = places[todo.pop()]
        if place not in found and steps[place]["state"] == UNPAIRED:
            found.add(place)
            todo += tensors[place].after
    return [steps[place]["layer"] for place in sorted(found)]
