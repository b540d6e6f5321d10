"""Where an untrusted file cannot be kept apart it is kept and not run, said to be so, and can be run later."""

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
from core.worker.child_errors import not_confined_error
from core.worker.child_handle import Child
from tests.factories import external_models
from tests.factories.saved_model_parts import GOOD_SAVED_MODEL
from tests.factories.untrusted_files import make_keras_file

pytestmark = pytest.mark.trust
ImportFiles = Callable[..., Job]
NOT_RUN_SENTENCE = "This file was imported and kept, and nothing has run it yet, so it has no answers."


def write_keras_file(folder: Path) -> Path:
    path = folder / "model.keras"
    path.write_bytes(make_keras_file())
    return path


def list_library_files(jobs: Jobs) -> list[str]:
    return sorted(str(path) for path in jobs.library.home.rglob("*") if "jobs" not in path.parts)


def test_unrun_import_is_refused_everywhere_and_replaced_once_run(
    failed_sandbox_test: pytest.MonkeyPatch, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    library, path = empty_jobs.library, write_keras_file(tmp_path)
    end = import_files(path, label="a stranger's")
    assert end.state == "done", end.error
    run, artifact = library.run(end.result["run"]), library.artifact(end.result["artifact"])
    assert (end.result["verdict"], end.result["inputs"], run.has_been_run) == ("not-run", [], False)
    assert (run.trust, artifact.trust) == ("brought in", "brought in")
    assert [check["what"] for check in end.result["checks"] if check.get("left")] == [
        "It was neither looked into nor run"
    ]
    outcome = library.evidence(artifact.id).without_code
    assert (outcome.verdict, outcome.has_loaded, outcome.error["code"]) == (Verdict.NOT_RUN, False, "not-confined")
    assert "It could read a file of the library." in outcome.error["detail"]
    assert [entry.verdict for entry in library.page(Query(verdicts=("not-run",))).entries] == ["not-run"]

    with archive_artifacts(library, [artifact.id]) as parcel:
        assert b"".join(parcel.read()) == path.read_bytes()
    before, jobs = list_library_files(empty_jobs), [job.id for job in empty_jobs.job_store.list_jobs()]
    for refused in (
        lambda: empty_jobs.save(run.id, ["onnx"]),
        lambda: empty_jobs.compare([artifact.id]),
        lambda: empty_jobs.compare_layers(run.id, artifact.id),
        lambda: empty_jobs.find_disagreement(artifact.id, run.id),
        lambda: empty_jobs.benchmark([artifact.id]),
        lambda: empty_jobs.create_live_session([artifact.id]),
    ):
        with pytest.raises(InputError, match=NOT_RUN_SENTENCE):
            refused()
    with pytest.raises(InputError, match=r"a kit would prove nothing"):
        build_proof_kit(library, artifact.id)
    with pytest.raises(NotConfined):
        describe_part(empty_jobs, artifact.id, "layers")
    assert [job.id for job in empty_jobs.job_store.list_jobs()] == jobs

    failed = empty_jobs.wait(empty_jobs.reimport_model(artifact.id).id)
    assert (failed.state, failed.error["code"]) == ("failed", "not-confined")
    assert list_library_files(empty_jobs) == before

    library.annotate(run.id, tags=["from-ada"], note="look at it")
    library.annotate(artifact.id, pinned=True)
    library.set_alias("theirs", artifact.id)
    failed_sandbox_test.undo()
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


def test_import_with_child_that_cannot_be_confined_is_stored_unrun(
    import_files: ImportFiles, empty_jobs: Jobs, worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def cannot(child: Child) -> None:
        child.close()
        raise not_confined_error("no more rules of Landlock")

    worker.run_sandbox_check().require_all_blocked()
    monkeypatch.setattr(Child, "require_confined", cannot)
    end = import_files(write_keras_file(tmp_path))
    assert (end.state, end.result["verdict"]) == ("done", "not-run")
    assert end.result["error"]["detail"] == "no more rules of Landlock"


def test_reimport_of_unknown_artifact_raises_unknown_name(empty_jobs: Jobs):
    with pytest.raises(UnknownName):
        empty_jobs.reimport_model("a0123456789")


def write_single_file_saved_model(folder: Path) -> list[Path]:
    """A SavedModel of one file."""
    path = folder / "graph.zip"
    path.write_bytes(GOOD_SAVED_MODEL)
    return [path]


KINDS = {
    "weights": external_models.write_weights_and_architecture,
    "graph": write_single_file_saved_model,
    "TensorFlow 1": lambda folder: [external_models.zip_folder(external_models.write_tf1_saved_model(folder))],
    "LiteRT": lambda folder: [external_models.write_tflite(folder, 1)],
    "ONNX": lambda folder: [external_models.write_onnx_file(folder)],
    "OpenVINO": external_models.write_openvino_files,
}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_unrun_import_of_each_kind_runs_later(
    kind: str, failed_sandbox_test: pytest.MonkeyPatch, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    result = import_files(*KINDS[kind](tmp_path)).result
    assert result["verdict"] == "not-run"
    failed_sandbox_test.undo()
    end = empty_jobs.wait(empty_jobs.reimport_model(result["artifact"]).id)
    assert end.state == "done", end.error
    assert end.result["verdict"] == "bit-identical"
    assert result["run"] in empty_jobs.library.trash_ids()


@pytest.mark.long
def test_unrun_checkpoint_runs_later_with_code_of_chosen_demo(
    failed_sandbox_test: pytest.MonkeyPatch,
    import_files: ImportFiles,
    jobs: Jobs,
    saved,
    empty_jobs: Jobs,
    tmp_path: Path,
):
    failed_sandbox_test.undo()
    folder = jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"])
    path = Path(shutil.make_archive(str(tmp_path / "digits"), "zip", folder))
    worker, real = empty_jobs.worker, empty_jobs.worker.run_sandbox_check()
    probes = [real.probes[0].model_copy(update={"blocked": False})]
    worker._sandbox_check = real.model_copy(update={"probes": probes})
    try:
        result = import_files(path, demo="digits-mlp").result
    finally:
        worker._sandbox_check = real
    assert result["verdict"] == "not-run"
    end = empty_jobs.wait(empty_jobs.reimport_model(result["artifact"]).id)
    assert (end.state, end.result["verdict"]) == ("done", "bit-identical")


@pytest.mark.long
def test_import_command_stores_unrun_model_and_runs_it_later_by_id(
    failed_sandbox_test: pytest.MonkeyPatch, run_cli, jobs: Jobs, tmp_path: Path
):
    status, out, err = run_cli("import", str(write_keras_file(tmp_path)), "--name", "later")
    assert (status, err) == (0, "")
    assert "left out: It was neither looked into nor run." in out
    assert "What was imported is not run here" in out
    stored = next(entry for entry in jobs.library.find(search="later"))
    status, _, err = run_cli("compare", stored.id)
    assert (status, err.startswith(NOT_RUN_SENTENCE)) == (1, True)
    failed_sandbox_test.setattr(jobs.worker, "_sandbox_check", None)
    status, out, err = run_cli("import", stored.id)
    assert (status, err) == (0, "")
    assert "bit-identical" in out
    run = next(entry for entry in jobs.library.find(search="later")).run
    jobs.library.remove(run)
