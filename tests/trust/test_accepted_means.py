"""What accepted means for a file that was damaged on its way.

Where the format has checksums, an accepted file answers as the undamaged one. Where it has none (ONNX, LiteRT, `.h5`),
a flipped bit of a weight makes another, well-formed model; nobody can tell, and the hash of the file is all that does.
What such a file answers is then what the numbers say that stand in it, computed here with NumPy; of LiteRT a flipped
bit may also be another graph, wired or shaped otherwise.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from tests.gate.damaging import damage, one_bit
from tests.gate.makers import keras_file, zipped
from tests.gate.makers_h5 import CONFIG
from tests.trust.makers_of_good_files import (
    BIAS_OF_THREE,
    KERNEL,
    UNCHECKED,
    Answered,
    May,
    good_h5,
    good_litert,
    good_onnx,
    good_weights,
    in_the_numbers_of_onnx,
    never,
)
from tests.trust.makers_of_traps import good_graph

pytestmark = pytest.mark.trust
LONG = pytest.mark.long
Bring = Callable[[Jobs, bytes, str, Path], Answered | None]
Changes = SearchStrategy[Callable[[bytes], bytes]]
Held = Callable[..., int]


def brought(jobs: Jobs, content: bytes, name: str, folder: Path) -> Answered | None:
    """What the file answers once it is in, None where it was not let in. What was let in is kept under its own hash,
    and its second load answers as the first. Weights come with their layers, a checkpoint with the demo of its code."""
    (folder / "upload").write_bytes(content)
    (folder / "layers").write_bytes(CONFIG)
    parts = {"architecture": folder / "layers"} if name.endswith(".weights.h5") else {}
    demo = "digits-mlp" if name == "checkpoint.zip" else None
    end = jobs.wait(jobs.import_model(folder / "upload", name, parts=parts, demo=demo).id)
    return answered_at(jobs, end, hashlib.sha256(content).hexdigest())


def answered_at(jobs: Jobs, end: Job, sha256: str | None = None) -> Answered | None:
    if end.state != "done":
        assert end.error["code"] in ENDS or end.error["code"].startswith("refused:"), end.error
        assert jobs.library.ids() == []
        return None
    run = jobs.library.run(end.result["run"])
    assert sha256 is None or run.brought["sha256"] == sha256
    assert end.result["verdict"] in ("bit-identical", "rounding")
    reference = jobs.library.reference(run.id)
    jobs.library.remove(run.id)
    jobs.library.empty_trash(0)
    return Answered(reference.inputs, reference.predictions)


ENDS = ("does-not-load", "input", "child-died", "timed-out")


def hold(
    jobs: Jobs,
    good: bytes,
    name: str,
    examples: int,
    folder: Path,
    may_differ: May,
    bring: Bring = brought,
    changes: Changes | None = None,
) -> int:
    """Damage a good file so many times; gives how many were let in. Each that answers otherwise `may_differ`."""
    whole_answer, let_in = bring(jobs, good, name, folder), 0
    assert whole_answer is not None

    @seed(5)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(damage() if changes is None else changes)
    def each(change: Callable[[bytes], bytes]) -> None:
        nonlocal let_in
        damaged = change(good)
        answered = bring(jobs, damaged, name, folder)
        let_in += answered is not None
        assert answered is None or answered.same(whole_answer) or may_differ(damaged, answered)

    each()
    return let_in


CHECKED = {"model.keras": keras_file, "model.zip": good_graph}


@pytest.fixture
def held(tally: Callable[..., None]) -> Held:
    """`hold`, whose figures are printed at the end."""

    def counting(jobs: Jobs, good: bytes, name: str, examples: int, *more: Any, **other: Any) -> int:
        let_in = hold(jobs, good, name, examples, *more, **other)
        tally("damaged files refused", examples - let_in)
        tally("damaged files let in, and what they answer looked at", let_in)
        return let_in

    return counting


@pytest.fixture
def quick_jobs(quick: Jobs, tmp_path: Path) -> Jobs:
    """Jobs that allow little time, over an empty library."""
    home = tmp_path / "store"
    return Jobs(Library(home), quick.worker, quick.config.model_copy(update={"home": home}))


@pytest.mark.parametrize("name", CHECKED)
def test_a_damaged_file_with_checksums_that_is_let_in_answers_as_the_good_one(
    name: str, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    held(quick_jobs, CHECKED[name](), name, 10, tmp_path, never)


def test_a_damaged_onnx_file_that_is_let_in_answers_otherwise_only_where_its_weights_were_hit(
    quick_jobs: Jobs, held: Held, tmp_path: Path
):
    held(quick_jobs, good_onnx(), "model.onnx", 12, tmp_path, in_the_numbers_of_onnx)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", CHECKED)
def test_many_damaged_files_with_checksums_that_are_let_in_answer_as_the_good_one(
    name: str, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    held(quick_jobs, CHECKED[name](), name, 300, tmp_path, never)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_many_damaged_onnx_files_that_are_let_in_answer_otherwise_only_where_their_weights_were_hit(
    quick_jobs: Jobs, held: Held, tmp_path: Path
):
    assert held(quick_jobs, good_onnx(), "model.onnx", 80, tmp_path, in_the_numbers_of_onnx) > 0


SOME = [one if one != "model.weights.h5" else pytest.param(one, marks=pytest.mark.long) for one in UNCHECKED]


@pytest.mark.parametrize("name", SOME)
def test_a_damaged_file_without_checksums_that_is_let_in_answers_as_the_numbers_in_it_say(
    name: str, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    make, may_differ = UNCHECKED[name]
    held(quick_jobs, make(), name, 4, tmp_path, may_differ)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", UNCHECKED)
def test_many_damaged_files_without_checksums_that_are_let_in_answer_as_the_numbers_in_them_say(
    name: str, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    make, may_differ = UNCHECKED[name]
    assert held(quick_jobs, make(), name, 150, tmp_path, may_differ) > 0


BITS = {
    **{name: (make, never) for name, make in CHECKED.items()},
    **UNCHECKED,
    "model.onnx": (good_onnx, in_the_numbers_of_onnx),
}


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", BITS)
def test_one_flipped_bit_wherever_it_lies_changes_no_answer_but_by_what_it_hit(
    name: str, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    make, may_differ = BITS[name]
    good = make()
    held(quick_jobs, good, name, 80, tmp_path, may_differ, changes=one_bit(len(good)))


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("key", ["saved_model", "checkpoint", "openvino"])
def test_many_damaged_zips_of_real_copies_that_are_let_in_answer_as_the_good_one(
    key: str, jobs: Jobs, saved, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    folder = jobs.library.verified_folder(saved("digits-mlp", key)["artifact"])
    members = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    held(quick_jobs, zipped(members), f"{key}.zip", 40, tmp_path, never)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("key", "member"),
    [
        ("saved_model", "variables/variables.data-00000-of-00001"),
        ("saved_model", "variables/variables.index"),
        ("checkpoint", "model.data-00000-of-00001"),
        ("checkpoint", "model.index"),
    ],
)
def test_damaged_variables_of_tensorflow_in_a_folder_that_are_let_in_answer_as_the_good_ones(
    key: str, member: str, jobs: Jobs, saved, quick_jobs: Jobs, held: Held, tmp_path: Path
):
    original = jobs.library.verified_folder(saved("digits-mlp", key)["artifact"])

    def in_its_folder(jobs: Jobs, content: bytes, name: str, folder: Path) -> Answered | None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        shutil.copytree(original, folder / "copy")
        (folder / "copy" / member).write_bytes(content)
        demo = "digits-mlp" if key == "checkpoint" else None
        return answered_at(jobs, jobs.wait(jobs.import_model(folder / "copy", name, demo=demo).id))

    held(quick_jobs, (original / member).read_bytes(), "a folder", 30, tmp_path, never, in_its_folder)


A_WEIGHT = {
    "model.onnx": (good_onnx, np.float32(-1)),
    "model.h5": (good_h5, KERNEL[0, 0]),
    "model.weights.h5": (good_weights, KERNEL[0, 0]),
    "model.tflite": (good_litert, BIAS_OF_THREE[2]),
}


@pytest.mark.parametrize("name", [one if one == "model.onnx" else pytest.param(one, marks=LONG) for one in A_WEIGHT])
def test_a_flipped_bit_of_a_weight_is_another_model_under_another_hash(name: str, quick_jobs: Jobs, tmp_path: Path):
    make, weight = A_WEIGHT[name]
    good = make()
    at = good.index(weight.tobytes())
    damaged = good[: at + 3] + bytes([good[at + 3] ^ 0x80]) + good[at + 4 :]
    one, other = (brought(quick_jobs, content, name, tmp_path) for content in (good, damaged))
    assert not one.same(other)
