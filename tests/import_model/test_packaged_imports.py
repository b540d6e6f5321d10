"""Models as packages ship them, end to end: imported, converted and compared; each is small."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import error_from_json
from core.jobs import Jobs
from core.jobs.imports.import_request import build_reimport_request
from core.library.job_store import Job
from tests.factories import packaged_models
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust
ImportFiles = Callable[..., Job]


def import_model(jobs: Jobs, path: Path, **request) -> tuple[dict, object]:
    """Bring a file or folder in; gives the result and the reference."""
    result = wait_until_done(jobs, jobs.import_model(path, **request)).result
    assert result["verdict"] == "bit-identical"
    return result, jobs.library.reference(result["run"])


def test_import_of_onnx_cell_is_compared_with_its_conversion(empty_jobs: Jobs, tmp_path: Path):
    result, reference = import_model(empty_jobs, packaged_models.write_stateful_cell(tmp_path / "cell.onnx"))
    assert {name: array.shape for name, array in reference.inputs.items()} == {
        "input": (64, 4),
        "state": (64, 2, 3),
        "rate": (64,),
    }
    row = wait_until_done(empty_jobs, empty_jobs.save(result["run"], ["openvino"])).result["rows"]["openvino"]
    assert row["verdict"] in ("bit-identical", "rounding")
    compared = wait_until_done(empty_jobs, empty_jobs.compare([row["artifact"]], rows=8)).result
    assert compared["outcomes"][row["artifact"]]["verdict"] in ("bit-identical", "rounding")


def test_import_of_cropping_model_is_asked_longer_inputs(empty_jobs: Jobs, tmp_path: Path):
    path = packaged_models.write_cropping_keras(tmp_path / "crop.keras")
    _, reference = import_model(empty_jobs, path)
    assert reference.inputs["x"].shape == (64, 128, 4)
    assert next(iter(reference.predictions.values())).shape == (64, 26, 2)
    _, reference = import_model(empty_jobs, path, shapes={"x": [110, 4]})
    assert next(iter(reference.predictions.values())).shape == (64, 8, 2)


def test_import_of_one_wave_takes_each_row_for_a_call(empty_jobs: Jobs, tmp_path: Path):
    path = packaged_models.write_waveform_saved_model(tmp_path / "wave")
    result, reference = import_model(empty_jobs, path, shapes={"wave": [10]})
    waves, scores = reference.inputs["wave"], reference.predictions["scores"]
    assert np.array_equal(scores, np.stack([waves[:, at : at + 4] * 2 for at in range(0, 7, 2)], axis=1))
    assert "each row is a call of its own" in result["remark"]
    rows = wait_until_done(empty_jobs, empty_jobs.save(result["run"], ["saved_model", "litert"])).result["rows"]
    assert {row.get("verdict", row.get("error")) for row in rows.values()} == {"bit-identical"}
    compared = wait_until_done(empty_jobs, empty_jobs.compare([row["artifact"] for row in rows.values()])).result
    assert {outcome["verdict"] for outcome in compared["outcomes"].values()} == {"bit-identical"}


def test_import_of_wide_int8_file_is_asked_what_tells_rows_apart(empty_jobs: Jobs, tmp_path: Path):
    result, reference = import_model(empty_jobs, packaged_models.write_wide_int8_tflite(tmp_path / "wide.tflite"))
    assert len(np.unique(next(iter(reference.predictions.values())), axis=0)) > 8
    assert "answered alike" not in result["remark"]


def test_import_of_constant_function_says_that_it_cannot_tell(empty_jobs: Jobs, tmp_path: Path):
    result, _ = import_model(empty_jobs, packaged_models.write_no_input_saved_model(tmp_path / "nothing"))
    assert "All random rows are answered alike" in result["remark"]


def test_import_of_running_sum_asks_each_row_alone_ever_after(empty_jobs: Jobs, tmp_path: Path):
    result, reference = import_model(empty_jobs, packaged_models.write_running_sum_onnx(tmp_path / "sum.onnx"))
    assert np.array_equal(reference.predictions["y"], reference.inputs["x"])
    row = wait_until_done(empty_jobs, empty_jobs.save(result["run"], ["openvino"])).result["rows"]["openvino"]
    compared = wait_until_done(empty_jobs, empty_jobs.compare([result["artifact"], row["artifact"]])).result
    assert {outcome["verdict"] for outcome in compared["outcomes"].values()} == {"bit-identical"}
    assert "each is asked alone" in compared["outcomes"][row["artifact"]]["remark"]


@pytest.mark.parametrize("keeps", [False, True], ids=["forgets", "keeps"])
def test_import_of_model_that_remembers_is_bit_identical(keeps: bool, empty_jobs: Jobs, tmp_path: Path):
    path = packaged_models.write_counting_saved_model(tmp_path / "counting")
    result, reference = import_model(empty_jobs, path, keeps_state=keeps)
    rows = reference.inputs["x"]
    expected = np.cumsum(rows, axis=0) if keeps else rows
    assert np.allclose(reference.predictions["y"], expected, rtol=1e-5)
    compared = wait_until_done(empty_jobs, empty_jobs.compare([result["artifact"]])).result
    outcome = compared["outcomes"][result["artifact"]]
    assert outcome["verdict"] == "bit-identical"
    assert ("its state is kept" if keeps else "each call begins anew") in outcome["remark"]


def test_import_of_onnx_with_external_data_in_folder_and_zip(empty_jobs: Jobs, tmp_path: Path):
    folder = packaged_models.write_external_onnx(tmp_path / "external")
    result, reference = import_model(empty_jobs, packaged_models.zip_folder(folder))
    assert np.allclose(reference.predictions["y"], reference.inputs["x"] @ packaged_models.KERNEL, atol=1e-5)
    assert sorted(file.path for file in empty_jobs.library.artifact(result["artifact"]).files) == [
        "model.onnx",
        "model.onnx.data",
    ]
    import_model(empty_jobs, folder)
    again = wait_until_done(empty_jobs, empty_jobs.reimport_model(result["artifact"])).result
    assert again["verdict"] == "bit-identical"


def test_import_of_zip_of_one_file(import_files: ImportFiles, tmp_path: Path):
    path = packaged_models.write_time_major_onnx(tmp_path / "time.onnx")
    end = import_files(packaged_models.zip_files(tmp_path / "one.zip", path))
    assert (end.state, end.result["format"]) == ("done", "onnx"), end.error
    shutil.copy(path, tmp_path / "time.tflite")
    end = import_files(packaged_models.zip_files(tmp_path / "wrong.zip", tmp_path / "time.tflite"))
    assert end.error["code"] == "refused:unlike"


@pytest.mark.parametrize("name", ["old.h5", "old.weights.h5"])
def test_import_of_keras_2_weights_with_architecture(
    name: str, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    weights = packaged_models.write_old_weights_h5(tmp_path / name)
    layers = packaged_models.write_architecture_json(tmp_path / "layers.json")
    end = import_files(weights, layers)
    assert (end.state, end.result["format"]) == ("done", "weights"), end.error
    reference = empty_jobs.library.reference(end.result["run"])
    expected = reference.inputs["x"] @ packaged_models.KERNEL + [1, 2, 3]
    assert np.allclose(next(iter(reference.predictions.values())), expected, atol=1e-6)
    alone = import_files(weights)
    assert "together with its architecture" in error_from_json(alone.error).cure or "second file" in alone.error["cure"]


def test_import_of_saved_model_with_unreached_operations(empty_jobs: Jobs, tmp_path: Path):
    _, reference = import_model(empty_jobs, packaged_models.write_unreached_saved_model(tmp_path / "unreached"))
    assert np.array_equal(reference.predictions["y"], reference.inputs["x"] * 2)


def test_import_command_takes_shapes_and_keeps_state(run_cli, jobs: Jobs, tmp_path: Path):
    path = packaged_models.write_cropping_keras(tmp_path / "crop.keras")
    status, out, _ = run_cli("import", str(path), "--shape", "x=110x4", "--keep-state")
    assert (status, "gives output_0: ? × 8 × 2" in out) == (0, True), out
    again = build_reimport_request(jobs.library, jobs.library.runs()[0].brought["artifact"])
    assert (again["shapes"], again["keeps_state"]) == ({"x": [110, 4]}, True)
    status, _, err = run_cli("import", str(path), "--shape", "110")
    assert (status, err.startswith("The shape of a row is stated as INPUT=SIZE")) == (1, True)
    jobs.library.remove(jobs.library.runs()[0].id)
