"""The commands `elsewhere` and `environments`, over the session's library."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.compare import Verdict
from core.environments import ENVIRONMENTS, get_environment
from core.environments.judge import ElsewhereOutcome
from core.errors import InputError, NotBuilt
from core.jobs import Jobs
from core.settings import Settings
from tests.helpers import wait_until_done


@pytest.fixture
def run_over(run_cli: Callable, jobs: Jobs, config: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """A function that runs a command over a cache of environments."""

    def run(cache: Path, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(jobs, "config", config.model_copy(update={"environments": cache}))
        return run_cli(*words)

    return run


def test_environments_are_listed_with_their_size_before_they_are_built(run_over, tmp_path: Path):
    status, out, _ = run_over(tmp_path, "environments", "--json")
    states = json.loads(out)
    assert (status, [state["environment"] for state in states]) == (0, [each.key for each in ENVIRONMENTS])
    assert {state["bytes"] for state in states} == {0}
    status, out, _ = run_over(tmp_path, "environments", "list", "tract")
    assert (status, "118 MB" in out, "mnn" in out) == (0, True, False)


def test_elsewhere_without_environment_says_how_to_build_one(run_over, trained: Callable, tmp_path: Path):
    status, _, err = run_over(tmp_path, "elsewhere", trained("digits-mlp"))
    assert (status, err) == (
        1,
        "No environment is built. Name one (--in), or build some: roundtrip environments build.",
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("environments", "list", "nowhere"), "There is no such environment. Received: nowhere."),
        (("environments", "build", "nowhere"), "There is no such environment. Received: nowhere."),
        (("environments", "remove", "nowhere"), "There is no such environment. Received: nowhere."),
        (("elsewhere", "r0000000000", "--in", "tract"), "Nothing in the library has this id."),
    ],
)
def test_unknown_name_is_one_sentence(run_over, tmp_path: Path, words: tuple[str, ...], sentence: str):
    status, _, err = run_over(tmp_path, *words)
    assert (status, err[: len(sentence)]) == (1, sentence)


def test_failed_build_is_a_line_and_status_one(run_over, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*given, **more):
        raise NotBuilt("The package index did not answer.", received="tract 0.23", cure="Connect to the network.")

    monkeypatch.setattr("core.environments.build.run_uv", refuse)
    status, _, err = run_over(tmp_path, "environments", "build", "tract")
    sentence = "tract: The package index did not answer. Received: tract 0.23. Connect to the network."
    assert (status, err.strip()) == (1, sentence)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_environment_that_is_asked_nothing_is_not_built(
    jobs: Jobs, saved: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    def refuse(*given, **more):
        raise NotBuilt("The package index did not answer.", cure="Connect to the network.")

    monkeypatch.setattr("core.environments.build.run_uv", refuse)
    monkeypatch.setattr(jobs, "config", jobs.config.model_copy(update={"environments": tmp_path}))
    artifact = saved("digits-mlp", "onnx")["artifact"]
    run = jobs.library.artifact(artifact).run
    result = wait_until_done(jobs, jobs.ask_elsewhere(run, ["tract", "keras-3.12"], [artifact])).result
    built = result["environments"]
    assert (built["tract"]["error"]["code"], built["keras-3.12"]) == ("not-built", {})


def test_copy_of_another_run_is_refused(jobs: Jobs, saved: Callable, trained: Callable):
    artifact = saved("digits-mlp", "onnx")["artifact"]
    with pytest.raises(InputError, match=r"copy of another run") as raised:
        jobs.ask_elsewhere(trained("digits-core"), ["tract"], [artifact])
    assert raised.value.received == artifact


def test_elsewhere_prints_verdict_cause_and_seconds(
    run_cli: Callable, built_config: Settings, copied_entries: Callable, monkeypatch: pytest.MonkeyPatch
):
    own, run, artifacts = copied_entries("digits-mlp", "onnx")  # alone: tract answers other forms of it otherwise
    monkeypatch.setattr(own, "config", own.config.model_copy(update={"environments": built_config.environments}))
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: own)
    try:
        status, out, _ = run_cli("elsewhere", run, "--in", "tract")
    except NotBuilt as error:
        pytest.skip(f"no package index can be reached: {error.sentence}")
    finally:
        own.environment_processes.close()
    assert status == 0
    assert artifacts["onnx"] in out
    assert "Same answers (rounding only)" in out
    assert "The largest difference is " in out
    assert out.count(f"tract: Its packages: list {get_environment('tract').lock_sha256[:12]} (") == 1


def test_answer_that_is_not_verified_is_counted_by_itself(
    run_over, built_config: Settings, jobs: Jobs, saved: Callable, monkeypatch: pytest.MonkeyPatch
):
    run = jobs.library.artifact(saved("digits-mlp", "onnx")["artifact"]).run
    jobs.environment_processes.close()
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: False)
    status, out, err = run_over(built_config.environments, "elsewhere", run, "--in", "tract")
    if "did not answer" in err:
        pytest.skip(f"no package index can be reached: {err}")
    assert "This environment was changed after it was built" in out
    assert (status, bool(re.fullmatch(r"(\d+) of \1 answers? not verified\.", err.strip()))) == (0, True)


def test_verdict_is_alike_or_unlike_or_none_at_all():
    outcomes = [ElsewhereOutcome(environment="tract", verdict=verdict) for verdict in Verdict]
    unlike = {outcome.verdict for outcome in outcomes if outcome.is_unlike}
    unverified = {outcome.verdict for outcome in outcomes if outcome.is_unverified}
    alike = {verdict for verdict in Verdict if verdict.rank <= Verdict.SAME_ANSWERS.rank}
    assert (unlike & unverified, unlike & alike) == (set(), set())
    assert {*Verdict} - unlike - unverified - alike == {Verdict.NOT_RUN}
