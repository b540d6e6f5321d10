"""The numbers behind a measuring: how often is called, how calls become percentiles, and who is beaten by nobody."""

import statistics
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.jobs.benchmark_result import (
    BATCH_SIZES,
    DEFAULT_REPEATS,
    TIMED_LIMITS,
    WARM_UP_LIMITS,
    BatchLatency,
    RepeatedMeasurement,
    describe_protocol,
    pareto_front,
)
from core.jobs.execution.local_driver import JobSlots
from core.runtimes.base import Predictor
from core.runtimes.batch_adapter import SINGLE_ROW_REMARK
from core.runtimes.specs import Spec
from core.worker.processes import reset_peak_memory
from core.worker.tasks.benchmark import MIN_CALLS, _repeat_rows, choose_predict_function, time_calls

seconds = st.floats(1e-6, 1e3)
calls = st.lists(seconds, min_size=2, max_size=60).map(np.array)


@given(st.lists(calls, min_size=1, max_size=5), st.sampled_from(BATCH_SIZES))
def test_batch_latency_pools_calls_of_all_children(children, batch):
    every = np.concatenate(children).tolist()
    result = BatchLatency.from_calls(batch, children, cpu_seconds=[1.0] * len(children))
    expected = statistics.quantiles(every, n=100, method="inclusive")
    for name, at in (("p50", 49), ("p95", 94), ("p99", 98)):
        assert getattr(result, name) == pytest.approx(expected[at])
    assert result.calls == len(every)
    assert result.per_second == pytest.approx(batch * len(every) / sum(every))
    assert result.processors == pytest.approx(len(children) / sum(every))
    assert result.medians.values == pytest.approx([statistics.median(item.tolist()) for item in children])


@given(st.lists(seconds, min_size=1))
def test_repeated_measurement_has_median_bounds_and_order(values):
    result = RepeatedMeasurement.from_values(values)
    assert result.median == pytest.approx(statistics.median(values))
    assert (result.least, result.most, result.values) == (min(values), max(values), values)


axis = st.one_of(st.none(), st.integers(0, 4).map(float), st.just(float("nan")))
points = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.tuples(axis, axis, axis), max_size=12)


@given(points)
def test_pareto_front_has_exactly_the_undominated(points):
    known = {name: axes for name, axes in points.items() if all(value is not None and value == value for value in axes)}

    def beaten(name: str) -> bool:
        for other in known.values():
            worse = [left > right for left, right in zip(other, known[name], strict=True)]
            better = [left < right for left, right in zip(other, known[name], strict=True)]
            if any(better) and not any(worse):
                return True
        return False

    assert pareto_front(points) == [name for name in known if not beaten(name)]


def test_pareto_front_keeps_ties():
    assert pareto_front({"a": (1, 1, 0), "b": (1, 1, 0), "c": (1, 2, 0)}) == ["a", "b"]


def test_calls_are_bounded_by_count_and_by_time():
    request = []

    def predict(rows):
        request.append(rows)

    taken, busy = time_calls(predict, {"x": np.zeros(1)}, warm=(3, 60.0), timed=(7, 60.0))
    assert (len(request), len(taken), taken.dtype) == (10, 7, np.float64)
    assert busy >= 0
    request.clear()
    taken, _ = time_calls(predict, {"x": np.zeros(1)}, warm=(1, 60.0), timed=(7, 0.0))
    assert (len(request), len(taken)) == (1 + MIN_CALLS, MIN_CALLS)


def test_benchmark_rows_repeat_from_the_beginning():
    assert _repeat_rows({"x": np.arange(3)}, 7)["x"].tolist() == [0, 1, 2, 0, 1, 2, 0]


def make_predictor(answer, remark: str = "") -> Predictor:
    return Predictor(None, (Spec("x", "float32", (None, 1)),), answer, remark=remark)


def predict_single_rows(inputs):
    if len(inputs["x"]) != 1:
        raise ValueError("Got invalid dimensions")
    return {"y": inputs["x"] * 2}


def test_model_without_batch_support_is_fed_row_by_row():
    rows = {"x": np.arange(5, dtype="float32").reshape(5, 1)}
    ask, by_row = choose_predict_function(make_predictor(predict_single_rows), rows)
    assert by_row
    assert ask(rows)["y"].ravel().tolist() == [0, 2, 4, 6, 8]
    assert not choose_predict_function(make_predictor(predict_single_rows), {"x": rows["x"][:1]})[1]
    assert choose_predict_function(make_predictor(lambda inputs: inputs, SINGLE_ROW_REMARK), rows)[1]
    assert not choose_predict_function(make_predictor(lambda inputs: inputs), rows)[1]


def test_model_failing_on_single_row_raises_its_error():
    def broken(inputs):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        choose_predict_function(make_predictor(broken), {"x": np.zeros((5, 1), "float32")})


def test_reset_peak_without_system_support_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr("core.worker.processes.CLEAR", tmp_path / "nothing" / "here")
    assert reset_peak_memory() is None


def test_protocol_describes_repeats_batches_and_limits():
    text = " ".join(describe_protocol(DEFAULT_REPEATS))
    assert f"measured {DEFAULT_REPEATS} times" in text
    assert "1, 32 and 256 rows a call" in text
    assert f"{WARM_UP_LIMITS[0]} calls or {WARM_UP_LIMITS[1]:g} s" in text
    assert f"{TIMED_LIMITS[0]} calls or {TIMED_LIMITS[1]:g} s in each process" in text


def test_job_slots_exclusive_waits_for_all_and_blocks_others():
    slots = JobSlots(2)
    assert slots.acquire(False, 0)
    assert slots.acquire(False, 0)
    assert not slots.acquire(False, 0)
    slots.release()
    assert not slots.acquire(True, 0)
    slots.release()
    assert slots.acquire(True, 0)
    assert not slots.acquire(False, 0)
    assert not slots.acquire(True, 0)
    waiting = threading.Thread(target=slots.acquire, args=(False, 60))
    waiting.start()
    slots.release()
    waiting.join(60)
    assert not waiting.is_alive()
    assert not slots.acquire(True, 0)


@pytest.mark.parametrize("repeats", [0, -1, 101])
def test_benchmark_invalid_repeats_or_selection_is_refused(empty_jobs, repeats):
    with pytest.raises(InputError, match="repeated 1 to 100 times"):
        empty_jobs.benchmark(["a0123456789"], repeats=repeats)
    with pytest.raises(InputError, match="No artifact was chosen"):
        empty_jobs.benchmark([])
