"""What accepted means for a file that was damaged on its way.

Where the format has checksums, an accepted file answers as the undamaged one. Where it has none (ONNX, LiteRT, `.h5`),
a flipped bit of a weight makes another, well-formed model; nobody can tell, and the hash of the file is all that does.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from core.formats.contract import Arrays
from core.jobs import Jobs
from core.library import Library
from tests.gate.damaging import damage
from tests.gate.makers import keras_file
from tests.gate.makers_runtimes import onnx_model
from tests.trust.makers_of_traps import good_graph

pytestmark = pytest.mark.trust


class Answered(NamedTuple):
    inputs: Arrays
    answers: Arrays

    def same(self, other: "Answered") -> bool:
        """Bit for bit, to the same questions, whatever the names."""
        return _bits(self.inputs) == _bits(other.inputs) and _bits(self.answers) == _bits(other.answers)


def _bits(arrays: Arrays) -> list[tuple[str, tuple[int, ...], bytes]]:
    return [(array.dtype.str, array.shape, array.tobytes()) for array in arrays.values()]


def brought(jobs: Jobs, content: bytes, name: str, folder: Path) -> Answered | None:
    """What the file answers once it is in, None where it was not let in. What was let in is kept under its own hash,
    and its second load answers as the first."""
    (folder / "upload").write_bytes(content)
    end = jobs.wait(jobs.bring_in(folder / "upload", name).id)
    if end.state != "done":
        assert end.error["code"] in ENDS or end.error["code"].startswith("refused:"), end.error
        assert jobs.library.ids() == []
        return None
    run = jobs.library.run(end.result["run"])
    assert run.brought["sha256"] == hashlib.sha256(content).hexdigest()
    assert end.result["verdict"] in ("bit-identical", "rounding")
    reference = jobs.library.reference(run.id)
    jobs.library.remove(run.id)
    jobs.library.empty_trash(0)
    return Answered(reference.inputs, reference.answers)


ENDS = ("does-not-load", "input", "child-died", "timed-out")


def hold(jobs: Jobs, good: bytes, name: str, examples: int, folder: Path, may_differ: Callable[[bytes], bool]) -> int:
    """Damage a good file so many times; gives how many were let in. Each that answers otherwise `may_differ`."""
    whole_answer, let_in = brought(jobs, good, name, folder), 0
    assert whole_answer is not None

    @seed(5)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(damage())
    def each(change: Callable[[bytes], bytes]) -> None:
        nonlocal let_in
        damaged = change(good)
        answered = brought(jobs, damaged, name, folder)
        let_in += answered is not None
        assert answered is None or answered.same(whole_answer) or may_differ(damaged)

    each()
    return let_in


def never(_: bytes) -> bool:
    return False


def in_the_numbers_of_onnx(damaged: bytes) -> bool:
    """Whether such a file differs from the good one in the values of its weights at most."""
    return _without_numbers(damaged) == _without_numbers(good_onnx())


def _without_numbers(content: bytes) -> bytes:
    import onnx

    model = onnx.ModelProto.FromString(content)
    for one in model.graph.initializer:
        one.raw_data = bytes(len(one.raw_data))
        del one.float_data[:]
    return model.SerializeToString(deterministic=True)


def good_onnx() -> bytes:
    from onnx import helper, numpy_helper

    kernel = numpy_helper.from_array(np.linspace(-1, 1, 9, dtype="float32").reshape(3, 3), "kernel")
    return onnx_model([helper.make_node("MatMul", ["x", "kernel"], ["y"])], [kernel], ir_version=8).SerializeToString()


CHECKED = {"model.keras": keras_file, "model.zip": good_graph}


@pytest.fixture
def quick_jobs(quick: Jobs, tmp_path: Path) -> Jobs:
    """Jobs that allow little time, over an empty library."""
    home = tmp_path / "store"
    return Jobs(Library(home), quick.worker, quick.config.model_copy(update={"home": home}))


@pytest.mark.parametrize("name", CHECKED)
def test_a_damaged_file_with_checksums_that_is_let_in_answers_as_the_good_one(
    name: str, quick_jobs: Jobs, tmp_path: Path
):
    hold(quick_jobs, CHECKED[name](), name, 10, tmp_path, never)


def test_a_damaged_onnx_file_that_is_let_in_answers_otherwise_only_where_its_weights_were_hit(
    quick_jobs: Jobs, tmp_path: Path
):
    hold(quick_jobs, good_onnx(), "model.onnx", 12, tmp_path, in_the_numbers_of_onnx)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", CHECKED)
def test_many_damaged_files_with_checksums_that_are_let_in_answer_as_the_good_one(
    name: str, quick_jobs: Jobs, tmp_path: Path
):
    hold(quick_jobs, CHECKED[name](), name, 300, tmp_path, never)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_many_damaged_onnx_files_that_are_let_in_answer_otherwise_only_where_their_weights_were_hit(
    quick_jobs: Jobs, tmp_path: Path
):
    assert hold(quick_jobs, good_onnx(), "model.onnx", 80, tmp_path, in_the_numbers_of_onnx) > 0


@pytest.mark.parametrize("make", [pytest.param(good_onnx, id="onnx")])
def test_a_flipped_bit_of_a_weight_is_another_model_under_another_hash(
    make: Callable[[], bytes], quick_jobs: Jobs, tmp_path: Path
):
    good = make()
    first = np.float32(-1).tobytes()
    at = good.index(first)
    damaged = good[: at + 3] + bytes([good[at + 3] ^ 0x80]) + good[at + 4 :]
    one, other = (brought(quick_jobs, content, "model.onnx", tmp_path) for content in (good, damaged))
    assert not one.same(other)
