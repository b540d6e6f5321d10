"""Load time, latency, memory.

What a copy costs, timed in the child that pays: its load, first answer, answer after answer, and memory.
"""

import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import DoesNotLoad
from core.explain import translate
from core.runtimes.adapters import SINGLE_ROW_REMARK
from core.runtimes.base import ModelSource, Predictor
from core.runtimes.openvino import import_openvino
from core.runtimes.reference import predict_in_batches
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.predict import load, loaded_predictor

Predict = Callable[[Arrays], Arrays]

MIN_CALLS = 2  # that are timed, however long one of them takes
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # what the kernel is told to begin its count of the peak anew


def warm_up(report: Any, arrays: Arrays) -> Reply:
    """Bring a fresh child into the state in which every measuring begins: awake, rehearsed, without a model."""
    from core.worker.warmup import warm_up_once

    warm_up_once()
    return {}, None


def read_thread_counts(report: Any, arrays: Arrays) -> Reply:
    """How many threads each installed runtime is told to use: a number, or None where that is left to it."""
    asked = {name: ask() or None for module, (name, ask) in _THREAD_COUNTS.items() if find_spec(module)}
    return {"threads": asked}, None


def _tensorflow_threads() -> int:
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads()


def _onnx_threads() -> int:
    import onnxruntime

    return onnxruntime.SessionOptions().intra_op_num_threads


def _openvino_threads() -> int:
    return int(import_openvino().Core().get_property("CPU", "INFERENCE_NUM_THREADS"))


_THREAD_COUNTS: dict[str, tuple[str, Callable[[], int | None]]] = {
    "tensorflow": ("TensorFlow", _tensorflow_threads),
    "onnxruntime": ("ONNX Runtime", _onnx_threads),
    "openvino": ("OpenVINO", _openvino_threads),
    "ai_edge_litert": ("LiteRT", lambda: None),  # its interpreter is given no number, and cannot be asked
}


def benchmark_artifact(
    report: Callable[[dict[str, Any]], None],
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: ModelSource | None,
    batches: list[int],
    warm: tuple[int, float],
    timed: tuple[int, float],
) -> Reply:
    """Load a copy, have it answer one row of `arrays`, then call after call in each batch size.

    `warm` and `timed` bound the calls of each batch size by count and by seconds. Gives seconds to load and to the
    first answer, bytes by which the peak of resident memory grew until the first answer and until the last one (None
    where the system does not count it), the CPU seconds of all timed calls of each batch size, and which were fed row
    by row; the arrays hold the seconds of each call (float64) under the batch size. Raises DoesNotLoad in plain words.
    """
    before = reset_peak_memory()
    facts, _ = load(report, _repeat_rows(arrays, 1), format=format, folder=folder, source=source)
    found: dict[str, Any] = {name: facts[name] for name in ("load_seconds", "first_seconds", "remark")}
    found |= {"memory": _growth(before), "busy": {}, "by_row": []}
    seconds: Arrays = {}
    try:
        for batch in batches:
            report({"batch": batch})
            predict, by_row = choose_predict_function(loaded_predictor(), _repeat_rows(arrays, batch))
            seconds[str(batch)], found["busy"][str(batch)] = time_calls(
                predict, _repeat_rows(arrays, batch), warm, timed
            )
            found["by_row"] += [batch] if by_row else []
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[folder]) from error
    return found | {"working_memory": _growth(before)}, seconds


def _repeat_rows(arrays: Arrays, count: int) -> Arrays:
    """Exactly `count` rows: the first ones, from the beginning again where there are too few."""
    return {name: array[np.arange(count) % len(array)] for name, array in arrays.items()}


def choose_predict_function(predictor: Predictor, inputs: Arrays) -> tuple[Predict, bool]:
    """How these rows can be asked, and whether that is row by row because the copy takes no such batch."""
    if SINGLE_ROW_REMARK in predictor.remark:
        return predictor.predict, len(next(iter(inputs.values()))) > 1
    try:
        predictor.predict(inputs)
    except Exception:  # noqa: BLE001  whatever its runtime throws at a batch that it does not take
        predictor.predict(
            _repeat_rows(inputs, 1)
        )  # what is wrong with one row too is wrong with the copy, and is raised
        return lambda rows: predict_in_batches(predictor, rows, 1), True
    return predictor.predict, False


def time_calls(
    predict: Predict, inputs: Arrays, warm: tuple[int, float], timed: tuple[int, float]
) -> tuple[np.ndarray, float]:
    """Seconds of each call after the warm-up, and the CPU seconds that all of them took, over all threads."""
    _time_each_call(predict, inputs, *warm)
    busy = time.process_time()
    seconds = _time_each_call(predict, inputs, *timed)
    return np.array(seconds), time.process_time() - busy


def _time_each_call(predict: Predict, inputs: Arrays, max_calls: int, max_seconds: float) -> list[float]:
    """Seconds of each of up to `most` calls; no more are begun after `limit` seconds, but for LEAST_CALLS."""
    taken: list[float] = []
    ends = time.perf_counter() + max_seconds
    while len(taken) < max_calls and (len(taken) < MIN_CALLS or time.perf_counter() < ends):
        started = time.perf_counter()
        predict(inputs)
        taken.append(time.perf_counter() - started)
    return taken


def reset_peak_memory() -> int | None:
    """Have the system count the peak of this process's resident memory anew; gives where it stands, in bytes.

    None where the system offers no such count: only Linux does.
    """
    try:
        CLEAR.write_text(RESET_PEAK)
        return _read_proc_status("VmRSS")
    except (OSError, LookupError):
        return None


def _growth(before: int | None) -> int | None:
    return None if before is None else max(0, _read_proc_status("VmHWM") - before)


def _read_proc_status(field: str) -> int:
    """A size in this process's status, in bytes. Raises LookupError where there is no such line."""
    lines: Iterable[str] = STATUS.read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(found[field].split()[0]) * 1024
