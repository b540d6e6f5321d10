"""Tasks that use the loaded model: predict, activations, dataset rows.

What a child tells of a file from outside that it has loaded for the first time.

A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one.

The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.activations import Inside, look
from core.activations.matching import sketch
from core.arrays import Arrays, plain
from core.demos import get_demo
from core.demos.base import Data, Split, TrainSettings
from core.errors import DoesNotLoad, InputError, WorkerError
from core.explain import translate
from core.runtimes.adapters import offered
from core.runtimes.base import ModelFile, Named, Predictor, pair_inputs
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import open_interpreter
from core.runtimes.reference import BATCH, answer_in_batches, describe, fingerprint, not_finite
from core.runtimes.saved_model import signatures_in
from core.worker.model_loading import code_from, live, load_copy
from core.worker.tasks.base import Reply

# Of these there is a function that answers, and no model with layers.
KINDS = {"saved_model": "module", "onnx": "onnx", "litert": "litert", "openvino": "openvino"}


def described(predictor: Predictor, folder: Path, format: str) -> dict[str, Any]:
    """Kind, size, summary, inputs and weights by hash, as `describe` gives them of a live model; also the remark, and
    the names of the signatures that a person may choose from."""
    facts = _of_file(predictor, folder, KINDS[format]) if format in KINDS else describe(predictor.model)
    return facts | {"remark": predictor.remark, "signatures": _signatures(folder, format)}


def _of_file(predictor: Predictor, folder: Path, kind: str) -> dict[str, Any]:
    weights = predictor.weights() if predictor.weights else []
    size = sum(array.nbytes for _, array in weights)
    return {
        "kind": kind,
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": _table(weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weight_bytes": size or ModelFile(kind, folder).bytes,
        "not_finite": not_finite(weights),
        "weights": fingerprint(weights),
        "optimizer": [],
        "traits": {},
    }


def _table(weights: Named) -> str:
    rows = [f"{name:<48}{array.shape!s:<24}{array.size:>12,}" for name, array in weights]
    return "\n".join([f"{'Tensor':<48}{'Shape':<24}{'Values':>12}", *rows])


def _signatures(folder: Path, format: str) -> list[str]:
    if format == "saved_model":
        return offered(signatures_in(folder))
    if format == "litert":
        return offered(open_interpreter((folder / LITERT).read_bytes()).get_signature_list())
    return []


_held: list[Predictor] = []


def held() -> Predictor:
    """The predictor of this child. Raises WorkerError before one is held."""
    if not _held:
        raise WorkerError("This process has been asked before anything was loaded into it.", cure="Load it again.")
    return _held[-1]


def hold(
    report: Any, arrays: Arrays, *, format: str, folder: str, source: dict[str, Any] | None, variables: bool = True
) -> Reply:
    """Load a copy, keep it in this child, and ask it `arrays`: a first row, or nothing.

    Gives seconds to load and to the first answer, the inputs that it takes and how the given ones were paired with
    them, its remark, and with `variables` its weights by hash. Raises DoesNotLoad in plain words.
    """
    try:
        return _hold(lambda: load_copy(format, Path(folder), code_from(source)), arrays, variables)
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[folder]) from error


def hold_live(report: Any, arrays: Arrays, *, source: dict[str, Any], kind: str, snapshot: str) -> Reply:
    """Rebuild a run's live model from its snapshot and keep it in this child; as `hold`."""
    try:
        return _hold(lambda: live(source, kind, Path(snapshot)), arrays, False)
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[snapshot]) from error


def hold_brought(report: Any, arrays: Arrays, *, folder: str, source: dict[str, Any]) -> Reply:
    """Load a file from outside for the first time and keep it in this child; gives what a run's record says of it
    (see `core.worker.tasks.predict.described`). Raises DoesNotLoad in plain words."""
    try:
        predictor = live(source, "", Path(folder))
        _held[:] = [predictor]
        return described(predictor, Path(folder), source["brought"]["format"]), None
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[folder]) from error


def _hold(load: Callable[[], Predictor], first: Arrays, variables: bool) -> Reply:
    started = time.perf_counter()
    predictor = load()
    facts: dict[str, Any] = {"load_seconds": time.perf_counter() - started, "remark": predictor.remark}
    facts["inputs"] = [spec.to_json() for spec in predictor.inputs]
    facts["weights"] = fingerprint(predictor.weights()) if variables and predictor.weights else None
    facts["input_pairs"] = []
    _held[:] = [predictor]
    if first:
        pairs = pair_inputs(first, predictor.inputs) if predictor.inputs else []
        facts["input_pairs"] = [{"reference": one.given, "answer": one.spec.name, "by": one.by} for one in pairs]
        started = time.perf_counter()
        predictor.predict(first)
        facts["first_seconds"] = time.perf_counter() - started
    return facts, None


def answer(report: Any, arrays: Arrays, *, batch: int = BATCH) -> Reply:
    """Have the predictor that is held answer all rows, `batch` at a time; gives the seconds that it took."""
    started = time.perf_counter()
    try:
        answers = answer_in_batches(held(), arrays, batch)
    except Exception as error:
        raise translate(error, DoesNotLoad) from error
    return {"seconds": time.perf_counter() - started}, answers


_looked_at: list[tuple[Inside, Arrays]] = []


def look_inside(report: Any, arrays: Arrays, *, kind: str, folder: str) -> Reply:
    """Look inside of the predictor that is held, and keep `arrays`, the rows that all that follows is computed for.

    Gives `{"tensors": [...], "remark"}`, the tensors in order of execution. Raises DoesNotLoad in plain words.
    """
    try:
        fitted = held().fitted(arrays)
        inside = look(kind, held(), Path(folder), fitted)
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[folder]) from error
    _looked_at[:] = [(inside, fitted)]
    return {"tensors": [tensor.to_json() for tensor in inside.tensors], "remark": inside.remark}, None


def sketch_tensor(report: Any, arrays: Arrays, *, key: str) -> Reply:
    """Gives `{"shape": [...] without the batch}` and the sketch; the shape None where there is nothing to compare."""
    values = _value(key, None)
    if values is None:
        return {"shape": None}, None
    return {"shape": list(values.shape[1:])}, {"sketch": sketch(values)}


def read_tensor(report: Any, arrays: Arrays, *, key: str, rows: int) -> Reply:
    """Gives one tensor for the first rows, batch first; no array where there is nothing to compare."""
    values = _value(key, rows)
    return {}, None if values is None else {"values": values}


def _value(key: str, rows: int | None) -> Any:
    if not _looked_at:
        raise WorkerError("This process has been asked for a tensor before it looked for any.", cure="Begin again.")
    inside, inputs = _looked_at[-1]
    try:
        return inside.value(key, {name: array[:rows] for name, array in inputs.items()})
    except Exception as error:
        raise translate(error, DoesNotLoad) from error


SPLITS = {"held-out": "held_out", "validation": "validation", "training": "train"}

_made: dict[tuple[str, str], Data] = {}


def rows(
    report: Any, arrays: Arrays, *, demo: str, settings: dict[str, Any], split: str, start: int = 0, count: int = 1024
) -> Reply:
    """At most `count` rows of a split ("held-out", "validation", "training") from row `start` on.

    Gives how many rows the split has, and arrays by name as "input:<name>" and "target:<name>". The child makes the
    data once and keeps it. Raises InputError for another split, DataUnavailable when a download fails.
    """
    if split not in SPLITS:
        raise InputError("There is no such split.", received=split, cure=f"Choose from {', '.join(SPLITS)}.")
    part: Split = getattr(_data(demo, settings), SPLITS[split])
    named = {f"input:{name}": array for name, array in part.inputs.items()}
    named |= {f"target:{name}": array for name, array in part.targets.items()}
    return {"rows": part.rows}, {name: plain(array[start : start + count]) for name, array in named.items()}


def _data(demo: str, settings: dict[str, Any]) -> Data:
    key = demo, repr(sorted(settings.items()))
    if key not in _made:
        _made.clear()
        _made[key] = get_demo(demo).data(TrainSettings(**settings))
    return _made[key]
