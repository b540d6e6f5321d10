"""Environments, really built, and really asked: the three smallest in every run, all of them in the long one."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict
from core.environments import ENVIRONMENTS, get_environment
from core.environments.base import Environment
from core.environments.judge import ElsewhereOutcome, EnvironmentAnswer, ask_and_judge
from core.environments.kits import read_arrays
from core.environments.pool import WarmProcesses
from core.exports.proof_kit import unpacked_kit
from core.formats import get_format
from core.jobs import Jobs
from core.settings import Settings
from tests.factories.built_environments import build_or_skip
from tests.helpers import wait_until_done

SMALLEST = ("tflite-micro", "mnn", "tract")
SAME = (Verdict.BIT_IDENTICAL, Verdict.ROUNDING)
SOUND = (*SAME, Verdict.SAME_ANSWERS, Verdict.SOME_CHANGED)  # which of these, a format of few bits decides

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="session")
def pool(built_config: Settings):
    with WarmProcesses(built_config) as processes:
        yield processes


@pytest.fixture(scope="session")
def answer(
    built_config: Settings, pool: WarmProcesses, jobs: Jobs, saved: Callable, request: pytest.FixtureRequest
) -> Callable[..., EnvironmentAnswer]:
    """A function that builds an environment, and asks a demo's copy there; skips where no index can be reached."""

    def answer(environment: Environment, demo: str, format_key: str) -> EnvironmentAnswer:
        built = build_or_skip(built_config, environment)
        if apart := get_format(format_key).environment:  # in which its copies are saved
            build_or_skip(built_config, apart)
            library = request.getfixturevalue("apart").library
            artifact = request.getfixturevalue("saved_apart")(demo, format_key)["artifact"]
        else:
            library, artifact = jobs.library, saved(demo, format_key)["artifact"]
        with unpacked_kit(library, artifact) as kit:
            return ask_and_judge(pool, environment, built, kit)

    return answer


@pytest.fixture(scope="session")
def ask(answer: Callable[..., EnvironmentAnswer]) -> Callable[..., ElsewhereOutcome]:
    """The same, of which the verdict alone is given."""
    return lambda *asked: answer(*asked).outcome


def test_smallest_environments_are_known():
    order = sorted(ENVIRONMENTS, key=lambda environment: environment.megabytes)
    assert {environment.key for environment in order[:3]} == set(SMALLEST)


@pytest.mark.parametrize(("key", "format_key"), [("tract", "onnx"), ("mnn", "onnx"), ("tflite-micro", "litert")])
def test_engine_answers_as_the_model(ask, key: str, format_key: str):
    outcome = ask(get_environment(key), "digits-mlp", format_key)
    assert outcome.error is None
    assert outcome.verdict in SAME
    assert 0 < float(outcome.max_abs) < 1e-6
    assert outcome.seconds.keys() == {"import", "load", "predict"}
    assert len(outcome.versions) >= 2


def test_micro_kernels_give_dense_layers_the_bits_of_reference_kernels(
    answer, jobs: Jobs, saved: Callable, tmp_path: Path
):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    answered = answer(get_environment("tflite-micro"), "digits-mlp", "litert")
    assert any("reference kernels" in note for note in answered.outcome.notes)
    (micro,) = answered.predictions.values()
    with unpacked_kit(jobs.library, saved("digits-mlp", "litert")["artifact"]) as kit:
        kit.write(tmp_path / "kit")
    inputs = read_arrays(tmp_path / "kit" / "inputs.npz")
    content = (tmp_path / "kit" / "artifact" / "model.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    (local,) = interpreter.get_signature_runner()(**inputs).values()
    assert np.array_equal(local, micro)  # and so others than those of the default kernels wherever the two differ


OLD_KERAS = ("keras-3.0", "keras-3.3", "keras-3.6", "keras-3.9", "keras-3.12", "tf-2.15", "tf-keras")
# What an environment makes of the copies of this demo, where that is not sound: a release that changes one is noticed.
REFUSED = {key: dict.fromkeys(("keras", "h5"), Verdict.DOES_NOT_LOAD) for key in OLD_KERAS} | {
    "tflite-micro": dict.fromkeys(("litert_dynamic", "litert_float16", "litert_int4"), Verdict.DOES_NOT_LOAD),
    "ncnn": dict.fromkeys(("onnx_external", "onnx_float16", "onnx_int8", "onnx_int8_dynamic"), Verdict.DOES_NOT_LOAD),
    "mnn": {"onnx_int8": Verdict.NOT_COMPARABLE, "onnx_int8_dynamic": Verdict.DIFFERENT},
    "tract": {"onnx_int8": Verdict.DIFFERENT},
    # Core ML predicts on macOS alone; elsewhere the copy is converted.
    "coreml": {} if sys.platform == "darwin" else {"saved_model": Verdict.NOT_VERIFIED},
}


@pytest.mark.long
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.key)
def test_every_environment_answers_each_format_that_it_takes(ask, environment: Environment):
    outcomes = {key: ask(environment, "digits-mlp", key) for key in sorted(environment.takes)}
    unsound = {key: outcome for key, outcome in outcomes.items() if outcome.verdict not in SOUND}
    told = {key: (outcome.verdict, outcome.cause) for key, outcome in unsound.items()}
    assert {key: verdict for key, (verdict, _) in told.items()} == REFUSED.get(environment.key, {}), told
    assert all(cause for _, cause in told.values())


@pytest.mark.long
@pytest.mark.parametrize("key", OLD_KERAS)
def test_weights_alone_of_a_dense_model_answer_alike_in_older_keras(ask, key: str):
    outcome = ask(get_environment(key), "digits-mlp", "weights")
    assert (outcome.error, outcome.verdict in SAME) == (None, True), outcome.verdict


@pytest.mark.long
@pytest.mark.parametrize("demo", ["digits-cnn", "digits-denoiser"])
def test_executorch_answers_models_with_convolutions(ask, demo: str):
    outcome = ask(get_environment("executorch"), demo, "pt2")
    assert (outcome.error, outcome.verdict in SAME) == (None, True)


def test_elsewhere_job_asks_each_copy_where_it_is_taken(
    jobs: Jobs, built_config: Settings, saved: Callable, monkeypatch
):
    monkeypatch.setattr(jobs, "config", built_config)
    ids = {key: saved("digits-mlp", key)["artifact"] for key in ("onnx", "litert", "keras")}
    run = jobs.library.artifact(ids["onnx"]).run
    result = wait_until_done(jobs, jobs.ask_elsewhere(run, ["tract", "tflite-micro"], ids.values())).result
    assert set(result["rows"]) == {ids["onnx"], ids["litert"]}
    cells = {row["format"]: row["cells"] for row in result["rows"].values()}
    assert {key: list(each) for key, each in cells.items()} == {"onnx": ["tract"], "litert": ["tflite-micro"]}
    assert {Verdict(cell["verdict"]) for each in cells.values() for cell in each.values()} <= set(SAME)
    assert all(built["bytes"] > 10**6 for built in result["environments"].values())
