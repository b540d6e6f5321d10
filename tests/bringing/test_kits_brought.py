"""Proof kits of what was brought in: they read what only others write, by the signature that was chosen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.library.job_store import Job
from tests.bringing import makers
from tests.kit.unpacking import Ran, run_kit, run_kits, unpack

pytestmark = pytest.mark.trust
Bring = Callable[..., Job]
# How it is made, and what else it is brought in with.
FILES = {
    "TensorFlow 1": (lambda f: [makers.zipped(makers.tensorflow_1(f))], {}),
    "TensorFlow 1, its other signature": (lambda f: [makers.zipped(makers.tensorflow_1(f))], {"signature": "twice"}),
    "Keras 2 with slots": (lambda f: [makers.zipped(makers.keras_2_with_slots(f))], {}),
    "TensorFlow 2, its other signature": (lambda f: [makers.zipped(makers.saved_model(f))], {"signature": "sums"}),
    "Keras 2": (lambda f: [makers.keras_2_h5(f)], {}),
    "Keras 1": (lambda f: [makers.keras_1_lstm(f)], {}),
    "LiteRT, four rows at a time": (lambda f: [makers.tflite(f, 4)], {}),
    "LiteRT without a signature": (lambda f: [makers.tflite(f, signature=False)], {}),
    "LiteRT in integers": (lambda f: [makers.tflite_int8(f)], {}),
    "OpenVINO": (makers.openvino_file, {}),
    "weights": (makers.weights_and_architecture, {}),
}


def kit_of(jobs: Jobs, end: Job, into: Path) -> Path:
    assert end.state == "done", end.error
    return unpack(jobs.library, end.result["artifact"], into)


def passed(ran: Ran) -> tuple[int | None, str]:
    return ran.status, ran.said.splitlines()[-1]


def test_the_kit_of_a_file_that_takes_four_rows_at_a_time_asks_it_so(bring: Bring, empty_jobs: Jobs, tmp_path: Path):
    kit = kit_of(empty_jobs, bring(makers.onnx_file(tmp_path, 4)), tmp_path / "kit")
    assert passed(run_kit(kit)) == (0, "PASS")
    assert "**This model was brought in from outside" in (kit / "README.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_kits_of_files_as_they_are_found_out_there_pass(bring: Bring, empty_jobs: Jobs, tmp_path: Path):
    kits = {}
    for at, (name, (make, asked)) in enumerate(FILES.items()):
        (folder := tmp_path / str(at)).mkdir()
        kits[name] = kit_of(empty_jobs, bring(*make(folder), **asked), folder)
    found = run_kits(kits.values())
    ended = {name: passed(found[kit.parent.name]) for name, kit in kits.items()}
    assert ended == dict.fromkeys(FILES, (0, "PASS"))
