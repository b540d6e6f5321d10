"""The main job end to end, through `Jobs`; bad input by its sentence; cancelled, interrupted and damaged work."""

import pytest

from core.errors import InputError, UnknownName
from core.formats import FORMATS, get_format
from core.jobs import Jobs
from core.jobs.participants import list_code_sources
from core.library.job_store import Job
from tests.helpers import wait_until_done

OWN_FORMATS = ["saved_model", "keras_export", "keras", "h5", "weights", "architecture", "checkpoint"]


def run_comparison(jobs: Jobs, *artifacts: str, **asked) -> dict:
    """The result of a comparison that ended well."""
    return wait_until_done(jobs, jobs.compare(artifacts, **asked)).result


# The main job


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_main_path_train_save_list_reload_compare_is_bit_identical(jobs, trained, saved, demo):
    run = jobs.library.run(trained(demo))
    keys = [key for key in OWN_FORMATS if run.kind in get_format(key).accepts and key != "architecture"]
    artifacts = {key: saved(demo, key)["artifact"] for key in keys}
    listed = {entry.id: entry for entry in jobs.library.find(demos=[demo])}
    result = run_comparison(jobs, *artifacts.values())
    assert result["baseline"] == run.id
    assert result["rows"] == 270
    for key, id_ in artifacts.items():
        outcome = result["outcomes"][id_]
        assert (key, outcome["verdict"], outcome["changed_rows"], outcome["max_abs"]) == (key, "bit-identical", 0, 0.0)
        assert (listed[id_].format, listed[id_].run, listed[id_].verdict) == (key, run.id, "bit-identical")


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_train_job_records_history_score_labels_and_reference(jobs, trained, demo):
    run = jobs.library.run(trained(demo))
    history = jobs.library.history(run.id)
    assert [row["epoch"] for row in history] == [1.0, 2.0]
    assert history[1]["loss"] < history[0]["loss"]
    assert (run.score_name, run.rows) == ("accuracy", {"training": 1257, "validation": 270, "held_out": 270})
    assert run.score > 0.5
    assert (run.labels, run.image_shape) == ([str(digit) for digit in range(10)], (8, 8))
    reference = jobs.library.reference(run.id)
    answers, targets = (next(iter(arrays.values())) for arrays in (reference.predictions, reference.targets))
    assert run.score == pytest.approx((answers.argmax(axis=1) == targets.argmax(axis=1)).mean())


def test_train_job_same_seed_gives_identical_weights(empty_jobs):
    runs = [
        wait_until_done(empty_jobs, empty_jobs.train("digits-core", epochs=1, seed=7)).result["run"] for _ in range(2)
    ]
    first, second = (empty_jobs.library.run(id_) for id_ in runs)
    assert first.weights == second.weights
    assert first.id != second.id


def test_train_job_records_progress_while_running(jobs):
    seen: list[Job] = []
    job = jobs.train("digits-mlp", epochs=3)
    end = jobs.wait(job.id, on_update=seen.append)
    assert (end.state, end.progress, end.note) == ("done", 1.0, "Done")
    assert [item.progress for item in seen] == sorted(item.progress for item in seen)
    assert {item.note for item in seen if item.note.startswith("Epoch")} <= {
        f"Epoch {epoch} of 3" for epoch in (1, 2, 3)
    }
    assert [row["epoch"] for row in end.detail["history"]] == [1, 2, 3]
    assert Jobs(jobs.library, jobs.worker, jobs.config).job_store.read(job.id) == end


def test_stored_evidence_has_verdict_without_histograms(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    text = (jobs.library.home / "artifacts" / id_ / "evidence.json").read_text(encoding="utf-8")
    assert '"verdict"' in text
    assert '"histogram"' not in text


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 10_000])
def test_compare_job_any_row_count_is_bit_identical(jobs, saved, rows):
    result = run_comparison(jobs, saved("digits-core", "saved_model")["artifact"], rows=rows)
    (outcome,) = result["outcomes"].values()
    assert (outcome["verdict"], outcome["rows"], result["rows"]) == ("bit-identical", min(rows, 270), min(rows, 270))


# Halves, and code that is given or not


def test_weights_artifact_with_architecture_is_bit_identical(jobs, saved):
    weights, layers = (saved("digits-mlp", key)["artifact"] for key in ("weights", "architecture"))
    offered = [choice.key for choice in list_code_sources(jobs.library, weights)]
    assert offered[0] == "demo"
    assert layers in offered
    for source in ("demo", layers):
        assert (
            run_comparison(jobs, weights, sources={weights: source})["outcomes"][weights]["verdict"] == "bit-identical"
        )


def test_weights_artifact_without_code_needs_architecture(jobs, saved):
    id_ = saved("digits-mlp", "weights")["artifact"]
    outcome = run_comparison(jobs, id_, sources={id_: "none"})["outcomes"][id_]
    assert (outcome["verdict"], outcome["error"]["code"]) == ("does-not-load", "needs-architecture")
    assert outcome["error"]["cure"] == (
        "Give an architecture: the demo's code, or an architecture artifact of the same run."
    )


def test_architecture_artifact_alone_predicts_differently(jobs, saved):
    id_ = saved("digits-mlp", "architecture")["artifact"]
    outcome = run_comparison(jobs, id_)["outcomes"][id_]
    assert (outcome["verdict"], outcome["weights"]["found"]) == ("different", 0)
    assert outcome["changed_rows"] > 135


@pytest.mark.parametrize("key", ["keras", "h5"])
def test_custom_layer_artifact_needs_its_class(jobs, saved, key):
    id_ = saved("digits-custom", key)["artifact"]
    without = run_comparison(jobs, id_, sources={id_: "none"})["outcomes"][id_]
    assert without["verdict"] == "does-not-load"
    assert without["error"]["sentence"].startswith("This process does not know the custom ")
    assert "'Scale': Scale" in without["error"]["cure"]
    assert run_comparison(jobs, id_, sources={id_: "demo"})["outcomes"][id_]["verdict"] == "bit-identical"
    assert run_comparison(jobs, id_)["outcomes"][id_]["verdict"] == "bit-identical"


@pytest.mark.parametrize("source", ["none", "demo"])
def test_saved_model_with_custom_layer_loads_without_its_class(jobs, saved, source):
    id_ = saved("digits-custom", "saved_model")["artifact"]
    assert run_comparison(jobs, id_, sources={id_: source})["outcomes"][id_]["verdict"] == "bit-identical"


def test_architecture_of_another_model_does_not_load_with_sentence(jobs, saved):
    weights, layers = saved("digits-mlp", "weights")["artifact"], saved("digits-custom", "architecture")["artifact"]
    outcome = run_comparison(jobs, weights, sources={weights: layers})["outcomes"][weights]
    assert outcome["verdict"] == "does-not-load"
    assert outcome["error"]["sentence"].endswith(".")


# Bad input

BAD_SETTINGS = {
    "no epochs": ({"epochs": 0}, "The setting 'epochs' should be greater than or equal to 1."),
    "too many epochs": ({"epochs": 501}, "The setting 'epochs' should be less than or equal to 500."),
    "half an epoch": (
        {"epochs": 1.5},
        "The setting 'epochs' should be a valid integer, got a number with a fractional part.",
    ),
    "no batch": ({"batch_size": 0}, "The setting 'batch size' should be greater than or equal to 1."),
    "no rate": ({"learning_rate": 0}, "The setting 'learning rate' should be greater than 0."),
    "no units": ({"hidden_units": 0}, "The setting 'hidden units' should be greater than or equal to 1."),
    "a word for a seed": (
        {"seed": "x"},
        "The setting 'seed' should be a valid integer, unable to parse string as an integer.",
    ),
    "a seed below zero": ({"seed": -1}, "The setting 'seed' should be greater than or equal to 0."),
    "no such data": ({"dataset": "cats"}, "The demo digits-mlp has no such data set."),
}


@pytest.mark.parametrize(("given", "sentence"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_train_invalid_setting_starts_no_job(empty_jobs, given, sentence):
    with pytest.raises(InputError) as caught:
        empty_jobs.train("digits-mlp", **given)
    assert caught.value.sentence == sentence
    assert caught.value.received == str(next(iter(given.values())))
    assert caught.value.cure.endswith(".")
    assert empty_jobs.job_store.list_jobs() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "fast"])
def test_train_non_finite_learning_rate_is_refused(empty_jobs, value):
    with pytest.raises(InputError, match="The setting 'learning rate' should be"):
        empty_jobs.train("digits-mlp", learning_rate=value)


def test_a_setting_that_does_not_exist_is_refused(empty_jobs):
    with pytest.raises(InputError, match="The setting 'colour'"):
        empty_jobs.train("digits-mlp", colour="blue")


def test_train_job_batch_larger_than_data_fails(empty_jobs):
    end = empty_jobs.wait(empty_jobs.train("digits-mlp", epochs=1, batch_size=5000).id)
    assert (end.state, end.error["code"]) == ("failed", "input")
    assert end.error["sentence"] == "The batch size is above the 1,257 rows of training data."
    assert (end.error["received"], end.error["cure"]) == ("5000", "Choose 1,257 or fewer.")
    assert empty_jobs.library.ids() == []


def test_train_unknown_demo_is_refused_with_choices(empty_jobs):
    with pytest.raises(UnknownName) as caught:
        empty_jobs.train("digits")
    assert caught.value.sentence == "There is no such demo."
    assert caught.value.cure.startswith("Did you mean digits-mlp? Choose from digits-mlp, digits-core, digits-custom")


def test_save_unknown_format_is_refused_with_choices(jobs, trained):
    with pytest.raises(UnknownName) as caught:
        jobs.save(trained("digits-mlp"), ["keras", "zip"])
    assert (caught.value.sentence, caught.value.received) == ("There is no such format.", "zip")
    assert caught.value.cure.startswith("Choose from " + ", ".join(format_.key for format_ in FORMATS[:3]))


@pytest.mark.parametrize("id_", ["r0000000000", "", "../x", "a0000000000"])
def test_an_unknown_run_is_refused(jobs, id_):
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        jobs.save(id_, ["keras"])


@pytest.mark.parametrize("id_", ["a0000000000", "", "../x", "r0000000000"])
def test_an_unknown_artifact_is_refused(jobs, id_):
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        jobs.compare([id_])


def test_an_unknown_job_is_refused(jobs):
    for use in (jobs.cancel, jobs.wait):
        with pytest.raises(UnknownName):
            use("j0000000000")


def test_save_and_compare_empty_selection_is_refused(jobs, trained):
    with pytest.raises(InputError, match=r"No format was chosen\. Choose at least one format to save in"):
        jobs.save(trained("digits-mlp"), [])
    with pytest.raises(InputError, match=r"No artifact was chosen\. Choose at least one artifact to compare"):
        jobs.compare([])


@pytest.mark.parametrize("rows", [0, -5])
def test_compare_zero_or_negative_rows_is_refused(jobs, saved, rows):
    with pytest.raises(InputError) as caught:
        jobs.compare([saved("digits-mlp", "keras")["artifact"]], rows=rows)
    assert (caught.value.sentence, caught.value.received) == ("At least one row must be compared.", str(rows))


def test_compare_unoffered_architecture_source_is_refused(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    with pytest.raises(InputError) as caught:
        jobs.compare([id_], sources={id_: "../x"})
    name = "Keras file (.keras) of “Read a digit · 2 epochs · seed 0”"
    assert caught.value.sentence == f"The architecture of {name} cannot come from there."
    assert caught.value.cure == "Choose from none, demo."


def test_compare_job_uses_run_of_first_artifact_as_baseline(jobs, saved):
    ids = [saved("digits-mlp", "keras")["artifact"], saved("digits-core", "saved_model")["artifact"]]
    outcomes = run_comparison(jobs, *ids)["outcomes"]
    assert outcomes[ids[0]]["verdict"] == "bit-identical"
    assert outcomes[ids[1]]["verdict"] in {"some-changed", "different"}


def test_save_job_failed_format_does_not_stop_others(jobs, trained):
    rows = wait_until_done(jobs, jobs.save(trained("digits-core"), ["h5", "checkpoint"])).result["rows"]
    assert list(rows) == ["h5", "checkpoint"]
    assert (rows["h5"]["state"], rows["h5"]["error"]["code"]) == ("failed", "cannot-save")
    assert (rows["checkpoint"]["state"], rows["checkpoint"]["verdict"]) == ("done", "bit-identical")
