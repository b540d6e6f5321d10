"""Good files of every format, damaged at random: refused in words or let in, in bounded time, by a child that lives."""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, seed, settings

from core.errors import ChildDied, Refused
from core.validation import validate_upload
from core.worker import Worker
from core.worker.child_handle import Child
from tests.factories.corruption import corruptions
from tests.factories.invalid_hdf5_files import write_whole_model
from tests.factories.invalid_runtime_files import VALID_XML, make_onnx_model, make_tflite
from tests.factories.saved_model_parts import GOOD_SAVED_MODEL
from tests.factories.untrusted_files import (
    DENSE,
    make_hdf5,
    make_keras_file,
    make_zip,
    sequential_config,
    to_json_bytes,
    write_dense_weights,
)
from tests.helpers import UPLOAD_SETTINGS

pytestmark = pytest.mark.trust
SECONDS = 20.0  # for one file, however damaged
MEMORY = 64 * 2**20  # bytes by which all of them together may make this process grow
FILES_PER_CHILD = 100  # files that one child is lent
VALID_FILES: dict[str, Callable[[], bytes]] = {
    "model.keras": make_keras_file,
    "model.h5": lambda: make_hdf5(write_whole_model),
    "model.weights.h5": lambda: make_hdf5(write_dense_weights),
    "model.json": lambda: to_json_bytes(sequential_config(DENSE)),
    "saved_model.zip": lambda: GOOD_SAVED_MODEL,
    "model.tflite": make_tflite,
    "model.onnx": lambda: make_onnx_model().SerializeToString(),
    "openvino.zip": lambda: make_zip({"model.xml": VALID_XML, "model.bin": bytes(12)}),
}


class RestartingValidator:
    """A confined child that looks into one file after another; a new one where a file ended it."""

    def __init__(self, worker: Worker):
        self.worker, self.ended = worker, 0
        self.refused: list[str] = []
        self.looked = 0
        self.child: Child = worker.open(sandboxed=True)

    def look(self, format: str, folder: Path) -> None:
        self.looked += 1
        if self.looked % FILES_PER_CHILD == 0:
            self.child.close()
            self.child = self.worker.open(sandboxed=True)
        try:
            self.child.request("inspect_brought", seconds=SECONDS, format=format, folder=folder)
        except Refused as refusal:
            self.refused.append(refusal.rule)
        except ChildDied:
            self.ended += 1
            self.child = self.worker.open(sandboxed=True)


@pytest.fixture(scope="module")
def restarting_validator(worker: Worker) -> Iterator[RestartingValidator]:
    validator = RestartingValidator(worker)
    yield validator
    validator.child.close()


def assert_corrupted_files_handled(name: str, examples: int, tmp_path: Path, validator: RestartingValidator) -> None:
    """Damage the good file of that name so many times: each is refused or let in, and of the refused nothing stays."""
    good, numbers = VALID_FILES[name](), itertools.count()
    grown = psutil.Process().memory_info().rss

    @seed(5)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(corruptions())
    def each(change: Callable[[bytes], bytes]) -> None:
        into = tmp_path / str(next(numbers))
        into.mkdir()
        (tmp_path / "upload").write_bytes(change(good))
        started = time.monotonic()
        try:
            format_ = validate_upload(tmp_path / "upload", name, into, config=UPLOAD_SETTINGS).format
        except Refused:
            assert not list(into.iterdir())
        else:
            validator.look(format_, into)
        assert time.monotonic() - started < SECONDS
        shutil.rmtree(into)

    each()
    assert psutil.Process().memory_info().rss - grown < MEMORY


@pytest.mark.parametrize("name", VALID_FILES)
def test_corrupted_file_is_rejected_or_accepted_without_crash(name, tmp_path, restarting_validator):
    assert_corrupted_files_handled(name, 25, tmp_path, restarting_validator)
    assert restarting_validator.ended == 0


@pytest.mark.long
@pytest.mark.parametrize("name", VALID_FILES)
def test_many_corrupted_files_are_rejected_or_accepted(name, tmp_path, restarting_validator):
    assert_corrupted_files_handled(name, 500, tmp_path, restarting_validator)
