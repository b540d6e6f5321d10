"""What environments answered, in a proof kit: its members, its README, and what verify.py says of it."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.arrays import encode_npz
from core.compare import Verdict
from core.environments import get_environment
from core.environments.judge import ElsewhereOutcome, EnvironmentAnswer
from core.errors import InputError
from core.exports.kit_answers import judge_against
from core.exports.proof_kit import build_proof_kit, unpacked_kit
from core.library import Library
from tests.exports.kit_execution import run_kit, unpack_kit
from tests.exports.test_proof_kit import make_artifact_with_outcome, read_members

TRACT = get_environment("tract")
FAILED = {"verdict": Verdict.DOES_NOT_LOAD, "max_abs": None, "versions": {}, "error": {"sentence": "It has a loop."}}


@pytest.fixture
def artifact(empty_library: Library) -> str:
    return make_artifact_with_outcome(empty_library, "onnx")


def make_answer(library: Library, artifact: str, off: float = 0.5, **changes) -> EnvironmentAnswer:
    """What an environment answered to the rows of a kit, all of it off by this."""
    kit = read_members(library, artifact)
    with np.load(io.BytesIO(kit["expected.npz"])) as archive:
        predictions = {name: archive[name] + np.float32(off) for name in archive}
    facts = {"environment": "tract", "verdict": Verdict.SAME_ANSWERS, "max_abs": off, "rows": 64, "changed_rows": 0}
    facts |= {"versions": {"tract": "0.23.9"}, "lock": TRACT.lock_sha256}
    outcome = facts | {"inputs_sha256": hashlib.sha256(kit["inputs.npz"]).hexdigest()} | changes
    return EnvironmentAnswer(ElsewhereOutcome.model_validate(outcome), {} if outcome.get("error") else predictions)


def run_with_answers(library: Library, artifact: str, folder: Path, *answers: EnvironmentAnswer) -> tuple[int, str]:
    """Run a kit with these answers in it, whose model answers what is expected."""
    kit = unpack_kit(library, artifact, folder, answers)
    load = (
        f"import numpy as np\n\n\ndef load():\n    return lambda inputs: dict(np.load({str(kit / 'expected.npz')!r}))\n"
    )
    (kit / "load.py").write_text(load)
    return run_kit(kit)


def test_kit_without_answers_says_nothing_of_them(empty_library: Library, artifact: str):
    kit = read_members(empty_library, artifact)
    assert "elsewhere" not in json.loads(kit["kit.json"])
    assert b"other environments" not in kit["README.md"]


def test_kit_carries_predictions_lock_and_facts(empty_library: Library, artifact: str, tmp_path: Path):
    answer = make_answer(empty_library, artifact)
    folder = unpack_kit(empty_library, artifact, tmp_path, [answer])
    facts = json.loads((folder / "kit.json").read_text())
    (told,) = facts["elsewhere"]
    assert (told["label"], told["verdict"], told["max_abs"], told["lock"]) == (
        "tract 0.23",
        "same-answers",
        0.5,
        TRACT.lock_sha256,
    )
    assert (folder / told["predictions"]).read_bytes() == encode_npz(answer.predictions)
    assert hashlib.sha256((folder / "elsewhere" / "tract.lock.txt").read_bytes()).hexdigest() == told["lock"]
    assert facts["files"].keys() >= {told["predictions"], "elsewhere/tract.lock.txt"}
    line = f"| tract 0.23 | Same answers | The largest difference is 0.5. | tract 0.23.9 | {told['lock'][:12]} |"
    assert line in (folder / "README.md").read_text()


def test_verify_says_how_far_other_environments_were_off(empty_library: Library, artifact: str, tmp_path: Path):
    answers = [
        make_answer(empty_library, artifact),
        make_answer(empty_library, artifact, **FAILED, environment="mnn"),
    ]
    status, output = run_with_answers(empty_library, artifact, tmp_path, *answers)
    assert (status, output.splitlines()[-1]) == (0, "PASS")
    assert f"In tract 0.23 (tract 0.23.9; lock {TRACT.lock_sha256[:12]}) the largest difference is 0.5 from" in output
    assert "and 0.5 from the answers here." in output
    assert "it gave no answers: It has a loop." in output


def test_verify_fails_where_a_record_is_not_that_of_its_answers(empty_library: Library, artifact: str, tmp_path: Path):
    answer = make_answer(empty_library, artifact, max_abs=0.0)
    status, output = run_with_answers(empty_library, artifact, tmp_path, answer)
    assert (status, "Recorded was 0." in output) == (1, True)
    assert output.splitlines()[-1].startswith("FAIL: what another environment answered is not what was recorded")


def test_verify_notices_changed_answers_of_others(empty_library: Library, artifact: str, tmp_path: Path):
    run_with_answers(empty_library, artifact, tmp_path / "kit", make_answer(empty_library, artifact))
    (kit,) = (tmp_path / "kit").iterdir()
    (kit / "elsewhere" / "tract.npz").write_bytes(b"")
    status, output = run_kit(kit)
    assert (status, "CHANGED: elsewhere/tract.npz" in output) == (1, True)
    assert "its answers cannot be read: EOFError." in output


def test_answers_to_other_rows_are_refused(empty_library: Library, artifact: str):
    answer = make_answer(empty_library, artifact, inputs_sha256="0" * 64)
    with pytest.raises(InputError, match="asked other rows there than this kit holds") as raised:
        build_proof_kit(empty_library, artifact, [answer])
    assert raised.value.received == "tract 0.23"
    assert list(empty_library.home.joinpath("staging").iterdir()) == []


@pytest.fixture
def unloaded(empty_library: Library) -> str:
    """A copy that did not load here."""
    facts = {"verdict": Verdict.DOES_NOT_LOAD, "max_abs": None, "inputs": [], "input_pairs": [], "pairs": []}
    return make_artifact_with_outcome(empty_library, "h5", **facts)


def answer_elsewhere(library: Library, artifact: str, off: float, **changes) -> EnvironmentAnswer:
    """What Keras 3.12 answered to the rows that such a copy is asked, all of it off by this."""
    with unpacked_kit(library, artifact) as kit:
        predictions = {name: array + np.float32(off) for name, array in kit.expected.items()}
        facts = {
            "environment": "keras-3.12",
            "verdict": Verdict.SAME_ANSWERS,
            "max_abs": off,
            "rows": kit.expected["y"].size,
        }
        facts |= {"versions": {"python": "3.12.1", "keras": "3.12.0", "tensorflow": "", "tensorflow-cpu": "2.20.0"}}
        facts |= {"lock": get_environment("keras-3.12").lock_sha256, "inputs_sha256": kit.inputs_sha256} | changes
    return EnvironmentAnswer(ElsewhereOutcome.model_validate(facts), predictions)


def test_copy_that_did_not_load_is_asked_what_the_model_answers(empty_library: Library, unloaded: str):
    with unpacked_kit(empty_library, unloaded) as kit:
        assert (kit.format, list(kit.expected)) == ("h5", ["y"])
        assert (
            kit.expected["y"].tolist()
            == empty_library.reference(empty_library.artifact(unloaded).run).head(64).predictions["y"].tolist()
        )


def test_kit_of_copy_that_did_not_load_expects_an_environments_answers(
    empty_library: Library, unloaded: str, tmp_path: Path
):
    answer = answer_elsewhere(empty_library, unloaded, 0.25)
    other = answer_elsewhere(empty_library, unloaded, 0.5, environment="keras-3.9")
    folder = unpack_kit(empty_library, unloaded, tmp_path / "kit", [answer, other])
    facts = json.loads((folder / "kit.json").read_text())
    assert facts["verdict"] == "does-not-load"
    assert (facts["expected_by"]["label"], facts["expected_by"]["off_the_model"]) == (
        get_environment("keras-3.12").label,
        0.25,
    )
    with np.load(folder / "expected.npz") as expected:
        assert np.array_equal(expected["y"], answer.predictions["y"])
    assert [told["max_abs"] for told in facts["elsewhere"]] == pytest.approx([0, 0.25])
    assert facts["versions"] == {"tensorflow": "2.20.0", "keras": "3.12.0"} | {
        name: number for name, number in facts["versions"].items() if name not in ("tensorflow", "keras")
    }
    assert "tensorflow-cpu==2.20.0" in (folder / "requirements.txt").read_text()
    text = (folder / "README.md").read_text()
    assert "as it did not load where it was saved" in text
    assert "There it was 0.25 off the model itself." in text
    status, output = run_with_answers(empty_library, unloaded, tmp_path / "run", answer, other)
    assert (status, output.splitlines()[-1]) == (0, "PASS")


def test_answers_expected_are_those_with_the_best_verdict(empty_library: Library, unloaded: str, tmp_path: Path):
    wrong = answer_elsewhere(empty_library, unloaded, 9.0, environment="keras-3.9", verdict=Verdict.DIFFERENT)
    right = answer_elsewhere(empty_library, unloaded, 0.0, verdict=Verdict.BIT_IDENTICAL)
    folder = unpack_kit(empty_library, unloaded, tmp_path, [wrong, right])
    facts = json.loads((folder / "kit.json").read_text())
    assert facts["expected_by"]["environment"] == "keras-3.12"
    assert [(told["environment"], told["is_source"]) for told in facts["elsewhere"]] == [
        ("keras-3.9", False),
        ("keras-3.12", True),
    ]
    with np.load(folder / "expected.npz") as expected:
        assert np.array_equal(expected["y"], right.predictions["y"])
    readme = (folder / "README.md").read_text()
    assert "| Keras 3.12 | – | Its answers are what this kit expects. |" in readme
    assert "Bit-identical" not in readme


def test_kit_is_refused_where_all_environments_answer_wrongly(empty_library: Library, unloaded: str):
    wrong = answer_elsewhere(empty_library, unloaded, 9.0, verdict=Verdict.DIFFERENT)
    with pytest.raises(InputError, match="No environment gave the model's own answers") as raised:
        build_proof_kit(empty_library, unloaded, [wrong])
    assert raised.value.received == "Keras 3.12: Different answers"
    assert raised.value.cure


def test_answers_beside_others_name_the_output_that_is_farthest():
    expected = {name: np.zeros((4, 2), "float32") for name in ("near", "far")}
    outcome = ElsewhereOutcome(environment="tract", verdict=Verdict.BIT_IDENTICAL, output="near")
    (judged,) = judge_against([EnvironmentAnswer(outcome, expected | {"far": expected["far"] + 1})], expected)
    assert (judged.outcome.output, judged.outcome.max_abs) == ("far", 1.0)


def test_requirements_are_those_of_the_lock_whatever_a_process_claims(
    empty_library: Library, unloaded: str, tmp_path: Path
):
    claimed = {"python": "3.12\nextra==1", "keras": "1.0\nextra", "tensorflow-cpu": "1.0 --pre"}
    answer = answer_elsewhere(empty_library, unloaded, 0.0, versions=claimed)
    folder = unpack_kit(empty_library, unloaded, tmp_path, [answer])
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert lines[0].endswith(f"with Python {get_environment('keras-3.12').release}.")
    assert [line for line in lines[1:] if "==" not in line or "extra" in line or "--" in line] == []
    pins = get_environment("keras-3.12").pins
    assert json.loads((folder / "kit.json").read_text())["versions"]["keras"] == pins["keras"]


def test_kit_of_copy_that_loads_nowhere_says_where_to_ask(empty_library: Library, unloaded: str):
    failed = answer_elsewhere(empty_library, unloaded, 0.0)._replace(predictions={})
    for answers in ((), (failed,)):
        with pytest.raises(InputError, match="did not come back") as raised:
            build_proof_kit(empty_library, unloaded, answers)
        assert "roundtrip kit ID --in ENV" in raised.value.cure
