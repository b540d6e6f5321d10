"""A predictor that a child holds: loaded once, then asked as often as one likes. One for each child."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import DoesNotLoad, WorkerError
from core.explain import translate
from core.formats.contract import Arrays, Predictor, pair_inputs
from core.formats.reference import BATCH, answer_in_batches, fingerprint
from core.worker.bringing import described
from core.worker.loading import load_copy
from core.worker.snapshot import code_from, live

Reply = tuple[dict[str, Any], Arrays | None]

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
    (see `core.worker.bringing.described`). Raises DoesNotLoad in plain words."""
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
