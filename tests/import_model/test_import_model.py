"""Models from outside, end to end: checked, loaded and asked in the sandbox, kept, converted, compared; or refused, and
then nothing of them stays."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.compatibility.matrix import build_matrix
from core.errors import StorageFailed, TimedOut, TooLarge, UnknownName, error_from_json
from core.jobs import Jobs
from core.jobs.uploads import store_upload
from core.library import Artifact
from core.library.job_store import Job
from core.report.csv_report import render_csv
from core.report.data import gather_report_data
from core.report.json_report import render_json
from core.uploads import NamedFile
from core.worker import OutputFolder
from core.worker.child_handle import Child
from tests.factories import external_models
from tests.factories.keras_2_files import build_functional, write_tf_keras_file
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust
ImportFiles = Callable[..., Job]
# What is imported: how it is made, as what kind it is kept, what is said of it, and to which formats it goes with
# which verdict.
KINDS = {
    "keras": (
        lambda f: [external_models.write_keras_file(f)],
        "keras",
        "",
        {"saved_model": "bit-identical", "h5": "bit-identical"},
    ),
    "weights": (external_models.write_weights_and_architecture, "keras", "", {"keras": "bit-identical"}),
    "TensorFlow 1": (
        lambda f: [external_models.zip_folder(external_models.write_tf1_saved_model(f))],
        "module",
        "TensorFlow 1",
        {"saved_model": "bit-identical"},
    ),
    "Keras 2 with slots": (
        lambda f: [external_models.zip_folder(external_models.write_keras2_saved_model_with_slots(f))],
        "module",
        "optimizer slots of Keras 2",
        {"onnx": "bit-identical", "openvino": "bit-identical"},
    ),
    "Keras 2": (lambda f: [external_models.write_keras2_h5(f)], "keras", "Keras 2.2.4", {"keras": "bit-identical"}),
    "tf-keras": (
        lambda f: [write_tf_keras_file(build_functional(), f / "model.keras")],
        "keras",
        "It is of Keras 2",
        {"keras": "bit-identical"},
    ),
    "Keras 1": (
        lambda f: [external_models.write_keras1_lstm(f)],
        "keras",
        "Keras 1.2.2",
        {"saved_model": "bit-identical"},
    ),
    "LiteRT": (lambda f: [external_models.write_tflite(f, 1)], "litert", "row by row", {"onnx": "bit-identical"}),
    "LiteRT in integers": (lambda f: [external_models.write_int8_tflite(f)], "litert", "takes int8", {}),
    "ONNX": (lambda f: [external_models.write_onnx_file(f)], "onnx", "", {"openvino": "bit-identical"}),
    "OpenVINO": (external_models.write_openvino_files, "openvino", "", {"openvino_fp16": "bit-identical"}),
}
FAST_CASES = ("keras", "Keras 2 with slots", "ONNX", "LiteRT")
CASES = [item if item in FAST_CASES else pytest.param(item, marks=pytest.mark.long) for item in KINDS]


@pytest.mark.parametrize("case", CASES)
def test_external_model_is_imported_converted_and_compared(
    case: str, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    make, kind, text, formats = KINDS[case]
    end = import_files(*make(tmp_path))
    assert end.state == "done", end.error
    result, library = end.result, empty_jobs.library
    run, artifact = library.run(result["run"]), library.artifact(result["artifact"])
    assert (run.kind, run.trust, artifact.trust, artifact.made_from) == (kind, "brought in", "brought in", None)
    assert text in result["remark"]
    assert result["verdict"] == "bit-identical"
    assert len(result["checks"]) == 5
    assert [entry.sha256 for entry in artifact.files] == [
        entry.sha256 for entry in run.files if entry.path.startswith("snapshot/")
    ]
    library.verify(run.id), library.verify(artifact.id)
    if formats:
        rows = wait_until_done(empty_jobs, empty_jobs.save(run.id, formats)).result["rows"]
        assert {key: row.get("verdict", row.get("error")) for key, row in rows.items()} == formats
        copies = [library.artifact(row["artifact"]) for row in rows.values()]
        assert {(copy.trust, copy.made_from) for copy in copies} == {("brought in", artifact.id)}
        job = wait_until_done(empty_jobs, empty_jobs.compare([artifact.id, *(copy.id for copy in copies)]))
        assert {outcome["verdict"] for outcome in job.result["outcomes"].values()} <= {"bit-identical", "rounding"}
        assert_marked_as_imported(empty_jobs, job, [artifact, *copies])


def assert_marked_as_imported(jobs: Jobs, job: Job, copies: list[Artifact]) -> None:
    """Its evidence, the matrix and every kind of report say that it was imported."""
    assert {jobs.library.evidence(copy.id).trust for copy in copies} == {"brought in"}
    assert {row.trust for row in build_matrix(jobs.library, copies[0].run)} == {"brought in"}
    findings = gather_report_data(jobs, job, {})
    assert findings.names[findings.baseline] == "As imported"
    assert all(
        name.partition(" · ")[2].startswith("imported")
        for id_, name in findings.names.items()
        if id_ in findings.outcomes
    )
    assert {artifact["trust"] for artifact in json.loads(render_json(findings))["artifacts"].values()} == {"brought in"}
    assert {line["trust"] for line in csv.DictReader(render_csv(findings).splitlines())} == {"brought in"}


def test_import_reference_holds_own_predictions_on_random_inputs(
    import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    result = import_files(external_models.write_keras_file(tmp_path)).result
    reference = empty_jobs.library.reference(result["run"])
    assert {name: array.shape for name, array in reference.inputs.items()} == {"x": (64, 3)}
    assert 0 <= reference.inputs["x"].min() < 0.1 < 0.9 < reference.inputs["x"].max() < 1
    assert np.allclose(
        next(iter(reference.predictions.values())),
        external_models.expected_predictions(reference.inputs["x"]),
        atol=1e-6,
    )


def test_import_with_chosen_signature_uses_it_at_every_load(
    import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    path = external_models.zip_folder(external_models.write_saved_model(tmp_path))
    result = import_files(path, signature="sums", label="sums of rows").result
    run = empty_jobs.library.run(result["run"])
    assert (run.name, result["signatures"]) == ("sums of rows", ["serving_default", "sums"])
    reference = empty_jobs.library.reference(run.id)
    assert np.allclose(reference.predictions["sum"], reference.inputs["x"].sum(axis=1), atol=1e-6)
    compared = wait_until_done(empty_jobs, empty_jobs.compare([result["artifact"]], rows=8)).result
    assert compared["outcomes"][result["artifact"]]["verdict"] == "bit-identical"


def write_bad_magic(folder: Path) -> Path:
    path = folder / "picture.keras"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return path


def write_lambda_model(folder: Path) -> Path:
    import zipfile

    good, bad = external_models.write_keras_file(folder), folder / "bad.keras"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = content.replace(b'"class_name": "Dropout"', b'"class_name": "Lambda"')
            target.writestr(name, content)
    return bad


def write_weights_only(folder: Path) -> Path:
    return external_models.write_weights_and_architecture(folder)[0]


@pytest.mark.parametrize(
    ("make", "code"),
    [(write_bad_magic, "refused:unlike"), (write_lambda_model, "refused:config-code"), (write_weights_only, "input")],
)
def test_rejected_import_stores_nothing(
    make: Callable[[Path], Path], code: str, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    end = import_files(make(tmp_path))
    assert (end.state, end.error["code"]) == ("failed", code)
    error = error_from_json(end.error)
    assert error.cure
    assert str(tmp_path) not in json.dumps(end.error)
    assert empty_jobs.library.ids() == []


def test_upload_without_started_job_is_deleted(empty_jobs: Jobs, tmp_path: Path, monkeypatch):
    def received() -> dict:
        return store_upload(empty_jobs.library, [NamedFile("model.keras", write_bad_magic(tmp_path))])._asdict()

    staging = empty_jobs.library.home / "staging"
    assert empty_jobs.driver.slots.acquire(is_exclusive=True, timeout=0)
    waiting = empty_jobs.import_model(**received())
    assert len(list(staging.iterdir())) == 1
    empty_jobs.cancel(waiting.id)
    assert empty_jobs.wait(waiting.id).state == "cancelled"
    assert list(staging.iterdir()) == []
    empty_jobs.driver.slots.release()
    with pytest.raises(UnknownName):
        empty_jobs.import_model(**received(), demo="nowhere")
    assert list(staging.iterdir()) == []
    monkeypatch.setattr(empty_jobs.job_store, "create", raising(StorageFailed("The disk is full.")))
    with pytest.raises(StorageFailed):
        empty_jobs.import_model(**received())
    assert list(staging.iterdir()) == []


def raising(error: Exception) -> Callable:
    """A function that raises that."""

    def refuse(*_: object) -> None:
        raise error

    return refuse


def test_import_of_weights_with_wrong_architecture_fails(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    import keras

    weights, layers = external_models.write_weights_and_architecture(tmp_path)
    layers.write_text(keras.Sequential([keras.Input((5,)), keras.layers.Dense(7)]).to_json())
    end = import_files(weights, layers)
    assert end.state == "failed"
    assert error_from_json(end.error).sentence
    assert empty_jobs.library.ids() == []


@pytest.mark.long
def test_imported_checkpoint_predicts_with_code_of_chosen_demo(
    import_files: ImportFiles, jobs: Jobs, saved, empty_jobs: Jobs, tmp_path: Path
):
    import shutil

    folder = jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"])
    path = Path(shutil.make_archive(str(tmp_path / "digits"), "zip", folder))
    end = import_files(path, demo="digits-mlp")
    assert end.state == "done", end.error
    assert end.result["verdict"] == "bit-identical"
    rows = wait_until_done(empty_jobs, empty_jobs.save(end.result["run"], ["keras"])).result["rows"]
    assert rows["keras"]["verdict"] == "bit-identical"


def test_import_command_reports_verdict_and_checks(run_cli, jobs: Jobs, tmp_path: Path):
    status, out, err = run_cli(
        "import", str(external_models.write_keras_file(tmp_path)), "--name", "my model", "--json"
    )
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert (document["name"], document["verdict"]) == ("my model", "bit-identical")
    status, _, err = run_cli("import", str(tmp_path / "nowhere.keras"))
    assert (status, err.startswith("There is no such file.")) == (1, True)
    jobs.library.remove(document["run"])


@pytest.mark.long
def test_conversion_of_imported_integers_is_judged_below_zero_too(
    import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    """ONNX rounds a quotient of integers towards zero, TensorFlow down: they differ below zero alone."""
    import tensorflow as tf

    class Thirds(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.int32, name="x")])
        def __call__(self, x):
            return {"thirds": x // 3}

    module = Thirds()
    tf.saved_model.save(module, str(tmp_path / "thirds"), signatures=module.__call__)
    end = import_files(external_models.zip_folder(tmp_path / "thirds"))
    assert (end.state, end.result["verdict"]) == ("done", "bit-identical")
    asked = empty_jobs.library.run(end.result["run"]).brought["asked"]
    assert (asked["below"], asked["negative"]) == (10.0, True)
    row = wait_until_done(empty_jobs, empty_jobs.save(end.result["run"], ["onnx"])).result["rows"]["onnx"]
    assert row["verdict"] == "bit-identical"
    assert empty_jobs.library.reference(end.result["run"]).inputs["x"].min() == -10


def test_import_too_large_for_half_of_the_memory_is_loaded_alone(
    import_files: ImportFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shares: list[tuple[str, float]] = []
    request = Child.request

    def note_share(self, task, **options):
        if task in ("prepare_reload", "load_imported", "reload"):
            shares.append((task, self.memory_share))
        if (task, self.memory_share) == ("load_imported", 0.5):
            raise TooLarge("Too large for half.")
        return request(self, task, **options)

    monkeypatch.setattr(Child, "request", note_share)
    end = import_files(external_models.write_keras_file(tmp_path))
    assert (end.state, end.result["verdict"]) == ("done", "bit-identical")
    assert [check["what"] for check in end.result["checks"]].count(
        "It loads in a sandboxed process, with no code of its own"
    ) == 1
    alone = [share for share in shares if share[0] != "prepare_reload"]
    assert alone == [("load_imported", 0.5), ("load_imported", 1.0), ("reload", 1.0)]
    assert ("prepare_reload", 1.0) not in shares


def test_conversion_has_longer_time_limit_than_load(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    result = import_files(external_models.write_keras_file(tmp_path)).result
    request = {"source": empty_jobs.library.run(result["run"]).code_source, "kind": "keras", "format": "saved_model"}
    request |= {"snapshot": empty_jobs.library.snapshot(result["run"]), "options": {}}
    with empty_jobs.worker.open(sandboxed=True) as child:
        child.config = child.config.model_copy(update={"confined_seconds": 0.001, "converting_times": 1_000_000})
        child.request(
            "save", seconds=60, converts=True, folder=OutputFolder(make_folder(tmp_path, "converted")), **request
        )
        with pytest.raises(TimedOut, match=r"limit of 0\.001 seconds"):
            child.request("save", seconds=60, folder=OutputFolder(make_folder(tmp_path, "late")), **request)
    assert (tmp_path / "converted" / "saved_model.pb").is_file()


def make_folder(within: Path, name: str) -> Path:
    folder = within / name
    folder.mkdir()
    return folder
