"""A measuring end to end: every copy by one protocol, what fails is one row, and nothing is left behind."""

import json
import os
import sys
import time

import numpy as np
import psutil
import pytest

from core.formats import get_format
from core.jobs import Jobs
from core.jobs.benchmark import estimate_seconds, find_last_benchmark
from core.jobs.benchmark_result import BATCH_SIZES, TIMED_LIMITS, ArtifactBenchmark, BenchmarkResult
from core.library import Library
from tests.factories.misbehaving_worker import misbehave
from tests.helpers import CANCEL_SECONDS, wait_until, wait_until_done

FORMATS = ("keras", "litert", "weights")
FIXED_BATCH_FORMATS = ["onnx", "litert"]
pytestmark = pytest.mark.usefixtures("short_timing")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts the peak")


@pytest.fixture(scope="module")
def benchmarked(jobs, saved, short_timing) -> tuple[dict[str, str], BenchmarkResult]:
    """Three formats of one run, measured twice: ids by format, and the result."""
    ids = {key: saved("digits-mlp", key)["artifact"] for key in FORMATS}
    return ids, run_benchmark(jobs, *ids.values())


def run_benchmark(jobs: Jobs, *ids: str, repeats: int = 2, sources: dict[str, str] | None = None) -> BenchmarkResult:
    return BenchmarkResult.model_validate(wait_until_done(jobs, jobs.benchmark(ids, sources, repeats)).result)


def list_leftovers(jobs: Jobs) -> list[str]:
    return [path.name for path in (jobs.library.home / "staging").iterdir() if list(path.rglob("*.*"))]


def test_benchmark_measures_each_artifact_as_often_as_requested(benchmarked):
    ids, result = benchmarked
    assert list(result.costs) == list(ids.values())
    for cost in result.costs.values():
        assert cost.error is None
        for spread in (cost.save, cost.load, cost.first, cost.click):
            assert len(spread.values) == 2
            assert 0 < spread.least <= spread.median <= spread.most
        np.testing.assert_allclose(cost.click.values, np.add(cost.load.values, cost.first.values))
        assert [steady.batch for steady in cost.steady] == list(BATCH_SIZES)
        for steady in cost.steady:
            assert len(steady.medians.values) == 2
            assert 2 <= steady.calls <= 2 * TIMED_LIMITS[0]
            assert 0 < steady.p50 <= steady.p95 <= steady.p99
            assert steady.processors > 0


def test_benchmark_records_size_source_and_format_of_artifact(jobs, benchmarked):
    for key, id_ in benchmarked[0].items():
        cost = benchmarked[1].costs[id_]
        assert (cost.format, cost.bytes) == (key, jobs.library.artifact(id_).bytes)
        assert cost.source == ("demo" if get_format(key).needs_architecture else "none")
    assert benchmarked[1].costs[benchmarked[0]["weights"]].remarks == [
        "The demo's code builds the half that it lacks, as part of the load."
    ]


def test_benchmark_records_machine_and_protocol(benchmarked):
    machine, text = benchmarked[1].machine, " ".join(benchmarked[1].machine.describe())
    assert machine.processors == os.cpu_count()
    assert machine.memory > 2**30
    assert machine.versions["tensorflow"] in text
    assert {"TensorFlow", "LiteRT"} <= set(machine.threads)
    assert 0 <= machine.busy <= 1
    assert benchmarked[1].protocol[0].startswith("Each copy is measured 2 times, each time in a fresh process")


def test_benchmark_discards_its_saved_copies(jobs, benchmarked):
    before = jobs.library.ids()
    run_benchmark(jobs, benchmarked[0]["keras"], repeats=1)
    assert jobs.library.ids() == before
    assert list_leftovers(jobs) == []


def test_last_benchmark_covers_subsets_of_its_artifacts(jobs, benchmarked):
    ids = list(benchmarked[0].values())
    newest, done = find_last_benchmark(jobs, ids[:2], {})
    assert newest.state == done.state == "done"
    assert set(ids[:2]) <= set(done.request["artifacts"])
    assert find_last_benchmark(jobs, [*ids, "a0000000000"], {}) == (None, None)
    assert find_last_benchmark(jobs, [benchmarked[0]["weights"]], {benchmarked[0]["weights"]: "none"}) == (None, None)


def test_benchmark_is_never_deduplicated(jobs, benchmarked):
    ids = {jobs.benchmark([benchmarked[0]["litert"]], repeats=1).id for _ in range(2)}
    assert len(ids) == 2
    for id_ in ids:
        jobs.cancel(id_)  # nobody waits for their results


def test_benchmark_estimate_grows_with_artifacts_and_repeats(jobs, benchmarked):
    ids = list(benchmarked[0].values())
    assert (
        0
        < estimate_seconds(jobs.library, ids[:1], 1)
        < estimate_seconds(jobs.library, ids, 1)
        < estimate_seconds(jobs.library, ids, 5)
    )


def test_benchmark_killed_child_fails_only_its_artifact(jobs, misbehaving_worker, saved):
    good, deadly = (saved("digits-mlp", key)["artifact"] for key in ("pickle", "keras"))
    with misbehave("crashing", "measure", jobs.library.verified_folder(deadly)):
        result = run_benchmark(Jobs(jobs.library, misbehaving_worker, jobs.config), deadly, good, repeats=1).costs
    assert result[deadly].error["code"] == "child-died"
    assert "it was ended by the system with SIGABRT" in result[deadly].error["sentence"]
    assert (result[deadly].load, result[deadly].steady) == (None, [])
    assert result[good].error is None
    assert result[good].load.median > 0


def test_benchmark_damaged_artifact_has_error(jobs, saved):
    id_ = saved("digits-mlp", "h5")["artifact"]
    file = next(path for path in jobs.library.verified_folder(id_).iterdir())
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:-1])
        cost = run_benchmark(jobs, id_, repeats=1).costs[id_]
    finally:
        file.write_bytes(whole)
    assert (cost.error["code"], cost.save) == ("damaged", None)


def test_worker_prepares_no_spare_child_while_timing(worker):
    with worker.open() as child, worker.without_spares():
        child.request("rehearse", seconds=60)
        with worker.open() as timed:
            timed.request("rehearse", seconds=60)
            running = {item.pid for item in psutil.Process(worker._process.pid).children()}
            assert running - {child.pid, timed.pid} == set()


def test_benchmark_cancel_ends_it_and_leaves_nothing(jobs, benchmarked):
    job = jobs.benchmark(benchmarked[0].values(), repeats=100)
    wait_until(lambda: jobs.job_store.read(job.id).detail.get("phase"))
    pressed = time.monotonic()
    jobs.cancel(job.id)
    end = jobs.wait(job.id)
    assert time.monotonic() - pressed < CANCEL_SECONDS
    assert (end.state, end.error["sentence"], list_leftovers(jobs)) == ("cancelled", "It was cancelled.", [])


# Models of a person's own


@pytest.fixture(scope="module")
def own_models_jobs(tmp_path_factory, worker, config) -> Jobs:
    """Jobs over a library for the models that are added here."""
    library = Library(tmp_path_factory.mktemp("own-costs"))
    return Jobs(library, worker, config.model_copy(update={"home": library.home}))


def add_model(jobs: Jobs, model, formats: list[str], width: int) -> dict[str, str]:
    """Ids by format."""
    rows = np.linspace(-1, 1, 20 * width, dtype="float32").reshape(20, width)
    result = jobs.library.add(model, inputs=rows, formats=formats, worker=jobs.worker)
    return {item.format: item.artifact.id for item in result}


@linux
@pytest.mark.long
def test_benchmark_memory_reflects_a_36_mb_model(own_models_jobs, benchmarked):
    import keras

    units = 3000
    model = keras.Sequential([keras.Input((units,)), keras.layers.Dense(units)])
    id_ = add_model(own_models_jobs, model, ["keras"], units)["keras"]
    much = run_benchmark(own_models_jobs, id_, repeats=1).costs[id_]
    little = benchmarked[1].costs[benchmarked[0]["keras"]]
    assert much.bytes > units * units * 4
    assert much.memory.median > little.memory.median + 0.9 * units * units * 4
    assert much.working_memory.median >= much.memory.median


def test_benchmark_fixed_batch_of_one_is_row_by_row_with_remark(own_models_jobs):
    import tensorflow as tf

    class OneRow(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 3], tf.float32, name="x")])
        def __call__(self, x):
            return x * 2

    result = own_models_jobs.library.add(
        OneRow(), inputs=np.ones((1, 3), "float32"), formats=FIXED_BATCH_FORMATS, worker=own_models_jobs.worker
    )
    ids = {item.format: item.artifact.id for item in result}
    costs = run_benchmark(own_models_jobs, *ids.values(), repeats=1).costs
    for key in FIXED_BATCH_FORMATS:
        assert [steady.by_row for steady in costs[ids[key]].steady] == [False, True, True]
    text = {key: costs[ids[key]].remarks for key in FIXED_BATCH_FORMATS}
    assert text["litert"][-1] == "It takes one row at a time, so it is fed row by row."
    assert text["onnx"][-1] == "It takes one row at a time, so it is fed row by row."


def test_benchmark_unsavable_model_uses_recorded_save_seconds(own_models_jobs):
    import keras

    class Doubled(keras.layers.Layer):
        def call(self, rows):
            return rows * 2

    model = keras.Sequential([keras.Input((3,)), Doubled(), keras.layers.Dense(1)])
    id_ = add_model(own_models_jobs, model, ["saved_model"], 3)["saved_model"]
    cost = run_benchmark(own_models_jobs, id_, repeats=2).costs[id_]
    assert cost.error is None
    assert cost.save.values == [own_models_jobs.library.artifact(id_).seconds]
    assert cost.remarks[0].startswith("It could not be saved again, so the seconds to save are those of its own saving")
    assert len(cost.load.values) == 2


# The command line


def test_cli_cost_prints_the_job_result(run_cli, saved, jobs):
    id_ = saved("digits-mlp", "litert")["artifact"]
    status, out, _ = run_cli("cost", id_, "--repeats", "1", "--json")
    document = json.loads(out)
    assert (status, list(document["costs"])) == (0, [id_])
    assert document == jobs.job_store.read(jobs.job_store.list_jobs("cost")[0].id).result
    assert ArtifactBenchmark.model_validate(document["costs"][id_]).latency_at(32).calls > 0
    assert (document["repeats"], document["batches"]) == (1, [1, 32, 256])


def test_cli_cost_table_shows_machine_and_protocol(run_cli, saved):
    status, out, _ = run_cli("cost", saved("digits-mlp", "litert")["artifact"], "--repeats", "1")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split()[:4] == ["artifact", "format", "trust", "size"]
    assert [line.split()[2] for line in lines[4:7]] == ["1", "32", "256"]
    assert "Each copy is measured 1 time" in out
    assert "Threads that each runtime is told to use" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a0000000000"], "Nothing in the library has this id."),
        (["a0000000000", "--repeats", "x"], "The option --repeats takes a whole number. Received: x."),
        (["a0000000000", "--repeats", "0"], "A measuring is repeated 1 to 100 times. Received: 0."),
        (["a0000000000", "--code", "x"], "The option --code takes ID=SOURCE."),
    ],
)
def test_cli_cost_invalid_arguments_print_one_sentence(run_cli, words, sentence):
    status, out, errors = run_cli("cost", *words)
    assert (status, out) == (1, "")
    assert errors.startswith(sentence)
