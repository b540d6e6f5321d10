"""Models of real sizes: what they need is there by default, and a limit that they meet is named and can be lifted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import error_from_json
from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import GB, Settings
from core.worker import Worker
from tests.factories import large_onnx_files
from tests.helpers import wait_until_done

pytestmark = [pytest.mark.trust, pytest.mark.timeout(1800)]
ImportFiles = Callable[..., Job]
CLOSE = ("bit-identical", "rounding", "same-answers")


def write_application(path: Path, name: str, side: int, **more: Any) -> Path:
    """A model of keras.applications with the random weights that it begins with, as a .keras file."""
    import keras

    keras.utils.set_random_seed(1)
    getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), **more).save(path)
    keras.backend.clear_session()
    return path


def save_imported(jobs: Jobs, end: Job, key: str) -> dict[str, Any]:
    """The row of an imported model saved in a format."""
    assert end.state == "done", end.error
    return wait_until_done(jobs, jobs.save(end.result["run"], [key])).result["rows"][key]


@pytest.mark.long
def test_efficientnet_v2_is_converted_to_openvino(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    """Of its real size, 224 by 224, within the memory that a conversion has by default."""
    row = save_imported(
        empty_jobs, import_files(write_application(tmp_path / "b0.keras", "EfficientNetV2B0", 224)), "openvino"
    )
    assert row["state"] == "done", row["error"]
    assert row["verdict"] in CLOSE, row["reason"]
    compared = wait_until_done(empty_jobs, empty_jobs.compare([row["artifact"]], rows=4)).result
    assert compared["outcomes"][row["artifact"]]["verdict"] in CLOSE


@pytest.mark.long
@pytest.mark.parametrize(("activation", "tells"), [(None, True), ("softmax", False)])
def test_mobilenet_v3_in_integers_says_whether_rows_can_tell(
    activation: str | None, tells: bool, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path
):
    """With the weights that it begins with, its scores for the rows differ by so little that softmax makes them one."""
    path = tmp_path / "v3.keras"
    write_application(path, "MobileNetV3Small", 96, classes=10, classifier_activation=activation)
    end = import_files(path)
    row = save_imported(empty_jobs, end, "litert_int8")
    assert row["state"] == "done", row["error"]
    assert row["verdict"] != "does-not-load", row["reason"]
    (answers,) = empty_jobs.library.reference(end.result["run"]).predictions.values()
    assert len(np.unique(answers, axis=0)) == (len(answers) if tells else 1)
    assert ("answered alike" in end.result["remark"]) != tells


@pytest.mark.long
def test_onnx_with_external_data_above_2_gb_is_imported(empty_jobs: Jobs, tmp_path: Path):
    """The file beside it is sparse: of 2.4 GB all but the first column of its 64 rows is zero and takes no disk."""
    folder = large_onnx_files.write_wide_external_onnx(tmp_path / "wide", columns=9_400_000)
    assert (folder / "model.onnx.data").stat().st_size > 2 * 2**30
    lifted = empty_jobs.config.model_copy(update={"upload_mb": 4000, "unpacked_mb": 4000})
    jobs = Jobs(empty_jobs.library, empty_jobs.worker, lifted)
    result = wait_until_done(jobs, jobs.import_model(folder)).result
    assert result["verdict"] == "bit-identical"
    reference = jobs.library.reference(result["run"])
    expected = reference.inputs["x"] @ large_onnx_files.FIRST_COLUMNS
    np.testing.assert_allclose(reference.predictions["y"], expected, rtol=1e-4, atol=1e-5)


MADE_BYTES = 3 * 7000**2 * 4  # of the weights that the larger graph makes


@pytest.fixture
def small_memory_jobs(empty_library: Library, config: Settings) -> Iterator[Jobs]:
    """Jobs whose confined children may use less than the larger graph makes."""
    limited = config.model_copy(update={"home": empty_library.home, "confined_gb": 0.5})
    assert limited.confined_gb * GB < MADE_BYTES
    worker = Worker(limited)
    yield Jobs(empty_library, worker, limited)
    worker.close()


def test_onnx_graph_that_makes_its_weights_is_imported(import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path):
    """A file of a few hundred bytes whose graph makes 48 MB of weights."""
    path = large_onnx_files.write_onnx_that_makes_weights(tmp_path / "made.onnx", units=2000)
    assert path.stat().st_size < 2000
    end = import_files(path)
    assert save_imported(empty_jobs, end, "openvino")["verdict"] in CLOSE
    reference = empty_jobs.library.reference(end.result["run"])
    expected = reference.inputs["x"].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(reference.predictions["y"], expected, rtol=1e-4, atol=1e-5)


def test_onnx_graph_that_makes_more_than_the_limit_names_it(small_memory_jobs: Jobs, tmp_path: Path):
    path = large_onnx_files.write_onnx_that_makes_weights(tmp_path / "made.onnx", units=7000)
    end = small_memory_jobs.wait(small_memory_jobs.import_model(path).id)
    assert end.state == "failed", end.result
    assert end.error["code"] == "too-large"
    error = error_from_json(end.error)
    assert error.sentence == "It is too large for the 0.5 GB of memory that its process may use here."
    assert "ROUNDTRIP_CONFINED_GB" in error.cure
    assert small_memory_jobs.library.ids() == []
