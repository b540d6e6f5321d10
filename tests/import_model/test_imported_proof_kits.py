"""Proof kits of what was imported: they read what only others write, by the signature that was chosen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.library.job_store import Job
from tests.exports.kit_execution import KitResult, run_kit, run_kits, unpack_kit
from tests.factories import external_models, packaged_models
from tests.factories.keras_2_files import build_functional, write_tf_keras_file

pytestmark = pytest.mark.trust
ImportFiles = Callable[..., Job]
# How it is made, and what else it is imported with.
CASES = {
    "TensorFlow 1": (lambda f: [external_models.zip_folder(external_models.write_tf1_saved_model(f))], {}),
    "TensorFlow 1, its other signature": (
        lambda f: [external_models.zip_folder(external_models.write_tf1_saved_model(f))],
        {"signature": "twice"},
    ),
    "Keras 2 with slots": (
        lambda f: [external_models.zip_folder(external_models.write_keras2_saved_model_with_slots(f))],
        {},
    ),
    "TensorFlow 2, its other signature": (
        lambda f: [external_models.zip_folder(external_models.write_saved_model(f))],
        {"signature": "sums"},
    ),
    "Keras 2": (lambda f: [external_models.write_keras2_h5(f)], {}),
    "tf-keras": (lambda f: [write_tf_keras_file(build_functional(), f / "model.keras")], {}),
    "Keras 1": (lambda f: [external_models.write_keras1_lstm(f)], {}),
    "LiteRT, four rows at a time": (lambda f: [external_models.write_tflite(f, 4)], {}),
    "LiteRT without a signature": (lambda f: [external_models.write_tflite(f, signature=False)], {}),
    "LiteRT in integers": (lambda f: [external_models.write_int8_tflite(f)], {}),
    "OpenVINO": (external_models.write_openvino_files, {}),
    "weights": (external_models.write_weights_and_architecture, {}),
}


def unpack_imported_kit(jobs: Jobs, end: Job, into: Path) -> Path:
    assert end.state == "done", end.error
    return unpack_kit(jobs.library, end.result["artifact"], into)


def status_and_last_line(ran: KitResult) -> tuple[int | None, str]:
    return ran.status, ran.output.splitlines()[-1]


def test_proof_kit_of_fixed_batch_onnx_file_passes(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    kit = unpack_imported_kit(empty_jobs, import_files(external_models.write_onnx_file(tmp_path, 4)), tmp_path / "kit")
    assert status_and_last_line(run_kit(kit)) == (0, "PASS")
    assert "**This model was imported" in (kit / "README.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_proof_kits_of_external_files_pass(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    kits = {}
    for at, (name, (make, request)) in enumerate(CASES.items()):
        (folder := tmp_path / str(at)).mkdir()
        kits[name] = unpack_imported_kit(empty_jobs, import_files(*make(folder), **request), folder)
    result = run_kits(kits.values())
    ended = {name: status_and_last_line(result[kit.parent.name]) for name, kit in kits.items()}
    assert ended == dict.fromkeys(CASES, (0, "PASS"))


def test_proof_kit_of_model_whose_rows_depend_on_each_other_passes(
    import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    end = import_files(packaged_models.write_running_sum_onnx(tmp_path / "sum.onnx"))
    kit = unpack_imported_kit(empty_jobs, end, tmp_path / "kit")
    assert status_and_last_line(run_kit(kit)) == (0, "PASS")
    assert "\nonnx==" in (kit / "requirements.txt").read_text(encoding="utf-8")  # for files that are too old


def test_proof_kit_of_model_without_an_axis_for_rows_passes(
    import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    path = external_models.zip_folder(packaged_models.write_waveform_saved_model(tmp_path / "wave"))
    kit = unpack_imported_kit(empty_jobs, import_files(path, shapes={"wave": [10]}), tmp_path / "kit")
    assert status_and_last_line(run_kit(kit)) == (0, "PASS")
