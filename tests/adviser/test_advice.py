"""The adviser over invented measurements, and over the copies of one real run."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from core.adviser import Needs, Place, advise, make_needs
from core.adviser.advice import COLUMN_NAMES, Advice, choose
from core.adviser.advice_json import AdviceJson, ChoiceJson, RejectionJson
from core.adviser.candidates import Candidate, collect_candidates, find_latencies
from core.compare import Verdict
from core.compatibility.columns import Finding
from core.errors import InputError
from core.evidence.records import Evidence
from core.jobs import Jobs
from core.jobs.benchmark_result import ArtifactBenchmark, BatchLatency, BenchmarkMachine, BenchmarkResult
from core.library import Library, Run
from core.library.job_store import Job, JobStore
from core.system import describe_machine
from tests.factories.library_entries import RUN_FACTS

RUN = Run(id="r0123456789", **RUN_FACTS)
KEPT = {key: Finding("kept", f"{key} kept.") for key in COLUMN_NAMES}
GRAPH = {"trainable": Finding("lost", "No way to train."), "optimizer": Finding("lost", "No optimizer.")}
NEEDS_CODE = {"code": Finding("lost", "Needs your code.")}
STARTS_ELSEWHERE = {"trainable": Finding("changed", "It steps elsewhere.")}
NO_WEIGHTS = {"weights": Finding("lost", "No tensor came back."), "answers": Finding("changed", "Different answers.")}


def candidate(
    format_key: str,
    size: int = 1000,
    verdict: Verdict = Verdict.BIT_IDENTICAL,
    changed: int = 0,
    cells: dict[str, Finding] | None = None,
    latency: float | None = None,
) -> Candidate:
    """A copy that keeps everything but what `cells` say."""
    cells = KEPT | (cells or {})
    return Candidate(format_key, f"a-{format_key}", cells, "", verdict, changed, 270, size, latency)


KERAS = candidate("keras", 4000)
EXPORT = candidate("keras_export", 3000, cells=GRAPH)
WEIGHTS = candidate("weights", 2000, cells=NEEDS_CODE)
ONNX = candidate("onnx", 1100, Verdict.ROUNDING, cells=GRAPH)
LITERT = candidate("litert", 1200, Verdict.ROUNDING, cells=GRAPH)
INT8 = candidate("litert_int8", 400, Verdict.SOME_CHANGED, 3, cells=GRAPH)
ARCHITECTURE = candidate("architecture", 100, Verdict.DIFFERENT, 250, cells=NO_WEIGHTS)
REFUSED = Candidate("h5", None, KEPT, "It holds no such layers.")
EVERY = [EXPORT, KERAS, WEIGHTS, ARCHITECTURE, ONNX, LITERT, INT8, REFUSED]


def chosen(advice: Advice) -> tuple[str | None, str | None]:
    return advice.choice and advice.choice.format, advice.runner_up and advice.runner_up.format


def obstacles_of(advice: Advice, format_key: str) -> list[str]:
    return next(each.obstacles for each in advice.rejected if each.format == format_key)


@pytest.mark.parametrize(
    ("needs", "formats"),
    [
        (Needs(), ("keras_export", "onnx")),
        (Needs(trains_on=True), ("keras", None)),
        (Needs(trains_on=True, has_code=True), ("keras", "weights")),
        (Needs(Place.PHONE), ("litert", "onnx")),
        (Needs(Place.PHONE, max_changed=3), ("litert_int8", "litert")),
        (Needs(Place.BROWSER, max_changed=3), ("onnx", "litert")),
        (Needs(Place.MICROCONTROLLER), ("litert", None)),
        (Needs(Place.MICROCONTROLLER, max_changed=3), ("litert_int8", "litert")),
        (Needs(Place.FRAMEWORK), ("onnx", None)),
        (Needs(Place.PHONE, trains_on=True), (None, None)),
    ],
    ids=str,
)
def test_advice_by_needs_names_choice_and_runner_up(needs: Needs, formats: tuple[str | None, str | None]):
    assert chosen(choose(RUN, EVERY, needs)) == formats


def test_advice_of_a_phone_gives_reasons_losses_and_what_is_unmeasured():
    advice = choose(RUN, EVERY, Needs(Place.PHONE, max_changed=3))
    assert advice.headline == "Take LiteRT, 8-bit integers."
    assert advice.choice.reasons == [
        "Some answers changed: 3 of 270 rows changed.",
        "code kept.",
        "400 B: the smallest of the 3 that fit.",
    ]
    assert [(loss.finding, loss.state) for loss in advice.choice.losses] == [
        ("Optimizer state", "lost"),
        ("Further training", "lost"),
    ]
    assert advice.why_second == "It is larger: 1.2 kB instead of 400 B."
    assert advice.unmeasured[0].startswith("Nobody has measured it on a phone")
    assert advice.others == ["ONNX"]
    assert choose(RUN, EVERY, Needs()).unmeasured == []


def test_advice_rejects_each_format_for_its_own_reasons():
    advice = choose(RUN, EVERY, Needs(Place.PHONE))
    assert obstacles_of(advice, "litert_int8") == ["3 answers of 270 changed, and none may."]
    assert obstacles_of(advice, "weights") == [
        "Roundtrip knows of nothing that runs it on a phone.",
        "Needs your code.",
    ]
    assert obstacles_of(advice, "h5") == ["It holds no such layers."]
    assert advice.rejected[-1].format == "h5"  # of which there is no copy
    served = choose(RUN, EVERY, Needs(trains_on=True, max_changed=2))
    assert obstacles_of(served, "litert_int8") == [
        "Training does not resume from it. No way to train.",
        "3 answers of 270 changed, and at most 2 may.",
    ]


def test_advice_never_takes_a_copy_without_weights_however_many_may_change():
    advice = choose(RUN, EVERY, Needs(max_changed=270))
    assert obstacles_of(advice, "architecture") == [
        "Different answers: 250 of 270 rows. The numbers that were learned are not in it."
    ]


def test_advice_never_takes_answers_that_are_not_finite():
    broken = candidate("keras", cells={"answers": Finding("failed", "12 numbers in its answers are NaN.")})
    advice = choose(RUN, [broken], Needs(max_changed=270))
    assert (advice.choice, advice.headline) == (None, "No copy of this run does all of that.")
    assert obstacles_of(advice, "keras") == ["12 numbers in its answers are NaN."]


def test_advice_for_training_prefers_the_step_of_the_live_model_to_size():
    restarted = candidate("h5", 10, cells=STARTS_ELSEWHERE)
    advice = choose(RUN, [restarted, KERAS], Needs(trains_on=True))
    assert chosen(advice) == ("keras", "h5")
    assert advice.why_second == "It trains on from another point than the live model."
    assert advice.choice.reasons[1] == "trainable kept."


def test_advice_for_a_server_takes_latency_only_where_all_were_measured():
    fast = candidate("saved_model", 5000, cells=GRAPH, latency=0.001)
    slow = EXPORT._replace(latency=0.002)
    advice = choose(RUN, [slow, fast], Needs())
    assert chosen(advice) == ("saved_model", "keras_export")
    assert advice.why_second == "It takes 2 ms to answer one row, the fastest 1 ms."
    assert advice.choice.reasons[-1] == "It answers one row in 1 ms on this computer."
    assert chosen(choose(RUN, [EXPORT, fast], Needs())) == ("keras_export", "saved_model")


def test_advice_for_a_server_takes_small_differences_in_latency_for_noise():
    fast = candidate("saved_model", 5000, cells=GRAPH, latency=0.001)
    assert chosen(choose(RUN, [EXPORT._replace(latency=0.0014), fast], Needs())) == ("keras_export", "saved_model")


def test_advice_puts_what_runs_code_last_and_warns():
    pickle = candidate("pickle", 10)
    assert chosen(choose(RUN, [pickle, KERAS], Needs())) == ("keras", "pickle")
    assert choose(RUN, [pickle], Needs()).choice.cautions[0].startswith("Loading it runs whatever code stands in it")


@pytest.mark.parametrize("needs", [Needs(), Needs(Place.PHONE), Needs(trains_on=True, has_code=True)], ids=str)
def test_advice_prefers_a_copy_that_was_looked_at_in_full_and_warns(needs: Needs):
    gap = "64 of 1,024 rows were asked: all would take longer than 60 seconds (ROUNDTRIP_CHILD_SECONDS)."
    whole = candidate("litert", 9000, Verdict.ROUNDING, cells=STARTS_ELSEWHERE)
    part = candidate("litert_float16", 10)._replace(rows=64, left_out=(gap,))
    advice = choose(RUN, [part, whole], needs)
    assert chosen(advice) == ("litert", "litert_float16")
    assert advice.why_second == "It was not looked at in full."
    assert (advice.choice.cautions, advice.runner_up.cautions) == ([], [gap])


def test_candidate_has_what_its_evidence_left_out(copied_entries: Callable[..., tuple[Jobs, str, dict[str, str]]]):
    jobs, run, artifacts = copied_entries("digits-mlp", "keras")
    path = jobs.library.folder(artifacts["keras"]) / "evidence.json"
    evidence = Evidence.read(path)
    evidence.without_code.left_out = ["64 of 270 rows were asked."]
    path.write_text(evidence.to_json_text(), encoding="utf-8")
    (keras,) = [each for each in collect_candidates(jobs.library, run) if each.format == "keras"]
    assert keras.left_out == ("64 of 270 rows were asked.",)


def test_advice_names_formats_of_the_place_that_were_not_saved():
    advice = choose(RUN, [KERAS], Needs(Place.MICROCONTROLLER))
    assert (advice.choice, advice.unsaved) == (None, {"litert_int8": "LiteRT, 8-bit integers"})
    assert choose(RUN, [], Needs()).headline.startswith("Nothing of this run is saved yet")


def test_advice_code_is_the_formats_own():
    served = choose(RUN, EVERY, Needs()).code
    assert 'export(folder, format="tf_saved_model"' in served.save
    assert "tf.saved_model.load(path)" in served.load
    assert "keras.models.load_model(" in choose(RUN, EVERY, Needs(trains_on=True)).code.load
    compile(served.load, "load.py", "exec")


@pytest.mark.parametrize(
    ("where", "max_changed", "sentence"),
    [
        ("moon", 0, "There is no such place to run a model in."),
        ("phone", -1, "How many answers may change is 0 or more."),
    ],
)
def test_needs_that_do_not_fit_are_refused(where: str, max_changed: int, sentence: str):
    with pytest.raises(InputError, match=sentence):
        make_needs(where, max_changed=max_changed)


MACHINE = BenchmarkMachine(**describe_machine(), threads={}, busy=0.0, versions={})
OTHER_MACHINE = MACHINE.model_copy(update={"cores": MACHINE.cores + 1})


def benchmark_job(store: JobStore, number: int, machine: BenchmarkMachine = MACHINE, **latencies: float | None) -> None:
    """A finished benchmark with the seconds of a call with one row by artifact, None where it failed; each newer than
    those of lower numbers."""
    costs = {name: _benchmark(name, seconds) for name, seconds in latencies.items()}
    result = BenchmarkResult(costs=costs, repeats=1, batches=[1], protocol=[], machine=machine)
    created, request = f"2026-01-0{number}T00:00:00.000+00:00", {"artifacts": list(latencies)}
    job = Job(id=f"j000000000{number}", kind="cost", title="", created=created, state="done", request=request)
    store.create(job.model_copy(update={"result": result.model_dump(mode="json")}))


def _benchmark(artifact: str, seconds: float | None) -> ArtifactBenchmark:
    steady = [BatchLatency.from_calls(1, [np.full(4, seconds)], [seconds])] if seconds else []
    return ArtifactBenchmark(artifact=artifact, format="keras", steady=steady)


@pytest.fixture
def store(empty_library: Library) -> JobStore:
    return JobStore(empty_library.home / "jobs", 10)


def test_latencies_are_those_of_the_newest_benchmark_of_all_copies(store: JobStore):
    benchmark_job(store, 1, a1=0.75, a2=0.5)
    benchmark_job(store, 2, a1=0.5, a2=0.25, a3=1.0)
    benchmark_job(store, 3, a1=0.125, a3=1.0)
    assert find_latencies(store, ["a1", "a2"]) == {"a1": 0.5, "a2": 0.25}
    assert find_latencies(store, ["a1", "a3"]) == {"a1": 0.125, "a3": 1.0}


def test_latencies_of_separate_benchmarks_are_not_taken_together(store: JobStore):
    benchmark_job(store, 1, a1=0.5)
    benchmark_job(store, 2, a2=0.25)
    assert find_latencies(store, ["a1", "a2"]) == {}
    assert find_latencies(store, []) == {}


def test_latencies_skip_another_machine_and_copies_that_failed(store: JobStore):
    benchmark_job(store, 1, a1=0.5, a2=0.25)
    benchmark_job(store, 2, OTHER_MACHINE, a1=0.125, a2=0.125)
    benchmark_job(store, 3, a1=0.125, a2=None)
    assert find_latencies(store, ["a1", "a2"]) == {"a1": 0.5, "a2": 0.25}
    benchmark_job(store, 4, OTHER_MACHINE, a3=0.5)
    assert find_latencies(store, ["a3"]) == {}


def test_advice_takes_latencies_of_copies_that_fit_alone(
    copied_entries: Callable[..., tuple[Jobs, str, dict[str, str]]],
):
    jobs, run, ids = copied_entries("digits-mlp", "keras", "saved_model", "architecture")
    benchmark_job(jobs.job_store, 1, **{ids["keras"]: 0.5, ids["saved_model"]: 0.125})
    choice = advise(jobs.library, jobs.job_store, run, Needs()).choice
    assert (choice.format, choice.reasons[-1]) == ("saved_model", "It answers one row in 0.12 s on this computer.")


def test_cli_advise_of_a_real_run_recommends_by_its_measurements(run_cli, saved, trained):
    ids = {key: saved("digits-mlp", key)["artifact"] for key in ("keras", "saved_model", "architecture")}
    run = trained("digits-mlp")
    status, out, _ = run_cli("advise", run, "--train", "--json")
    advice = json.loads(out)
    assert advice.keys() == AdviceJson.__annotations__.keys()
    assert advice["choice"].keys() == ChoiceJson.__annotations__.keys()
    assert advice["rejected"][0].keys() == RejectionJson.__annotations__.keys()
    assert (status, advice["choice"]["format"], advice["choice"]["artifact"]) == (0, "keras", ids["keras"])
    assert advice["choice"]["losses"] == []
    assert "One step moves the weights exactly as the original's." in advice["choice"]["reasons"]
    rejected = {each["format"]: " ".join(each["obstacles"]) for each in advice["rejected"]}
    assert "no way to train" in rejected["saved_model"]
    assert "The numbers that were learned are not in it." in rejected["architecture"]


def test_cli_advise_without_a_fitting_copy_exits_1_and_says_why(run_cli, saved, trained):
    saved("digits-mlp", "keras")
    status, out, _ = run_cli("advise", trained("digits-mlp"), "--where", "phone", "--train")
    assert (status, out.splitlines()[0]) == (1, "No copy of this run does all of that.")
    assert "Keras file (.keras): Roundtrip knows of nothing that runs it on a phone." in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--where", "moon"], "There is no such place to run a model in. Received: moon."),
        (["--max-changed", "few"], "The option --max-changed takes a whole number. Received: few."),
    ],
)
def test_cli_advise_invalid_answers_print_one_sentence(run_cli, words: list[str], sentence: str):
    status, out, errors = run_cli("advise", "r0000000000", *words)
    assert (status, out, errors.startswith(sentence)) == (1, "", True)
