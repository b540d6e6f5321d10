"""Whether there is a proof kit of a copy, and what must be known or done before its lines run."""

import pytest

from core.compare import Verdict
from core.errors import InputError
from core.exports.kit_conditions import describe_model_script, find_kit_conditions, list_warnings
from core.library import Library
from tests.exports.test_proof_kit import make_artifact_with_outcome, read_members
from tests.factories.untrusted_files import layer_config, make_keras_file, sequential_config

UNLOADED = {"verdict": Verdict.DOES_NOT_LOAD, "max_abs": None}
OUTCOMES = {
    "the same": {},
    "other numbers": {"verdict": Verdict.DIFFERENT, "changed_rows": 9},
    "not loaded": UNLOADED,
    "not run": {"verdict": Verdict.NOT_RUN, "max_abs": None},
    "not verified": {"verdict": Verdict.NOT_VERIFIED, "max_abs": None},
    "not comparable": {"verdict": Verdict.NOT_COMPARABLE, "max_abs": None},
    "no numbers": {"verdict": Verdict.DIFFERENT, "not_finite": 3, "changed_rows": 9},
    "completed": {**UNLOADED, "completed": {}},
    "not completed": {**UNLOADED, "completed": UNLOADED},
}
COPIES = [
    ("onnx", "digits-mlp"),
    ("pickle", "digits-custom"),
    ("weights", "digits-mlp"),
    ("weights", None),
    ("h5", None),
]
OWN_MODEL = make_keras_file(sequential_config(layer_config("my_program", "Doubled")))


def make_copy(library: Library, format_key: str, demo: str | None, **outcome) -> str:
    """A copy by hand; the run of no demo keeps a model with a class of its own."""
    artifact = make_artifact_with_outcome(library, format_key, demo, **outcome)
    if demo is None:
        (library.snapshot(library.artifact(artifact).run) / "model.keras").write_bytes(OWN_MODEL)
    return artifact


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize(("format_key", "demo"), COPIES)
def test_kit_conditions_are_found_where_a_kit_is_built(
    empty_library: Library, format_key: str, demo: str | None, outcome: dict
):
    artifact = make_copy(empty_library, format_key, demo, **outcome)
    conditions = find_kit_conditions(empty_library, artifact)
    if conditions is None:
        with pytest.raises(InputError):
            read_members(empty_library, artifact)
        return
    kit = read_members(empty_library, artifact)
    readme = kit["README.md"].decode()
    assert kit.get("model.py") == (conditions.code.text.encode() if conditions.code else None)
    told = [*list_warnings(conditions, str), *describe_model_script(conditions.code)]
    assert [paragraph for paragraph in told if paragraph not in readme] == []


def test_half_a_model_that_was_completed_names_the_classes_to_put_in(empty_library: Library):
    artifact = make_copy(empty_library, "weights", None, **OUTCOMES["completed"])
    conditions = find_kit_conditions(empty_library, artifact)
    assert conditions
    [warning] = list_warnings(conditions, str.upper)
    assert warning.startswith("**Before it runs: put your own classes (DOUBLED) into `model.py`.**")
    assert describe_model_script(conditions.code) == []


def test_copy_whose_other_half_is_lost_has_no_kit_conditions(empty_library: Library):
    artifact = make_artifact_with_outcome(empty_library, "weights", None, **OUTCOMES["completed"])
    assert find_kit_conditions(empty_library, artifact) is None


def test_kit_of_a_format_that_runs_code_warns_before_its_lines(empty_library: Library):
    conditions = find_kit_conditions(empty_library, make_copy(empty_library, "pickle", "digits-mlp"))
    assert conditions
    assert [text.split(".")[0] for text in list_warnings(conditions, str)] == [
        "**Loading this format runs whatever code is in the file, with your rights, before anything can be checked"
    ]
