"""Invalid uploads, end to end: each is imported as a person would, and `upload_checks.py` says what must hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories.files_with_known_weights import make_valid_onnx
from tests.factories.invalid_files import INVALID_UPLOADS
from tests.factories.misbehaving_worker import IMPORT_TASKS, MISBEHAVIOURS, misbehave
from tests.factories.targeted_files import (
    STOPPED_AT_LOAD,
    TARGETED_FILES,
    make_keras_file_with_weights,
    make_valid_graph,
    write_extra_layer,
    write_upload,
)
from tests.factories.untrusted_files import InvalidUpload, make_keras_file
from tests.security.upload_checks import UploadChecker

pytestmark = pytest.mark.trust
Tally = Callable[..., None]


def first_upload_of_each_rule() -> set[str]:
    first: dict[str, str] = {}
    for invalid in INVALID_UPLOADS:
        first.setdefault(invalid.rule, invalid.id)
    return set(first.values())


# In every run a quarter of the rules goes the whole way; validation has tests of its own.
ONE_PER_RULE_SAMPLE = set(sorted(first_upload_of_each_rule())[::4])
INVALID_UPLOAD_PARAMS = [
    pytest.param(upload, id=upload.id, marks=[] if upload.id in ONE_PER_RULE_SAMPLE else [pytest.mark.long])
    for upload in INVALID_UPLOADS
]
LOAD_CASES = [
    pytest.param(name, marks=[] if name == "wrong-shapes" else [pytest.mark.long]) for name in STOPPED_AT_LOAD
]
# The codes of an error, by how a child goes wrong in a step other than the validation of content.
CODES = {
    "late": {"timed-out"},
    "busy": {"timed-out"},
    "greedy": {"too-large"},
    "dead": {"child-died"},
    "crashing": {"child-died"},
    "lying": {"worker", "input", "unpaired-rows"},
}
CONTENT_RULES = dict.fromkeys(("late", "busy"), "inspector-slow") | dict.fromkeys(
    ("dead", "crashing"), "inspector-ended"
)
FAST_CASES = {
    ("late", "inspect_brought"),
    ("late", "predict"),
    ("busy", "load_imported"),
    ("crashing", "inspect_brought"),
    ("lying", "predict"),
}
WRONG = [
    pytest.param(way.__name__, step, marks=[] if (way.__name__, step) in FAST_CASES else [pytest.mark.long])
    for way in MISBEHAVIOURS
    for step in IMPORT_TASKS
    if (way.__name__, step) != ("lying", "inspect_brought")  # of what it says there, nothing is used
]


@pytest.mark.parametrize("one", INVALID_UPLOAD_PARAMS)
def test_invalid_upload_is_rejected_by_its_rule_and_stores_nothing(
    one: InvalidUpload, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    upload_checker.assert_rejected(one.make(tmp_path), f"refused:{one.rule}", under=upload_checker.lowered(one))
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", TARGETED_FILES)
def test_targeted_upload_does_not_touch_its_target(
    id_: str, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    rule, make, name = TARGETED_FILES[id_]
    upload_checker.assert_rejected(write_upload(make(upload_checker.targets), name, tmp_path), f"refused:{rule}")
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", LOAD_CASES)
def test_valid_content_codes_upload_is_stopped_by_loading_process(
    id_: str, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    make, name = STOPPED_AT_LOAD[id_]
    upload_checker.assert_rejected(write_upload(make(), name, tmp_path), "does-not-load")
    tally("bad inputs refused")


@pytest.mark.parametrize(("way", "step"), WRONG)
def test_valid_upload_to_misbehaving_child_is_rejected(
    way: str, step: str, upload_checker: UploadChecker, tmp_path: Path, tally: Tally
):
    """What such a child does is done by tasks of the tests, on a valid file."""
    content_codes = {f"refused:{CONTENT_RULES[way]}"} if step == "inspect_brought" and way in CONTENT_RULES else set()
    made = write_upload(make_valid_onnx(), "model.onnx", tmp_path)
    upload_checker.assert_rejected(made, *(content_codes or CODES[way]), under=misbehave(way, step))
    tally("children that went wrong")


VALID_FILES = {
    "graph": (make_valid_graph, "model.zip"),
    "keras": (make_keras_file, "m.keras"),
}


@pytest.mark.long
@pytest.mark.parametrize("id_", VALID_FILES)
def test_base_files_of_hostile_uploads_are_accepted(id_: str, upload_checker: UploadChecker, tmp_path: Path):
    """Otherwise they would be stopped for being badly made."""
    make, name = VALID_FILES[id_]
    end = upload_checker.import_upload(write_upload(make(), name, tmp_path))
    assert end.state == "done", end.error


@pytest.mark.long
def test_weights_of_extra_layer_are_accepted_and_unused(upload_checker: UploadChecker, tmp_path: Path):
    """Keras passes over them, so they are carried along and never used."""
    good, more = (
        upload_checker.import_upload(write_upload(content, "m.keras", tmp_path))
        for content in (make_keras_file(), make_keras_file_with_weights(write_extra_layer))
    )
    assert (good.result["parameters"], good.result["verdict"]) == (8, "bit-identical")
    assert (more.result["parameters"], more.result["verdict"]) == (8, "bit-identical")


def test_valid_upload_is_accepted_after_all_invalid_ones(upload_checker: UploadChecker, tmp_path: Path):
    upload_checker.assert_valid_upload_accepted(tmp_path)
