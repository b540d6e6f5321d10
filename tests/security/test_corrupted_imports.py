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
from tests.factories.corruption import corruptions, single_bit_flips
from tests.factories.files_with_known_weights import (
    BIAS_OF_THREE,
    FILES_WITHOUT_CHECKSUMS,
    KERNEL,
    AllowedDifference,
    ImportedPredictions,
    allow_no_difference,
    differs_only_in_onnx_weights,
    make_valid_h5,
    make_valid_litert,
    make_valid_onnx,
    make_valid_weights_file,
)
from tests.factories.invalid_hdf5_files import DENSE_CONFIG_JSON
from tests.factories.targeted_files import make_valid_graph
from tests.factories.untrusted_files import make_keras_file, make_zip

pytestmark = pytest.mark.trust
LONG = pytest.mark.long
ImportFile = Callable[[Jobs, bytes, str, Path], ImportedPredictions | None]
Changes = SearchStrategy[Callable[[bytes], bytes]]
CorruptionCheck = Callable[..., int]


def import_and_predict(jobs: Jobs, content: bytes, name: str, folder: Path) -> ImportedPredictions | None:
    """What the file answers once it is in, None where it was not let in. What was let in is kept under its own hash,
    and its second load answers as the first. Weights come with their layers, a checkpoint with the demo of its code."""
    (folder / "upload").write_bytes(content)
    (folder / "layers").write_bytes(DENSE_CONFIG_JSON)
    parts = {"architecture": folder / "layers"} if name.endswith(".weights.h5") else {}
    demo = "digits-mlp" if name == "checkpoint.zip" else None
    end = jobs.wait(jobs.import_model(folder / "upload", name, parts=parts, demo=demo).id)
    return read_import_result(jobs, end, hashlib.sha256(content).hexdigest())


def read_import_result(jobs: Jobs, end: Job, sha256: str | None = None) -> ImportedPredictions | None:
    if end.state != "done":
        assert end.error["code"] in ALLOWED_CODES or end.error["code"].startswith("refused:"), end.error
        assert jobs.library.ids() == []
        return None
    run = jobs.library.run(end.result["run"])
    assert sha256 is None or run.brought["sha256"] == sha256
    assert end.result["verdict"] in ("bit-identical", "rounding")
    reference = jobs.library.reference(run.id)
    jobs.library.remove(run.id)
    jobs.library.empty_trash(0)
    return ImportedPredictions(reference.inputs, reference.predictions)


ALLOWED_CODES = ("does-not-load", "input", "child-died", "timed-out")


def count_accepted_corruptions(
    jobs: Jobs,
    good: bytes,
    name: str,
    examples: int,
    folder: Path,
    may_differ: AllowedDifference,
    bring: ImportFile = import_and_predict,
    changes: Changes | None = None,
) -> int:
    """Damage a good file so many times; gives how many were let in. Each that answers otherwise `may_differ`."""
    whole_answer, let_in = bring(jobs, good, name, folder), 0
    assert whole_answer is not None

    @seed(5)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(corruptions() if changes is None else changes)
    def each(change: Callable[[bytes], bytes]) -> None:
        nonlocal let_in
        damaged = change(good)
        answered = bring(jobs, damaged, name, folder)
        let_in += answered is not None
        assert answered is None or answered.same(whole_answer) or may_differ(damaged, answered)

    each()
    return let_in


FILES_WITH_CHECKSUMS = {"model.keras": make_keras_file, "model.zip": make_valid_graph}


@pytest.fixture
def check_corruptions(tally: Callable[..., None]) -> CorruptionCheck:
    """`hold`, whose figures are printed at the end."""

    def counting(jobs: Jobs, good: bytes, name: str, examples: int, *more: Any, **other: Any) -> int:
        let_in = count_accepted_corruptions(jobs, good, name, examples, *more, **other)
        tally("damaged files refused", examples - let_in)
        tally("damaged files let in, and what they answer looked at", let_in)
        return let_in

    return counting


@pytest.fixture
def limited_empty_jobs(limited_jobs: Jobs, tmp_path: Path) -> Jobs:
    """Jobs that allow little time, over an empty library."""
    home = tmp_path / "store"
    return Jobs(Library(home), limited_jobs.worker, limited_jobs.config.model_copy(update={"home": home}))


@pytest.mark.parametrize("name", FILES_WITH_CHECKSUMS)
def test_accepted_corrupted_file_with_checksum_predicts_unchanged(
    name: str, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    check_corruptions(limited_empty_jobs, FILES_WITH_CHECKSUMS[name](), name, 10, tmp_path, allow_no_difference)


def test_accepted_corrupted_onnx_differs_only_by_its_weights(
    limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    check_corruptions(limited_empty_jobs, make_valid_onnx(), "model.onnx", 12, tmp_path, differs_only_in_onnx_weights)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", FILES_WITH_CHECKSUMS)
def test_many_corrupted_files_with_checksum_predict_unchanged(
    name: str, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    check_corruptions(limited_empty_jobs, FILES_WITH_CHECKSUMS[name](), name, 300, tmp_path, allow_no_difference)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_many_corrupted_onnx_files_differ_only_by_their_weights(
    limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    assert (
        check_corruptions(
            limited_empty_jobs, make_valid_onnx(), "model.onnx", 80, tmp_path, differs_only_in_onnx_weights
        )
        > 0
    )


SOME = [
    checksum if checksum != "model.weights.h5" else pytest.param(checksum, marks=pytest.mark.long)
    for checksum in FILES_WITHOUT_CHECKSUMS
]


@pytest.mark.parametrize("name", SOME)
def test_accepted_corrupted_file_predicts_by_its_own_weights(
    name: str, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    make, may_differ = FILES_WITHOUT_CHECKSUMS[name]
    check_corruptions(limited_empty_jobs, make(), name, 4, tmp_path, may_differ)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", FILES_WITHOUT_CHECKSUMS)
def test_many_corrupted_files_predict_by_their_own_weights(
    name: str, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    make, may_differ = FILES_WITHOUT_CHECKSUMS[name]
    assert check_corruptions(limited_empty_jobs, make(), name, 150, tmp_path, may_differ) > 0


BIT_FLIP_CASES = {
    **{name: (make, allow_no_difference) for name, make in FILES_WITH_CHECKSUMS.items()},
    **FILES_WITHOUT_CHECKSUMS,
    "model.onnx": (make_valid_onnx, differs_only_in_onnx_weights),
}


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", BIT_FLIP_CASES)
def test_flipped_bit_changes_predictions_only_by_what_it_hit(
    name: str, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    make, may_differ = BIT_FLIP_CASES[name]
    good = make()
    check_corruptions(limited_empty_jobs, good, name, 80, tmp_path, may_differ, changes=single_bit_flips(len(good)))


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("key", ["saved_model", "checkpoint", "openvino"])
def test_many_corrupted_artifact_zips_predict_unchanged(
    key: str, jobs: Jobs, saved, limited_empty_jobs: Jobs, check_corruptions: CorruptionCheck, tmp_path: Path
):
    folder = jobs.library.verified_folder(saved("digits-mlp", key)["artifact"])
    members = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    check_corruptions(limited_empty_jobs, make_zip(members), f"{key}.zip", 40, tmp_path, allow_no_difference)


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
def test_corrupted_tensorflow_variables_predict_unchanged(
    key: str,
    member: str,
    jobs: Jobs,
    saved,
    limited_empty_jobs: Jobs,
    check_corruptions: CorruptionCheck,
    tmp_path: Path,
):
    original = jobs.library.verified_folder(saved("digits-mlp", key)["artifact"])

    def in_its_folder(jobs: Jobs, content: bytes, name: str, folder: Path) -> ImportedPredictions | None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        shutil.copytree(original, folder / "copy")
        (folder / "copy" / member).write_bytes(content)
        demo = "digits-mlp" if key == "checkpoint" else None
        return read_import_result(jobs, jobs.wait(jobs.import_model(folder / "copy", name, demo=demo).id))

    check_corruptions(
        limited_empty_jobs,
        (original / member).read_bytes(),
        "a folder",
        30,
        tmp_path,
        allow_no_difference,
        in_its_folder,
    )


WEIGHT_BY_FILE = {
    "model.onnx": (make_valid_onnx, np.float32(-1)),
    "model.h5": (make_valid_h5, KERNEL[0, 0]),
    "model.weights.h5": (make_valid_weights_file, KERNEL[0, 0]),
    "model.tflite": (make_valid_litert, BIAS_OF_THREE[2]),
}


@pytest.mark.parametrize(
    "name", [entry if entry == "model.onnx" else pytest.param(entry, marks=LONG) for entry in WEIGHT_BY_FILE]
)
def test_flipped_bit_of_weight_gives_another_model_and_hash(name: str, limited_empty_jobs: Jobs, tmp_path: Path):
    make, weight = WEIGHT_BY_FILE[name]
    good = make()
    at = good.index(weight.tobytes())
    damaged = good[: at + 3] + bytes([good[at + 3] ^ 0x80]) + good[at + 4 :]
    item, other = (import_and_predict(limited_empty_jobs, content, name, tmp_path) for content in (good, damaged))
    assert not item.same(other)
