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
from tests.gate.conftest import LIMITS
from tests.gate.damaging import damage
from tests.gate.makers import DENSE, fill_weights, h5, keras_file, sequential, text, zipped
from tests.gate.makers_graphs import GOOD_SAVED_MODEL
from tests.gate.makers_h5 import whole
from tests.gate.makers_runtimes import GOOD_XML, onnx_model, tflite

pytestmark = pytest.mark.trust
SECONDS = 20.0  # for one file, however damaged
MEMORY = 64 * 2**20  # bytes by which all of them together may make this process grow
AT_ONCE = 100  # files that one child is lent
GOOD: dict[str, Callable[[], bytes]] = {
    "model.keras": keras_file,
    "model.h5": lambda: h5(whole),
    "model.weights.h5": lambda: h5(fill_weights),
    "model.json": lambda: text(sequential(DENSE)),
    "saved_model.zip": lambda: GOOD_SAVED_MODEL,
    "model.tflite": tflite,
    "model.onnx": lambda: onnx_model().SerializeToString(),
    "openvino.zip": lambda: zipped({"model.xml": GOOD_XML, "model.bin": bytes(12)}),
}


class Looker:
    """A confined child that looks into one file after another; a new one where a file ended it."""

    def __init__(self, worker: Worker):
        self.worker, self.ended = worker, 0
        self.refused: list[str] = []
        self.looked = 0
        self.child: Child = worker.open(confined=True)

    def look(self, format: str, folder: Path) -> None:
        self.looked += 1
        if self.looked % AT_ONCE == 0:
            self.child.close()
            self.child = self.worker.open(confined=True)
        try:
            self.child.request("inspect_brought", seconds=SECONDS, format=format, folder=folder)
        except Refused as refusal:
            self.refused.append(refusal.rule)
        except ChildDied:
            self.ended += 1
            self.child = self.worker.open(confined=True)


@pytest.fixture(scope="module")
def looker(worker: Worker) -> Iterator[Looker]:
    one = Looker(worker)
    yield one
    one.child.close()


def hold(name: str, examples: int, tmp_path: Path, looker: Looker) -> None:
    """Damage the good file of that name so many times: each is refused or let in, and of the refused nothing stays."""
    good, numbers = GOOD[name](), itertools.count()
    grown = psutil.Process().memory_info().rss

    @seed(5)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(damage())
    def each(change: Callable[[bytes], bytes]) -> None:
        into = tmp_path / str(next(numbers))
        into.mkdir()
        (tmp_path / "upload").write_bytes(change(good))
        started = time.monotonic()
        try:
            format_ = validate_upload(tmp_path / "upload", name, into, config=LIMITS).format
        except Refused:
            assert not list(into.iterdir())
        else:
            looker.look(format_, into)
        assert time.monotonic() - started < SECONDS
        shutil.rmtree(into)

    each()
    assert psutil.Process().memory_info().rss - grown < MEMORY


@pytest.mark.parametrize("name", GOOD)
def test_a_damaged_file_is_refused_in_words_or_let_in(name, tmp_path, looker):
    hold(name, 25, tmp_path, looker)
    assert looker.ended == 0


@pytest.mark.long
@pytest.mark.parametrize("name", GOOD)
def test_many_damaged_files_are_refused_in_words_or_let_in(name, tmp_path, looker):
    hold(name, 500, tmp_path, looker)
