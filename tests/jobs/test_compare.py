"""A comparison of any copies, on any inputs, against any of them: what is kept, what is refused, and what goes on."""

import copy
import tracemalloc

import numpy as np
import psutil
import pytest

from core.errors import InputError
from core.figures.comparison import titled_pairwise_matrix
from core.inputs import Inputs, input_specs
from core.jobs import Jobs
from core.jobs.comparison.compare_result import Tolerance, check_tolerances, parse_tolerances
from core.jobs.participants import load_participant
from core.library.job_store import Job
from core.library.prediction_store import CHUNK_ROWS, PredictionStore, rows_per_chunk
from core.report.data import gather_report_data
from core.settings import MB
from core.worker.remote_predictor import RemotePredictor
from tests.helpers import wait_until, wait_until_done


def run_comparison(jobs: Jobs, *artifacts: str, **asked) -> Job:
    """A comparison that ended well."""
    return wait_until_done(jobs, jobs.compare(artifacts, **asked))


@pytest.fixture
def input_store(jobs) -> Inputs:
    """The input sets of the session's library."""
    return Inputs(jobs.library.home, jobs.config)


@pytest.fixture
def artifact_ids(saved):
    """A function that gives the ids of copies of a demo, one for each format."""
    return lambda demo, *formats: [saved(demo, key)["artifact"] for key in formats]


def test_compare_job_stores_predictions_by_row(jobs, artifact_ids):
    (id_,) = artifact_ids("digits-mlp", "keras")
    job = run_comparison(jobs, id_, rows=100)
    answers = jobs.predictions(job.id)
    reference = jobs.library.reference(job.result["baseline"])
    (name,) = answers.output_sources(id_)
    np.testing.assert_array_equal(answers.read_rows(id_, name, [99, 0, 7]), reference.predictions[name][[99, 0, 7]])
    changed, distance = answers.read_row_distances(id_)
    assert (changed.shape, changed.any(), distance.max()) == ((100,), False, 0.0)


@pytest.mark.parametrize(
    "demo", ["digits-mlp", pytest.param("digits-cnn", marks=pytest.mark.long), "tips", "two-in-two-out"]
)
def test_compare_job_rows_sampled_by_seed_and_class_are_bit_identical(jobs, input_store, trained, artifact_ids, demo):
    """A row's bits depend on the batch in which it is asked, so whole batches are asked and the rows chosen after."""
    run = jobs.library.run(trained(demo))
    chosen = input_store.add_held_out(jobs.library, run.id, 11, run.labels[:2] or None, seed=5)
    job = run_comparison(jobs, *artifact_ids(demo, "keras", "weights"), inputs=chosen.id)
    assert [outcome["verdict"] for outcome in job.result["outcomes"].values()] == ["bit-identical"] * 2
    assert job.result["rows"] == 11


def test_compare_job_accepts_artifact_baseline_and_random_inputs(jobs, input_store, trained, artifact_ids):
    run = trained("digits-mlp")
    input_set = input_store.add_random(input_specs(jobs.library, run), 300, -2.0, 3.0, seed=4)
    keras, litert = artifact_ids("digits-mlp", "keras", "litert")
    job = run_comparison(jobs, litert, baseline=keras, inputs=input_set.id)
    (outcome,) = job.result["outcomes"].values()
    (output,) = outcome["outputs"]
    answers = jobs.predictions(job.id)
    left, right = (
        np.concatenate(list(next(iter(answers.output_sources(id_).values()))())).astype("float64")
        for id_ in (keras, litert)
    )
    assert left.shape == (300, 10)
    assert output["max_abs"] == pytest.approx(np.abs(left - right).max(), rel=1e-6)
    assert outcome["changed_rows"] == (left.argmax(axis=1) != right.argmax(axis=1)).sum()


def test_compare_job_live_model_matches_its_copy_on_new_inputs(jobs, input_store, trained, artifact_ids):
    run = trained("digits-mlp")
    input_set = input_store.add_random(input_specs(jobs.library, run), 70, seed=1)
    job = run_comparison(jobs, *artifact_ids("digits-mlp", "keras"), baseline=run, inputs=input_set.id)
    (outcome,) = job.result["outcomes"].values()
    assert outcome["verdict"] == "bit-identical"


def test_compare_job_rows_beyond_one_chunk_match_single_prediction(jobs, input_store, trained, artifact_ids):
    run = trained("digits-mlp")
    many = input_store.add_random(input_specs(jobs.library, run), CHUNK_ROWS + 100, seed=2)
    keras, onnx = artifact_ids("digits-mlp", "keras", "onnx")
    job = run_comparison(jobs, onnx, baseline=keras, inputs=many.id)
    (outcome,) = job.result["outcomes"].values()
    assert (outcome["rows"], outcome["outputs"][0]["rows"]) == (CHUNK_ROWS + 100,) * 2
    last = input_store.read_rows(many.id, slice(CHUNK_ROWS + 50, CHUNK_ROWS + 100))
    panel = jobs.create_live_session([keras])
    (prediction,) = panel.predict(last).values()
    panel.close()
    answers = jobs.predictions(job.id).read_rows(keras, "output_0", np.arange(CHUNK_ROWS + 50, CHUNK_ROWS + 100))
    np.testing.assert_allclose(answers, next(iter(prediction.outputs.values())), atol=1e-6)


def test_compare_job_wide_rows_use_smaller_chunks_and_read_back_by_row(
    jobs, input_store, trained, artifact_ids, monkeypatch, tmp_path
):
    monkeypatch.setattr("core.library.prediction_store.CHUNK_BYTES", 64 * 4 * 130)  # two batches of digits
    run = trained("digits-mlp")
    onnx, keras = artifact_ids("digits-mlp", "onnx", "keras")
    some = input_store.add_held_out(jobs.library, run, 90, seed=3)
    request = {
        some.id: some.origin["index"],
        input_store.add_random(input_specs(jobs.library, run), 300, seed=9).id: range(300),
    }
    for inputs, meant in request.items():
        job = run_comparison(jobs, onnx, keras, inputs=inputs)
        files = (jobs.job_store.folder(job.id) / "answers" / onnx).glob("from-*.npz")
        starts = sorted(int(file.stem.removeprefix("from-")) for file in files)
        assert starts == [
            int(np.searchsorted(meant, start)) for start in range(0, 270 if inputs == some.id else 300, 128)
        ]
        panel = jobs.create_live_session([onnx])
        (prediction,) = panel.predict(input_store.read_rows(inputs, slice(None))).values()
        panel.close()
        rows = [89, 0, 41, 41, 88, 7]
        answers = jobs.predictions(job.id)
        taken = answers.read_rows(onnx, next(iter(answers.output_sources(onnx))), rows)
        np.testing.assert_allclose(taken, next(iter(prediction.outputs.values()))[rows], atol=1e-6)
        assert job.result["matrix"]["cells"][-1]["rows"] == starts[1]


@pytest.mark.parametrize(("row_bytes", "rows"), [(1, 4096), (256, 4096), (5000, 3328), (224 * 224 * 3 * 4, 64)])
def test_rows_per_chunk_is_whole_batches_within_16_mib(row_bytes: int, rows: int):
    assert rows_per_chunk(row_bytes) == rows


@pytest.mark.parametrize(("row_bytes", "rows"), [(22 * MB, 11), (300 * MB, 1), (3 * MB, 64), (256, 4096)])
def test_rows_per_chunk_are_no_more_than_a_message_holds(row_bytes: int, rows: int):
    assert rows_per_chunk(row_bytes, 256 * MB) == rows


def test_compare_job_asks_rows_that_a_message_holds(jobs, artifact_ids):
    """Where it holds no whole batch, too: then the last digits may be others."""
    worker = copy.copy(jobs.worker)
    worker.config = jobs.config.model_copy(update={"reply_mb": 0.01})
    limited = Jobs(jobs.library, worker, worker.config)
    job = run_comparison(limited, *artifact_ids("digits-mlp", "keras"), rows=100)
    (outcome,) = job.result["outcomes"].values()
    assert (outcome["verdict"] in ("bit-identical", "rounding"), outcome["rows"]) == (True, 100)


def test_prediction_store_read_rows_loads_one_chunk_at_a_time(tmp_path):
    answers, wide = PredictionStore(tmp_path), np.zeros((64, 2**15), "float32")
    for number in range(8):
        answers.write_chunk("a", 64 * number, {"out": wide + number})
    tracemalloc.start()
    taken = answers.read_rows("a", "out", [511, 0, 300])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken[:, 0].tolist() == [7, 0, 4]
    assert most < 2.5 * wide.nbytes


def test_compare_job_int8_changed_rows_match_direct_predictions(jobs, artifact_ids):
    (int8,) = artifact_ids("digits-mlp", "litert_int8")
    job = run_comparison(jobs, int8)
    reference = jobs.library.reference(job.result["baseline"])
    panel = jobs.create_live_session([int8])
    (prediction,) = panel.predict(reference.inputs).values()
    panel.close()
    (live,), (given,) = reference.predictions.values(), prediction.outputs.values()
    flipped = live.argmax(axis=1) != given.argmax(axis=1)
    np.testing.assert_array_equal(jobs.predictions(job.id).read_row_distances(int8)[0], flipped)
    table = np.array(job.result["outcomes"][int8]["outputs"][0]["classes"]["agreement"])
    assert table.sum() - np.trace(table) == flipped.sum()


def test_compare_job_excludes_baseline_from_outcomes(jobs, artifact_ids):
    keras, onnx = artifact_ids("digits-mlp", "keras", "onnx")
    job = run_comparison(jobs, keras, onnx, baseline=keras, rows=20)
    assert list(job.result["outcomes"]) == [onnx]
    assert job.id == jobs.compare([onnx], baseline=keras, rows=20).id
    with pytest.raises(InputError, match="A copy cannot be compared with itself"):
        jobs.compare([keras], baseline=keras, rows=20)


def test_compare_job_matrix_has_every_pair(jobs, artifact_ids):
    ids = artifact_ids("digits-mlp", "keras", "saved_model", "litert_int8")
    job = run_comparison(jobs, *ids, rows=64)
    matrix = job.result["matrix"]
    assert matrix["ids"] == [job.result["baseline"], *ids]
    verdicts = {(cell["a"], cell["b"]): cell["verdict"] for cell in matrix["cells"]}
    assert len(verdicts) == 6
    assert verdicts[ids[0], ids[1]] == "bit-identical"
    assert verdicts[ids[1], ids[2]] in ("same-answers", "some-changed")


def test_compare_job_matrix_uses_all_rows_only_against_baseline(jobs, input_store, trained, artifact_ids):
    input_set = input_store.add_random(input_specs(jobs.library, trained("digits-mlp")), CHUNK_ROWS + 1, seed=2)
    keras, float16, int8 = artifact_ids("digits-mlp", "keras", "litert_float16", "litert_int8")
    result = run_comparison(jobs, float16, int8, baseline=keras, inputs=input_set.id).result
    cells = {(cell["a"], cell["b"]): cell for cell in result["matrix"]["cells"]}
    for id_, outcome in result["outcomes"].items():
        for name in ("verdict", "max_abs", "changed_rows", "rows"):
            assert cells[keras, id_][name] == outcome[name]
    assert (result["matrix"]["rows"], cells[keras, int8]["rows"], cells[float16, int8]["rows"]) == (
        CHUNK_ROWS + 1,
        CHUNK_ROWS + 1,
        CHUNK_ROWS,
    )
    drawn = titled_pairwise_matrix(result["matrix"], dict.fromkeys(result["matrix"]["ids"], "copy"))
    assert "on 4,097 rows; those without the baseline on the first 4,096 rows" in drawn.explanation
    reply = next(item.hovertext for item in drawn.figure.data)
    assert ["on the first 4,096 rows" in reply[item][other] for item, other in ((0, 1), (0, 2), (1, 2))] == [0, 0, 1]


def test_compare_job_model_with_other_inputs_is_not_comparable(jobs, artifact_ids):
    ids = [*artifact_ids("digits-mlp", "keras"), *artifact_ids("tips", "keras")]
    outcomes = run_comparison(jobs, *ids, rows=20).result["outcomes"]
    assert [outcomes[id_]["verdict"] for id_ in ids] == ["bit-identical", "not-comparable"]
    assert outcomes[ids[1]]["error"]["sentence"].startswith("This model takes 6 inputs")


def test_compare_job_model_with_other_outputs_is_not_comparable(jobs, artifact_ids):
    """The denoiser takes the same pictures, and gives a picture back."""
    ids = [*artifact_ids("digits-mlp", "keras"), *artifact_ids("digits-denoiser", "keras")]
    outcomes = run_comparison(jobs, *ids, rows=20).result["outcomes"]
    assert outcomes[ids[0]]["verdict"] == "bit-identical"
    assert outcomes[ids[1]]["verdict"] == "not-comparable"


def test_compare_job_killed_child_fails_only_its_artifact(jobs, input_store, trained, artifact_ids, monkeypatch):
    input_set = input_store.add_random(input_specs(jobs.library, trained("digits-mlp")), 40 * CHUNK_ROWS, seed=3)
    keras, onnx, litert = artifact_ids("digits-mlp", "keras", "onnx", "litert")
    opened = {}

    def remembered(jobs: Jobs, id_: str, *rest, **more) -> RemotePredictor:
        opened[id_] = load_participant(jobs, id_, *rest, **more)
        return opened[id_]

    monkeypatch.setattr("core.jobs.comparison.comparison_predictions.load_participant", remembered)
    job = jobs.compare([keras, litert], baseline=onnx, inputs=input_set.id)
    answered = jobs.job_store.folder(job.id) / "answers" / keras

    def kill_once_it_has_answered(seen: Job) -> None:
        if answered.is_dir() and psutil.pid_exists(opened[keras]._child.pid):
            psutil.Process(opened[keras]._child.pid).kill()

    end = jobs.wait(job.id, on_update=kill_once_it_has_answered)
    assert end.state == "done", end.error
    assert end.result["outcomes"][keras]["error"]["code"] == "child-died"
    assert end.result["outcomes"][litert]["verdict"] == "rounding"


def test_compare_job_cancelled_midway_leaves_no_child(jobs, input_store, trained, artifact_ids):
    input_set = input_store.add_random(input_specs(jobs.library, trained("digits-mlp")), 40 * CHUNK_ROWS, seed=3)
    keras, saved_model = artifact_ids("digits-mlp", "keras", "saved_model")
    job = jobs.compare([keras], baseline=saved_model, inputs=input_set.id)

    def cancel_once_it_has_answered(seen: Job) -> None:
        if seen.progress > 0:
            jobs.cancel(job.id)

    assert jobs.wait(job.id, on_update=cancel_once_it_has_answered).state == "cancelled"
    wait_until(lambda: not list_busy_children(jobs))


def list_busy_children(jobs: Jobs) -> list[psutil.Process]:
    """The living children of the warm process, but for the spares, which have seen nothing yet."""
    spares = {spare.pid for spare in jobs.worker._spares.values()}
    result = psutil.Process(jobs.worker._process.pid).children(recursive=True)
    return [
        item
        for item in result
        if item.pid not in spares and item.is_running() and item.status() != psutil.STATUS_ZOMBIE
    ]


def test_tolerances_pass_and_fail_by_output(jobs, artifact_ids):
    (float16,) = artifact_ids("two-in-two-out", "litert_float16")
    job = run_comparison(jobs, float16)
    first, second = (output["output"] for output in job.result["outcomes"][float16]["outputs"])
    needed = {output["output"]: output["atol_needed"] for output in job.result["outcomes"][float16]["outputs"]}
    limits = {first: Tolerance(needed[first]), second: Tolerance(needed[second] / 2)}
    result = check_tolerances(jobs, job, limits)[float16]
    assert (result[first].passed, result[second].passed) == (True, False)
    assert result[second].rows_failing >= 1


def test_compare_job_targets_of_one_output_are_not_used_for_another(jobs, input_store, artifact_ids, tmp_path):
    (keras,) = artifact_ids("two-in-two-out", "keras")
    reference = jobs.library.reference(jobs.library.artifact(keras).run).head(4)
    truth = np.full((4, 1), 2.0, "float32")  # as an alcohol it is little, and as a class it is the third
    specs = input_specs(jobs.library, jobs.library.artifact(keras).run)
    np.savez(tmp_path / "one.npz", **reference.inputs, **{f"target:{list(reference.predictions)[1]}": truth})
    job = run_comparison(jobs, keras, inputs=input_store.add_file(tmp_path / "one.npz", specs).id)
    (by_class, _) = job.result["outcomes"][keras]["outputs"]
    assert (by_class["classes"]["classes"], by_class["classes"]["reference_accuracy"]) == (3, None)


def test_parse_tolerances_reads_default_and_named_outputs():
    assert parse_tolerances(["1e-4", "a=b=0.1,2"]) == {"": Tolerance(1e-4, 0.0), "a=b": Tolerance(0.1, 2.0)}


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "1,2,3", "out=", "1,-1", "inf"])
def test_parse_tolerances_invalid_text_is_refused(text):
    with pytest.raises(InputError, match="A tolerance is ATOL or ATOL,RTOL"):
        parse_tolerances([text])


def test_compare_job_single_row_verdict_uses_known_spread(jobs, artifact_ids):
    """What counts as another value depends on how far the model's known answers spread, not on the rows asked."""
    onnx, float16 = artifact_ids(
        "two-in-two-out", "onnx", "litert_float16"
    )  # either calls the outputs by names of its own
    for baseline in (jobs.library.artifact(onnx).run, onnx):
        many, alone = (run_comparison(jobs, float16, baseline=baseline, rows=rows).id for rows in (64, 1))
        (among, away), (changed, _) = (jobs.predictions(id_).read_row_distances(float16) for id_ in (many, alone))
        assert away[0] > 1e-5
        assert (changed[0], among[0]) == (False, False)


def test_prediction_store_evicts_old_predictions_beyond_limit(copied_entries):
    own, _, artifacts = copied_entries("digits-core", "saved_model")
    copy = artifacts["saved_model"]
    tight = own.config.model_copy(update={"answers_mb": 1})
    small = Jobs(own.library, own.worker, tight)
    old = run_comparison(small, copy, rows=31)
    with (small.job_store.folder(old.id) / "answers" / "more").open("wb") as file:
        file.truncate(2**20)
    newest = run_comparison(small, copy, rows=32)
    assert not small.predictions(old.id).has_predictions
    with pytest.raises(InputError, match="The answers of this comparison are not kept any more"):
        gather_report_data(small, small.job_store.read(old.id), {})
    assert small.compare([copy], rows=32) == newest
    again = run_comparison(small, copy, rows=31)
    assert (again.id, again.created > old.created) == (old.id, True)
    assert small.predictions(old.id).read_row_distances(copy)[0].size == 31


def test_compare_job_grades_pictures_of_random_weights_as_unusable(jobs, saved):
    ids = [saved("digits-denoiser", key)["artifact"] for key in ("architecture", "keras")]
    outcomes = wait_until_done(jobs, jobs.compare(ids, 40)).result["outcomes"]
    grade = outcomes[ids[0]]["grade"]
    assert (grade["level"], grade["output"]) == ("unusable", outcomes[ids[0]]["pairs"][0]["reference"])
    assert grade["ssim"] < 0.5
    assert grade["share"] > 0.5
    assert outcomes[ids[1]]["grade"] is None
    assert jobs.library.evidence(ids[0]).best.grade.level == "unusable"  # the reload of the save says so, too
