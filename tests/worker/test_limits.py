"""A copy that meets a limit is not verified, or in part: it is never said that it does not load."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.compare import Verdict
from core.compatibility.matrix import build_row
from core.errors import TooMuchToSend
from core.evidence.records import Evidence, ReloadOutcome, verdict_of_error
from core.jobs import Jobs
from core.library import Library
from core.reload import reload_in_child
from core.runtimes.reference import Reference
from core.worker import Worker
from tests.factories.misbehaving_worker import misbehave
from tests.helpers import run_command, wait_until_done

SENTENCES = {
    "late": ("timed-out", "It took longer than its limit of 1 seconds, and was stopped."),
    "greedy": ("too-large", "It is too large for the 1.25 GB of memory that its process may use here."),
}


@pytest.fixture
def reload_copy(jobs: Jobs, saved: Callable, misbehaving_worker: Worker) -> Callable[..., ReloadOutcome]:
    """A function that reloads a copy of digits-mlp in a child that misbehaves in a step, and gives the outcome."""
    artifact = jobs.library.artifact(saved("digits-mlp", "saved_model")["artifact"])
    run, folder = jobs.library.run(artifact.run), jobs.library.verified_folder(artifact.id)
    known = jobs.library.original(run), jobs.library.reference(run.id)

    def reload(way: str, step: str, seconds: float = 60.0, **more: Any) -> ReloadOutcome:
        with misbehave(way, step):
            limits = {"probe_as": {"demo": run.demo}, "seconds": seconds} | more
            return reload_in_child(misbehaving_worker, "saved_model", folder, None, *known, **limits).outcome

    return reload


@pytest.mark.parametrize("way", SENTENCES)
def test_reload_over_limit_is_not_verified(reload_copy: Callable, way: str):
    outcome = reload_copy(way, "reload")
    assert (outcome.verdict, outcome.has_loaded) == (Verdict.NOT_VERIFIED, False)
    assert (outcome.error["code"], outcome.error["sentence"]) == SENTENCES[way]


@pytest.mark.parametrize("way", ["late", pytest.param("greedy", marks=pytest.mark.long)])
def test_probes_over_limit_leave_the_verdict(reload_copy: Callable, jobs: Jobs, saved: Callable, way: str):
    outcome = reload_copy(way, "probe")
    assert (outcome.verdict, outcome.error, outcome.left_out) == (Verdict.BIT_IDENTICAL, None, [])
    assert outcome.probes["stopped"]["code"] == SENTENCES[way][0]
    id_ = saved("digits-mlp", "saved_model")["artifact"]
    run = jobs.library.run(jobs.library.artifact(id_).run)
    cells = build_row(run, "saved_model", id_, Evidence(without_code=outcome)).cells
    assert {key: cells[key].state for key in ("answers", "batch", "repeats", "trainable")} == {
        "answers": "kept",
        "batch": "not verified",
        "repeats": "not verified",
        "trainable": "not verified",
    }
    assert SENTENCES[way][1] in cells["batch"].words


def test_slow_copy_is_asked_fewer_rows_and_says_so(reload_copy: Callable):
    outcome = reload_copy("sluggish", "reload", seconds=20.0, probe_as=None)
    assert outcome.verdict.rank <= Verdict.ROUNDING.rank
    assert 1 < outcome.rows < 64
    asked = f"{outcome.rows} of 270 rows were asked"
    assert outcome.left_out == [f"{asked}: all would take longer than 20 seconds (ROUNDTRIP_CHILD_SECONDS)."]


def test_copy_out_of_memory_is_asked_half_the_rows(reload_copy: Callable):
    outcome = reload_copy("hungry", "reload", rows=64, probe_as=None, seconds=600.0)
    assert (outcome.verdict.rank <= Verdict.ROUNDING.rank, outcome.rows) == (True, 32)
    memory = "the 1.25 GB of memory that there are (ROUNDTRIP_CHILD_GB)"
    assert outcome.left_out == [f"32 of 64 rows were asked, 32 at a time: more would need more than {memory}."]


def test_reference_larger_than_a_message_is_asked_in_part_and_says_so(jobs: Jobs, saved: Callable, worker: Worker):
    limited = copy.copy(worker)
    limited.config = worker.config.model_copy(update={"reply_mb": 0.03})
    artifact = jobs.library.artifact(saved("digits-mlp", "keras")["artifact"])
    run, folder = jobs.library.run(artifact.run), jobs.library.verified_folder(artifact.id)
    known = jobs.library.original(run), jobs.library.reference(run.id)
    outcome = reload_in_child(limited, "keras", folder, None, *known, seconds=60.0, probe_as={"demo": run.demo}).outcome
    assert (outcome.verdict, outcome.rows) == (Verdict.BIT_IDENTICAL, 64)
    assert outcome.left_out == ["64 of 270 rows were asked: all would be more than 0.03 MB (ROUNDTRIP_REPLY_MB)."]
    assert "stopped" not in outcome.probes


@pytest.mark.parametrize(
    ("rows", "width", "limit", "expected"),
    [
        (300, 64, 10**6, 300),
        (300, 64, 40_000, 128),
        (300, 64, 20_000, 62),
        (3, 10_000, 20_000, 1),
        (70, 64, 20_000, 62),
    ],
)
def test_rows_within_a_message_are_whole_batches_where_they_can(rows: int, width: int, limit: int, expected: int):
    inputs, predictions = {"x": np.zeros((rows, width), "float32")}, {"y": np.zeros((rows, 1), "float32")}
    assert Reference(inputs, predictions, {}).rows_within(limit) == expected
    assert Reference(predictions, inputs, {}).head_within(limit).rows == expected


def test_answers_larger_than_a_message_say_nothing_of_the_copy():
    assert verdict_of_error(TooMuchToSend("The reply is too large.")) is Verdict.NOT_VERIFIED


def test_compare_participant_over_limit_is_not_verified(
    jobs: Jobs, saved: Callable, misbehaving_worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "keras")]
    limited = Jobs(Library(jobs.library.home), misbehaving_worker, jobs.config)
    with misbehave("late", "load", limited.library.verified_folder(ids[0])):
        job = wait_until_done(limited, limited.compare(ids, rows=3))
        outcomes = job.result["outcomes"]
        assert [outcomes[id_]["verdict"] for id_ in ids] == ["not-verified", "bit-identical"]
        assert outcomes[ids[0]]["error"]["code"] == "timed-out"
        monkeypatch.setattr("core.jobs.Jobs", lambda **_: limited)
        monkeypatch.setattr(misbehaving_worker, "close", lambda: None)
        monkeypatch.setattr("core.cli.console.Library", lambda: limited.library)
        status, out, err = run_command("compare", ids[0], "--rows", "4")
    assert (status, "not-verified" in out) == (1, True)
    assert err.startswith(f"{ids[0]}: It took longer than its limit of 1 seconds, and was stopped.")


def test_evidence_of_limit_in_one_process_is_not_verified():
    lost, unknown = (ReloadOutcome(verdict=verdict) for verdict in (Verdict.DOES_NOT_LOAD, Verdict.NOT_VERIFIED))
    assert Evidence(without_code=lost, with_code=unknown).best is unknown
    assert Evidence(without_code=unknown, with_code=lost).best is unknown
    assert not Evidence(without_code=lost, with_code=unknown).needs_code


@pytest.mark.long
def test_imported_file_out_of_memory_is_asked_half_the_rows(
    misbehaving_worker: Worker, jobs: Jobs, empty_library: Library, tmp_path: Path
):
    from tests.factories.external_models import write_keras_file

    limited = Jobs(empty_library, misbehaving_worker, jobs.config.model_copy(update={"home": empty_library.home}))
    path = shutil.move(write_keras_file(tmp_path), tmp_path / "small.keras")
    with misbehave("hungry", "predict"):
        result = wait_until_done(limited, limited.import_model(Path(path))).result
    assert (result["verdict"], limited.library.reference(result["run"]).rows) == ("bit-identical", 32)


@pytest.mark.long
def test_save_command_of_unverified_copy_has_status_1(
    jobs: Jobs, trained: Callable, misbehaving_worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    limited = Jobs(Library(jobs.library.home), misbehaving_worker, jobs.config)
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: limited)
    monkeypatch.setattr(misbehaving_worker, "close", lambda: None)
    with misbehave("late", "reload"):
        status, out, err = run_command("save", trained("digits-mlp"), "architecture", "keras")
    assert (status, out.count("not-verified")) == (1, 2)
    assert "keras: It took longer than its limit of 1 seconds, and was stopped." in err
