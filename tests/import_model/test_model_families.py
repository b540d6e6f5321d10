"""A model of each family of keras.applications, random weights in it, is imported, inspected, converted, compared."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.introspection.describe import describe_part
from core.jobs import Jobs
from core.library.job_store import Job
from tests.helpers import wait_until_done

pytestmark = [pytest.mark.long, pytest.mark.trust, pytest.mark.timeout(900)]
ImportFiles = Callable[..., Job]
# The smallest of each family, the side of the pictures that it takes, and formats to which it goes.
FAMILIES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "mobilenet": ("MobileNetV2", 64, {"alpha": 0.35}),
    "efficientnet": ("EfficientNetB0", 64, {}),
    "resnet": ("ResNet50", 64, {}),
    "densenet": ("DenseNet121", 64, {}),
    "nasnet": ("NASNetMobile", 64, {}),
    "vgg": ("VGG16", 32, {}),
    "xception": ("Xception", 71, {}),
    "inception": ("InceptionV3", 75, {}),
}
ACCEPTED_VERDICTS = {"bit-identical", "rounding", "same-answers"}
FORMATS = ("saved_model", "onnx", "openvino")


@pytest.mark.parametrize("family", FAMILIES)
def test_model_of_each_keras_family_is_imported_and_converted(
    family: str, import_files: ImportFiles, empty_jobs: Jobs, tmp_path: Path, capsys: pytest.CaptureFixture
):
    path = write_family_model(family, tmp_path)
    began = time.monotonic()
    end = import_files(path)
    assert end.state == "done", end.error
    assert end.result["verdict"] == "bit-identical"
    came = time.monotonic() - began
    tensors = describe_part(empty_jobs, end.result["artifact"], "tensors").content["rows"]
    assert sum(tensor["alias"] != "" for tensor in tensors) == len(empty_jobs.library.run(end.result["run"]).weights)
    rows = wait_until_done(empty_jobs, empty_jobs.save(end.result["run"], FORMATS)).result["rows"]
    assert {key: row["error"] for key, row in rows.items() if row["state"] != "done"} == {}
    assert {row["verdict"] for row in rows.values()} <= ACCEPTED_VERDICTS, [row["reason"] for row in rows.values()]
    copies = [row["artifact"] for row in rows.values()]
    compared = wait_until_done(empty_jobs, empty_jobs.compare([end.result["artifact"], *copies])).result
    result = {outcome["verdict"] for outcome in compared["outcomes"].values()}
    assert result <= ACCEPTED_VERDICTS
    with capsys.disabled():
        text = {key: row["verdict"] for key, row in rows.items()}
        print(
            f"\n{family}: {path.stat().st_size:,} bytes, in {came:.1f} s, all {time.monotonic() - began:.1f} s, {text}"
        )


def write_family_model(family: str, folder: Path) -> Path:
    """The family's smallest model with random weights and ten classes, as a .keras file."""
    import keras

    name, side, more = FAMILIES[family]
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=10, **more)
    path = folder / f"{family}.keras"
    model.save(path)
    keras.backend.clear_session()
    return path
