"""Bad inputs, end to end: each is brought in as a person would, and the one oracle of `conftest.py` is asked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories.attack_files import (
    STOPPED_AT_LOAD,
    TARGETED_FILES,
    make_keras_file_with_weights,
    make_onnx_loop,
    make_valid_graph,
    write_extra_layer,
    write_upload,
)
from tests.factories.untrusted_files import INVALID_UPLOADS, InvalidUpload, make_keras_file
from tests.security.upload_checks import UploadChecker

pytestmark = pytest.mark.trust
Tally = Callable[..., None]


def first_upload_of_each_rule() -> set[str]:
    first: dict[str, str] = {}
    for one in INVALID_UPLOADS:
        first.setdefault(one.rule, one.id)
    return set(first.values())


# In every run a quarter of the rules goes the whole way; the gate and the inspector are asked by tests of their own.
ONE_PER_RULE_SAMPLE = set(sorted(first_upload_of_each_rule())[::4])
INVALID_UPLOAD_PARAMS = [
    pytest.param(one, id=one.id, marks=[] if one.id in ONE_PER_RULE_SAMPLE else [pytest.mark.long])
    for one in INVALID_UPLOADS
]
FAST_CASES = ("wrong-shapes", "onnx-expand-1-tb", "onnx-loop-2-62")
LOAD_CASES = [pytest.param(one, marks=[] if one in FAST_CASES else [pytest.mark.long]) for one in STOPPED_AT_LOAD]


@pytest.mark.parametrize("one", INVALID_UPLOAD_PARAMS)
def test_invalid_upload_is_rejected_by_its_rule_and_stores_nothing(
    one: InvalidUpload, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    upload_checker.refuses(one.make(tmp_path), f"refused:{one.rule}")
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", TARGETED_FILES)
def test_targeted_upload_does_not_touch_its_target(
    id_: str, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    rule, make, name = TARGETED_FILES[id_]
    upload_checker.refuses(write_upload(make(upload_checker.traps), name, tmp_path), f"refused:{rule}")
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", LOAD_CASES)
def test_valid_looking_upload_is_stopped_by_loading_process(
    id_: str, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    codes, make, name = STOPPED_AT_LOAD[id_]
    upload_checker.refuses(write_upload(make(), name, tmp_path), *codes)
    tally("bad inputs refused")


VALID_FILES = {
    "graph": (make_valid_graph, "model.zip"),
    "loop": (lambda: make_onnx_loop(3), "model.onnx"),
    "keras": (make_keras_file, "m.keras"),
}


@pytest.mark.long
@pytest.mark.parametrize("id_", VALID_FILES)
def test_base_files_of_hostile_uploads_are_accepted(id_: str, upload_checker: UploadChecker, tmp_path: Path):
    """Otherwise they would be stopped for being badly made."""
    make, name = VALID_FILES[id_]
    end = upload_checker.brought(write_upload(make(), name, tmp_path))
    assert end.state == "done", end.error


@pytest.mark.long
def test_weights_of_extra_layer_are_accepted_and_unused(upload_checker: UploadChecker, tmp_path: Path):
    """Keras passes over them, so they are carried along and never used."""
    good, more = (
        upload_checker.brought(write_upload(content, "m.keras", tmp_path))
        for content in (make_keras_file(), make_keras_file_with_weights(write_extra_layer))
    )
    assert (good.result["parameters"], good.result["verdict"]) == (8, "bit-identical")
    assert (more.result["parameters"], more.result["verdict"]) == (8, "bit-identical")


def test_upload_with_slow_content_validation_is_rejected(upload_checker: UploadChecker, tmp_path: Path, tally: Tally):
    with upload_checker.allowing(confined_seconds=0.001):
        upload_checker.refuses(write_upload(make_keras_file(), "m.keras", tmp_path), "refused:inspector-slow")
    tally("bad inputs refused")


def test_valid_upload_is_accepted_after_all_invalid_ones(upload_checker: UploadChecker, tmp_path: Path):
    upload_checker.lets_a_good_one_in(tmp_path)
