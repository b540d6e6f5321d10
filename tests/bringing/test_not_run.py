"""Where a stranger's file cannot be kept apart it is kept and not run, said to be so, and can be run later."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.compare import Verdict
from core.errors import InputError, NotConfined, UnknownName
from core.exports.archive import archive_artifacts
from core.exports.proof_kit import build_proof_kit
from core.introspection.describe import describe_part
from core.jobs import Jobs
from core.library import Query
from core.library.job_store import Job
from core.worker.child_handle import Child, not_confined_error
from tests.bringing import makers
from tests.gate.makers import keras_file
from tests.gate.makers_graphs import GOOD_SAVED_MODEL

pytestmark = pytest.mark.trust
Bring = Callable[..., Job]
SENTENCE = "This file was brought in and kept, and nothing has run it yet, so it has no answers."


def keras(folder: Path) -> Path:
    path = folder / "model.keras"
    path.write_bytes(keras_file())
    return path


def everything_of(jobs: Jobs) -> list[str]:
    return sorted(str(path) for path in jobs.library.home.rglob("*") if "jobs" not in path.parts)


def test_it_is_kept_with_why_and_refused_wherever_it_would_run_until_it_is_run_and_takes_its_place(
    broken: pytest.MonkeyPatch, bring: Bring, empty_jobs: Jobs, tmp_path: Path
):
    library, path = empty_jobs.library, keras(tmp_path)
    end = bring(path, label="a stranger's")
    assert end.state == "done", end.error
    run, artifact = library.run(end.result["run"]), library.artifact(end.result["artifact"])
    assert (end.result["verdict"], end.result["inputs"], run.has_been_run) == ("not-run", [], False)
    assert (run.trust, artifact.trust) == ("brought in", "brought in")
    assert [one["what"] for one in end.result["checks"] if one.get("left")] == ["It was neither looked into nor run"]
    outcome = library.evidence(artifact.id).without_code
    assert (outcome.verdict, outcome.has_loaded, outcome.error["code"]) == (Verdict.NOT_RUN, False, "not-confined")
    assert "It could read a file of the library." in outcome.error["detail"]
    assert [entry.verdict for entry in library.page(Query(verdicts=("not-run",))).entries] == ["not-run"]

    with archive_artifacts(library, [artifact.id]) as parcel:
        assert b"".join(parcel.read()) == path.read_bytes()
    before, jobs = everything_of(empty_jobs), [job.id for job in empty_jobs.job_store.list_jobs()]
    for refused in (
        lambda: empty_jobs.save(run.id, ["onnx"]),
        lambda: empty_jobs.compare([artifact.id]),
        lambda: empty_jobs.compare_layers(run.id, artifact.id),
        lambda: empty_jobs.find_disagreement(artifact.id, run.id),
        lambda: empty_jobs.benchmark([artifact.id]),
        lambda: empty_jobs.create_live_session([artifact.id]),
    ):
        with pytest.raises(InputError, match=SENTENCE):
            refused()
    with pytest.raises(InputError, match=r"a kit would prove nothing"):
        build_proof_kit(library, artifact.id)
    with pytest.raises(NotConfined):
        describe_part(empty_jobs, artifact.id, "layers")
    assert [job.id for job in empty_jobs.job_store.list_jobs()] == jobs

    failed = empty_jobs.wait(empty_jobs.reimport_model(artifact.id).id)
    assert (failed.state, failed.error["code"]) == ("failed", "not-confined")
    assert everything_of(empty_jobs) == before

    library.annotate(run.id, tags=["from-ada"], note="look at it")
    library.annotate(artifact.id, pinned=True)
    library.set_alias("theirs", artifact.id)
    broken.undo()
    again = empty_jobs.wait(empty_jobs.reimport_model(artifact.id).id)
    assert again.state == "done", again.error
    new = again.result
    assert (new["verdict"], new["name"], new["format"]) == ("bit-identical", "a stranger's", "keras")
    assert library.run(new["run"]).brought["sha256"] == run.brought["sha256"]
    assert library.artifact(new["artifact"]).files == artifact.files
    assert (library.annotations(new["run"]).tags, library.annotations(new["run"]).note) == (["from-ada"], "look at it")
    assert (library.annotations(new["artifact"]).pinned, library.aliases()) == (True, {"theirs": new["artifact"]})
    assert sorted(library.ids()) == sorted([new["run"], new["artifact"]])
    assert sorted(library.trash_ids()) == sorted([run.id, artifact.id])


def test_where_only_its_own_process_could_not_be_confined_it_is_kept_too(
    bring: Bring, empty_jobs: Jobs, worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def cannot(child: Child) -> None:
        child.close()
        raise not_confined_error("no more rules of Landlock")

    worker.run_sandbox_test().require_all_blocked()
    monkeypatch.setattr(Child, "require_confined", cannot)
    end = bring(keras(tmp_path))
    assert (end.state, end.result["verdict"]) == ("done", "not-run")
    assert end.result["error"]["detail"] == "no more rules of Landlock"


def test_a_copy_that_was_made_here_was_not_brought_in(empty_jobs: Jobs):
    with pytest.raises(UnknownName):
        empty_jobs.reimport_model("a0123456789")


def graph(folder: Path) -> list[Path]:
    """A SavedModel of one file."""
    path = folder / "graph.zip"
    path.write_bytes(GOOD_SAVED_MODEL)
    return [path]


KINDS = {
    "weights": makers.weights_and_architecture,
    "graph": graph,
    "TensorFlow 1": lambda folder: [makers.zipped(makers.tensorflow_1(folder))],
    "LiteRT": lambda folder: [makers.tflite(folder, 1)],
    "ONNX": lambda folder: [makers.onnx_file(folder)],
    "OpenVINO": makers.openvino_file,
}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_kept_of_each_kind_is_run_later(
    kind: str, broken: pytest.MonkeyPatch, bring: Bring, empty_jobs: Jobs, tmp_path: Path
):
    kept = bring(*KINDS[kind](tmp_path)).result
    assert kept["verdict"] == "not-run"
    broken.undo()
    end = empty_jobs.wait(empty_jobs.reimport_model(kept["artifact"]).id)
    assert end.state == "done", end.error
    assert end.result["verdict"] == "bit-identical"
    assert kept["run"] in empty_jobs.library.trash_ids()


@pytest.mark.long
def test_a_checkpoint_that_was_kept_is_run_with_the_code_that_was_chosen(
    broken: pytest.MonkeyPatch, bring: Bring, jobs: Jobs, saved, empty_jobs: Jobs, tmp_path: Path
):
    broken.undo()
    folder = jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"])
    path = Path(shutil.make_archive(str(tmp_path / "digits"), "zip", folder))
    worker, real = empty_jobs.worker, empty_jobs.worker.run_sandbox_test()
    probes = [real.probes[0].model_copy(update={"blocked": False})]
    worker._sandbox_test = real.model_copy(update={"probes": probes})
    try:
        kept = bring(path, demo="digits-mlp").result
    finally:
        worker._sandbox_test = real
    assert kept["verdict"] == "not-run"
    end = empty_jobs.wait(empty_jobs.reimport_model(kept["artifact"]).id)
    assert (end.state, end.result["verdict"]) == ("done", "bit-identical")


@pytest.mark.long
def test_the_command_keeps_it_with_why_and_runs_it_later_by_its_id(
    broken: pytest.MonkeyPatch, say, jobs: Jobs, tmp_path: Path
):
    status, out, err = say("import", str(keras(tmp_path)), "--name", "later")
    assert (status, err) == (0, "")
    assert "left out: It was neither looked into nor run." in out
    assert "What was brought in is not run here" in out
    kept = next(entry for entry in jobs.library.find(search="later"))
    status, _, err = say("compare", kept.id)
    assert (status, err.startswith(SENTENCE)) == (1, True)
    broken.setattr(jobs.worker, "_sandbox_test", None)
    status, out, err = say("import", kept.id)
    assert (status, err) == (0, "")
    assert "bit-identical" in out
    run = next(entry for entry in jobs.library.find(search="later")).run
    jobs.library.remove(run)
