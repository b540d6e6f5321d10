"""Tasks: what an artifact costs, timed in the child that pays: load, first prediction, latency, memory."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TypedDict

import numpy as np

from core.arrays import Arrays
from core.error_translation import translated
from core.errors import DoesNotLoad
from core.runtimes.base import ModelSource, Predictor, predict_in_batches
from core.runtimes.batch_adapter import SINGLE_ROW_REMARK
from core.runtimes.onnx import import_onnxruntime
from core.runtimes.openvino import import_openvino
from core.worker.processes import read_process_status, reset_peak_memory
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.predict import load, loaded_predictor
from core.worker.warmup import warm_up_once

Predict = Callable[[Arrays], Arrays]
CallLimits = tuple[int, float]  # calls and seconds, at most

MIN_CALLS = 2  # that are timed, however long one of them takes


class ThreadCounts(TypedDict):
    """Threads by runtime; None where the number is left to the runtime."""

    threads: dict[str, int | None]


class BenchmarkReply(TypedDict):
    """Costs of one artifact in one child.

    `memory` and `working_memory` are bytes by which the peak of resident memory grew until the first prediction and
    until the last (None where the system does not count it); `busy` is CPU seconds of all timed calls by batch size,
    `by_row` the batch sizes that were fed row by row. The arrays are seconds of each call, (calls,) float64, by batch
    size.
    """

    load_seconds: float
    first_seconds: float
    remark: str
    memory: int | None
    working_memory: int | None
    busy: dict[str, float]
    by_row: list[int]


def warm_up(report: Report, arrays: Arrays) -> Reply:
    """Bring a fresh child into the state in which every benchmark begins: warmed up, without a model."""
    warm_up_once()
    return {}, None


def read_thread_counts(report: Report, arrays: Arrays) -> Reply:
    """Return how many threads each installed runtime uses (`ThreadCounts`)."""
    counts = {name: count() or None for module, (name, count) in _THREAD_COUNTS.items() if find_spec(module)}
    return ThreadCounts(threads=counts), None


def _tensorflow_threads() -> int:
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads()


def _onnx_threads() -> int:
    return int(import_onnxruntime().SessionOptions().intra_op_num_threads)


def _openvino_threads() -> int:
    return int(import_openvino().Core().get_property("CPU", "INFERENCE_NUM_THREADS"))


_THREAD_COUNTS: dict[str, tuple[str, Callable[[], int | None]]] = {
    "tensorflow": ("TensorFlow", _tensorflow_threads),
    "onnxruntime": ("ONNX Runtime", _onnx_threads),
    "openvino": ("OpenVINO", _openvino_threads),
    "ai_edge_litert": ("LiteRT", lambda: None),  # its interpreter is given no number, and cannot be asked
}


def benchmark_artifact(
    report: Report,
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: ModelSource | None,
    batches: list[int],
    warm: CallLimits,
    timed: CallLimits,
) -> Reply:
    """Load an artifact, predict one row of `arrays`, then call after call in each batch size (`BenchmarkReply`).

    `warm` and `timed` limit the calls of each batch size. Raises DoesNotLoad.
    """
    before = reset_peak_memory()
    row = _repeat_rows(arrays, 1)
    loaded, _ = load(report, row, format=format, folder=folder, source=source)
    memory, busy, by_row = _memory_growth(before), {}, []
    seconds: Arrays = {}
    with translated(DoesNotLoad, [folder]):
        for batch in batches:
            report({"batch": batch})
            rows = _repeat_rows(arrays, batch)
            predict, is_by_row = choose_predict_function(loaded_predictor(), rows)
            seconds[str(batch)], busy[str(batch)] = time_calls(predict, rows, warm, timed)
            by_row += [batch] if is_by_row else []
    reply = BenchmarkReply(
        load_seconds=loaded["load_seconds"],
        first_seconds=loaded["first_seconds"],
        remark=loaded["remark"],
        memory=memory,
        working_memory=_memory_growth(before),
        busy=busy,
        by_row=by_row,
    )
    return reply, seconds


def _repeat_rows(arrays: Arrays, count: int) -> Arrays:
    """Exactly `count` rows: the first ones, from the beginning again where there are too few."""
    return {name: array[np.arange(count) % len(array)] for name, array in arrays.items()}


def choose_predict_function(predictor: Predictor, inputs: Arrays) -> tuple[Predict, bool]:
    """How these rows can be predicted, and whether that is row by row because the artifact takes no such batch."""
    if SINGLE_ROW_REMARK in predictor.remark:
        return predictor.predict, len(next(iter(inputs.values()))) > 1
    try:
        predictor.predict(inputs)
    except Exception:  # noqa: BLE001  whatever its runtime throws at a batch that it does not take
        # What is wrong with one row too is wrong with the artifact, and is raised.
        predictor.predict(_repeat_rows(inputs, 1))
        return lambda rows: predict_in_batches(predictor, rows, 1), True
    return predictor.predict, False


def time_calls(predict: Predict, inputs: Arrays, warm: CallLimits, timed: CallLimits) -> tuple[np.ndarray, float]:
    """Seconds of each call after the warm-up, and the CPU seconds that all of them took, over all threads."""
    _time_each_call(predict, inputs, *warm)
    busy = time.process_time()
    seconds = _time_each_call(predict, inputs, *timed)
    return np.array(seconds), time.process_time() - busy


def _time_each_call(predict: Predict, inputs: Arrays, max_calls: int, max_seconds: float) -> list[float]:
    """Seconds of each of up to `max_calls` calls; none begins after `max_seconds`, but for `MIN_CALLS`."""
    seconds: list[float] = []
    ends = time.perf_counter() + max_seconds
    while len(seconds) < max_calls and (len(seconds) < MIN_CALLS or time.perf_counter() < ends):
        started = time.perf_counter()
        predict(inputs)
        seconds.append(time.perf_counter() - started)
    return seconds


def _memory_growth(before: int | None) -> int | None:
    return None if before is None else max(0, read_process_status("VmHWM") - before)
