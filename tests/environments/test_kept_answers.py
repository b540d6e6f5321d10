"""What copies answered in an environment: kept under its lock, and carried along by kits."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict
from core.environments import get_environment
from core.environments.base import Environment
from core.environments.judge import LOCK_CHANGED, ElsewhereOutcome
from core.errors import DoesNotLoad
from core.evidence.records import Evidence, ReloadOutcome
from core.exports.proof_kit import build_proof_kit, unpacked_kit
from core.jobs import Jobs
from core.jobs.elsewhere_answers import find_answers, find_kit_answers, list_kit_environments
from tests.factories.environment_kits import borrow_own_packages
from tests.factories.route_requests import request_route
from tests.helpers import wait_until_done

PLAIN = get_environment("onnxruntime-plain")


@pytest.fixture
def without_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built has the packages of the tests."""
    built = borrow_own_packages(tmp_path / "own")
    monkeypatch.setattr("core.jobs.elsewhere.build_asked", lambda *given, **more: built)
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)


@pytest.fixture
def own(copied_entries: Callable, without_index: None) -> Iterator[tuple[Jobs, str, str]]:
    """Jobs over a run with an ONNX copy, and the ids of both."""
    jobs, run, artifacts = copied_entries("digits-mlp", "onnx")
    yield jobs, run, artifacts["onnx"]
    jobs.environment_processes.close()


@pytest.fixture
def asked(own: tuple[Jobs, str, str]) -> tuple[Jobs, str, str]:
    """The same after the copy was asked in ONNX Runtime that optimises nothing."""
    jobs, run, _ = own
    result = wait_until_done(jobs, jobs.ask_elsewhere(run, [PLAIN.key])).result
    assert "error" not in result["environments"][PLAIN.key]
    return own


def test_answers_are_kept_with_lock_and_rows(asked):
    jobs, _, artifact = asked
    (answer,) = find_kit_answers(jobs.job_store, artifact).values()
    with unpacked_kit(jobs.library, artifact) as kit:
        assert answer.outcome.inputs_sha256 == kit.inputs_sha256
        ((name, expected),) = kit.expected.items()
    assert list(answer.predictions) == [name]
    off = np.abs(answer.predictions[name] - expected).max()
    assert off == pytest.approx(answer.outcome.max_abs, abs=1e-12)
    assert (answer.outcome.lock, answer.outcome.lock_note) == (PLAIN.lock_sha256, "")


def test_answers_under_another_lock_are_said_to_be(asked, monkeypatch: pytest.MonkeyPatch):
    jobs, run, artifact = asked
    assert list_kit_environments(jobs.job_store, jobs.library.artifact(artifact)) == [PLAIN.key]
    monkeypatch.setattr(Environment, "lock_sha256", property(lambda self: "f" * 64))
    outcome = find_answers(jobs.job_store, run)[artifact][PLAIN.key]
    assert outcome.lock_note == LOCK_CHANGED.format(outcome.lock[:12])
    assert outcome.summary.endswith(f" since (list {outcome.lock[:12]}); ask again.")
    assert find_kit_answers(jobs.job_store, artifact) == {}
    assert list_kit_environments(jobs.job_store, jobs.library.artifact(artifact)) == []


def test_record_that_names_no_lock_is_said_nothing_of():
    assert ElsewhereOutcome(environment="tract", verdict="rounding").lock_note == ""
    assert ElsewhereOutcome(environment="no-more", verdict="rounding", lock="0" * 64).lock_note == ""


def test_kit_command_asks_and_carries_what_was_answered(own, run_cli: Callable, tmp_path: Path, monkeypatch):
    jobs, _, artifact = own
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: jobs)  # after `run_cli`, which sets those of the session
    monkeypatch.setattr("core.cli.console.Library", lambda: jobs.library)
    words = ("kit", artifact, "--in", PLAIN.key, "--in", "keras-3.3", "-o", str(tmp_path / "kit.zip"))
    status, out, err = run_cli(*words)
    cure = "Save the run in a format that it takes, and ask for that copy."
    assert (status, err.strip()) == (1, f"keras-3.3: It takes no copies in this format. Received: onnx. {cure}")
    assert "kit.zip" in out
    names = {name.partition("/")[2] for name in zipfile.ZipFile(tmp_path / "kit.zip").namelist()}
    assert {f"elsewhere/{PLAIN.key}.npz", f"elsewhere/{PLAIN.key}.lock.txt"} <= names
    jobs_before = [job.id for job in jobs.job_store.list_jobs("elsewhere")]
    status, _, err = run_cli("kit", artifact, "--in", PLAIN.key, "-o", str(tmp_path / "again.zip"))
    assert (status, err, [job.id for job in jobs.job_store.list_jobs("elsewhere")]) == (0, "", jobs_before)


def test_kit_route_sends_answers_where_they_are_asked_for(asked, monkeypatch: pytest.MonkeyPatch):
    jobs, _, artifact = asked
    monkeypatch.setattr("ui.routes.endpoints.current_jobs", lambda: jobs)
    plain, full = (request_route(f"/kit/{artifact}.zip{query}").body for query in ("", "?elsewhere=1"))
    assert tuple(f"elsewhere/{PLAIN.key}.npz".encode() in body for body in (plain, full)) == (False, True)


@pytest.mark.long
def test_copy_that_did_not_load_here_has_a_kit_of_where_it_loads(copied_entries, without_index, tmp_path: Path):
    jobs, run, artifacts = copied_entries("digits-mlp", "keras")
    artifact, keras = artifacts["keras"], get_environment("keras-3.12")
    refused = ReloadOutcome(verdict=Verdict.DOES_NOT_LOAD, error=DoesNotLoad("Its layer is not known.").to_json())
    path = jobs.library.folder(artifact, "a") / "evidence.json"
    path.write_text(Evidence(without_code=refused).to_json_text())
    row = wait_until_done(jobs, jobs.ask_elsewhere(run, [keras.key], [artifact])).result["rows"][artifact]
    jobs.environment_processes.close()
    assert (row["here"], row["error"]) == ("does-not-load", None)
    assert row["cells"][keras.key]["max_abs"] < 1e-5  # beside the model itself
    answers = list(find_kit_answers(jobs.job_store, artifact).values())
    with build_proof_kit(jobs.library, artifact, answers) as archive:
        (tmp_path / "kit.zip").write_bytes(b"".join(archive.read()))
    with zipfile.ZipFile(tmp_path / "kit.zip") as kit:
        (name,) = [name for name in kit.namelist() if name.endswith("/kit.json")]
        assert json.loads(kit.read(name))["expected_by"]["environment"] == keras.key
