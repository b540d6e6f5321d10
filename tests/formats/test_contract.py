"""Every format held to the one contract, over the registry itself; what must come out stands in `expectations`."""

import ast
import inspect
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from core.compare import Verdict
from core.compatibility.columns import Finding
from core.compatibility.matrix import build_matrix, build_row
from core.demos import DEMOS, get_demo
from core.errors import CannotSave, PackageMissing, UnknownName
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import ENVIRONMENT_FORMATS, FORMATS, all_formats, get_format
from core.formats.base import CONVERTED_WEIGHTS, PARTS
from core.grading import Grade, GradeLevel
from core.runtimes.base import NO_CODE
from core.settings import PROJECT
from tests.factories.library_entries import make_run
from tests.formats import expectations
from tests.formats.expectations import HIDES_OPTIMIZER, HIDES_WEIGHTS, ExpectedRefusal, ExpectedSave
from tests.formats.rewritten_expectations import REWRITTEN

EXPECTED = expectations.EXPECTED | REWRITTEN
PAIRS = [(demo.key, item.key) for demo in DEMOS for item in FORMATS]
SAVED_PAIRS = [pair for pair in PAIRS if isinstance(EXPECTED.get(pair), ExpectedSave)]
LOADED_PAIRS = [pair for pair in SAVED_PAIRS if EXPECTED[pair].with_code is not Verdict.DOES_NOT_LOAD]
REFUSED_PAIRS = [pair for pair in PAIRS if isinstance(EXPECTED.get(pair), ExpectedRefusal)]

by_format = pytest.mark.parametrize("format_", [*FORMATS, *ENVIRONMENT_FORMATS], ids=lambda item: item.key)
by_loaded_pair = pytest.mark.parametrize(
    ("demo", "format_key"), LOADED_PAIRS, ids=["-".join(pair) for pair in LOADED_PAIRS]
)
by_saved_pair = pytest.mark.parametrize(
    ("demo", "format_key"), SAVED_PAIRS, ids=["-".join(pair) for pair in SAVED_PAIRS]
)


@pytest.fixture(scope="session")
def evidence_of(jobs, saved):
    """A function that gives the evidence of a demo saved in a format."""

    def of(demo: str, format_key: str):
        row = saved(demo, format_key)
        assert row["state"] == "done", row.get("error")
        return jobs.library.evidence(row["artifact"])

    return of


# Facts


def test_expectations_cover_every_pair_of_demo_and_format():
    assert [pair for pair in PAIRS if pair not in EXPECTED] == []
    assert [pair for pair in EXPECTED if pair not in PAIRS] == []


def test_format_keys_are_unique_and_url_safe():
    keys = [format_.key for format_ in all_formats()]
    assert sorted(set(keys)) == sorted(keys)
    assert [key for key in keys if not re.fullmatch(r"[a-z][a-z0-9_]*", key)] == []


def test_every_format_is_found_by_its_key():
    assert [get_format(format_.key) for format_ in FORMATS] == list(FORMATS)


def test_get_format_unknown_key_is_refused_with_choices():
    with pytest.raises(UnknownName) as caught:
        get_format("hologram")
    assert caught.value.sentence == "There is no such format."
    assert caught.value.cure == f"Choose from {', '.join(format_.key for format_ in all_formats())}."


@by_format
def test_format_metadata_is_sentences_and_known_parts(format_):
    assert format_.keeps <= set(PARTS)
    assert format_.accepts <= {"keras", "module", "onnx", "litert", "openvino"}
    assert format_.accepts
    assert format_.good_for.endswith(".")
    assert format_.explains.endswith(".")
    assert format_.label.strip() == format_.label != ""


def test_every_part_is_preserved_by_some_format():
    assert {part for format_ in FORMATS for part in format_.keeps} == set(PARTS)


@by_format
def test_format_save_and_load_are_self_contained_functions(format_):
    for function in (format_.save, format_.load):
        shown = ast.parse(inspect.getsource(function)).body
        assert [type(node) for node in shown] == [ast.FunctionDef]
    assert list(inspect.signature(format_.save).parameters)[:2] == ["model", "folder"]
    assert list(inspect.signature(format_.load).parameters) == ["folder", "code"]
    assert inspect.signature(format_.load).parameters["code"].default is NO_CODE


@by_format
def test_format_options_are_parameters_of_its_save(format_):
    taken = set(inspect.signature(format_.save).parameters) - {"model", "folder", "samples"}
    assert taken == {option.key for option in format_.options}


def test_format_metadata_is_readable_without_model_runtimes():
    code = (
        "import sys; from core.formats import all_formats\n"
        "each = all_formats()\n"
        "facts = [(f.key, f.label, sorted(f.keeps), f.missing_packages, f.refusal_reason('keras')) for f in each]\n"
        "import json; print(json.dumps([len(facts), sorted({n.partition('.')[0] for n in sys.modules})]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    count, loaded = json.loads(ended.stdout)
    assert count == len(all_formats())
    assert {"tensorflow", "keras", "h5py", "onnx", "onnxruntime", "ai_edge_litert", "openvino"} & set(loaded) == set()


@by_format
def test_format_missing_package_names_install_command(format_):
    lacking = replace(format_, packages={"a_package_that_is_not_here": "a-package"})
    assert lacking.refusal_reason(sorted(format_.accepts)[0]) == "Needs a-package: pip install a-package"


def test_format_of_ours_is_found_without_a_look_into_packages(monkeypatch):
    looks: list[object] = []
    monkeypatch.setattr("core.formats._find_entry_points", lambda stamp: looks.append(stamp) or [])
    assert [get_format(format_.key) for format_ in FORMATS] == list(FORMATS)
    assert looks == []
    with pytest.raises(UnknownName):
        get_format("gone")
    assert len(looks) == 1


def test_formats_without_tensorflow_are_those_of_other_runtimes():
    elsewhere = [format_ for format_ in all_formats() if not format_.runs_on_tensorflow]
    assert {format_.key.partition("_")[0] for format_ in elsewhere} == {"litert", "onnx", "openvino", "pt2", "tfjs"}
    assert all(format_.activations != "keras" for format_ in elsewhere)


@pytest.mark.parametrize("packages", [("keras",), ("tf-keras", "numpy"), ("a-new-runtime", "onnxruntime")])
def test_format_whose_kit_needs_an_unknown_package_may_be_tensorflow(packages):
    kit = replace(get_format("onnx").standalone, packages=packages)
    assert replace(get_format("onnx"), kit=kit).runs_on_tensorflow


def test_third_party_format_import_failure_is_listed_with_reason(monkeypatch):
    entry = EntryPoint("their_format", "a_module_that_is_not_here:FORMAT", "roundtrip.formats")
    monkeypatch.setattr("core.formats._find_entry_points", lambda stamp: [entry])
    right = get_format("their_format")
    assert (all_formats()[:-1], all_formats()[-1].key) == ((*FORMATS, *ENVIRONMENT_FORMATS), "their_format")
    assert right.refusal_reason("keras").startswith("The package that brings it fails to import: ModuleNotFoundError")
    with pytest.raises(PackageMissing):
        right.load(None)


# Every demo in every format


@by_saved_pair
def test_a_pair_reloads_as_expected(demo, format_key, evidence_of):
    expected, evidence = EXPECTED[demo, format_key], evidence_of(demo, format_key)
    assert _is_as_expected(evidence.without_code, expected.without_code, expected.changed_at_most)
    with_code = evidence.with_code or evidence.without_code  # not tried where it could not matter
    assert _is_as_expected(with_code, expected.with_code, expected.changed_at_most)
    assert (evidence.without_code.error or {}).get("sentence", "") == expected.reason
    assert (with_code.error or {}).get("sentence", "") == expected.with_reason


@by_saved_pair
def test_pair_is_reloaded_with_code_where_it_can_matter(demo, format_key, evidence_of):
    evidence = evidence_of(demo, format_key)
    matters = get_demo(demo).has_classes or not evidence.without_code.has_loaded
    assert (evidence.with_code is not None) == matters


def _is_as_expected(outcome: ReloadOutcome, verdict: Verdict, changed_at_most: float | None) -> bool:
    if verdict is Verdict.SOME_CHANGED and changed_at_most is not None:
        return outcome.has_loaded and outcome.changed_rows <= changed_at_most * outcome.rows
    if verdict is Verdict.ROUNDING:
        return outcome.verdict.rank <= verdict.rank
    return outcome.verdict is verdict


@by_saved_pair
def test_pair_failed_reload_names_cure_without_path(demo, format_key, evidence_of, jobs):
    error = evidence_of(demo, format_key).without_code.error
    if EXPECTED[demo, format_key].reason:
        assert error["cure"].endswith(".")
        assert str(jobs.library.home) not in json.dumps(error)
    else:
        assert error is None


@pytest.mark.parametrize(("demo", "format_key"), REFUSED_PAIRS, ids=["-".join(pair) for pair in REFUSED_PAIRS])
def test_a_pair_is_refused_as_expected(demo, format_key, saved):
    row = saved(demo, format_key)
    assert row["state"] == "failed"
    assert row["error"]["code"] == CannotSave.code
    assert row["error"]["sentence"] == EXPECTED[demo, format_key].reason


@by_loaded_pair
def test_pair_preserves_weights_where_claimed(demo, format_key, evidence_of, jobs, trained):
    weights = evidence_of(demo, format_key).best.weights
    assert (weights is None) == (format_key in HIDES_WEIGHTS)
    if weights is None:
        return
    assert weights.of == len(jobs.library.run(trained(demo)).weights)
    claimed, expected = "weights" in get_format(format_key).keeps, EXPECTED[demo, format_key]
    by_claim = weights.of if claimed else 0
    assert weights.found == (by_claim if expected.weights_found is None else expected.weights_found)
    assert ("weights" in expected.breaks) == (claimed and not weights.is_complete)


@by_loaded_pair
def test_pair_keeps_converted_weights_where_claimed(demo, format_key, jobs, trained, evidence_of):
    if CONVERTED_WEIGHTS in get_format(format_key).keeps:
        row = build_row(jobs.library.run(trained(demo)), format_key, "", evidence_of(demo, format_key))
        assert row.cells["weights"].state in ("kept", "changed")
        assert CONVERTED_WEIGHTS not in row.find_contradictions()


@pytest.mark.parametrize(
    ("verdict", "grade", "expected"),
    [
        ("same-answers", None, "changed"),
        ("different", None, "lost"),
        ("different", Grade(level=GradeLevel.UNUSABLE, output="y", share=1.2), "lost"),
        ("different", Grade(level=GradeLevel.SLIGHT, output="y", share=0.002), "changed"),
    ],
)
def test_converted_weights_are_judged_by_answers_where_hidden(empty_library, verdict, grade, expected):
    run = make_run(empty_library, labels=["cat", "dog"])
    outcome = ReloadOutcome(verdict=verdict, changed_rows=4, rows=4, max_abs=1.0, grade=grade)
    row = build_row(run, "litert", "", Evidence(without_code=outcome))
    assert row.cells["weights"].state == expected
    assert (CONVERTED_WEIGHTS in row.find_contradictions()) == (expected == "lost")


def test_every_format_but_architecture_claims_weights():
    without = {format_.key for format_ in FORMATS if not format_.keeps & {"weights", CONVERTED_WEIGHTS}}
    assert without == {"architecture"}
    assert [format_.key for format_ in FORMATS if {"weights", CONVERTED_WEIGHTS} <= format_.keeps] == []


def test_copies_train_on_only_where_kept_optimizer_state_is_usable(matrix_row_of):
    """What SavedModel holds of an optimizer is bit-equal, and nothing there can train with it."""
    claimed = [format_ for format_ in FORMATS if "optimizer state" in format_.keeps]
    states = {format_.key: matrix_row_of("digits-mlp", format_.key).cells["trainable"].state for format_ in claimed}
    assert {key for key, state in states.items() if state == "lost"} == {"saved_model"}
    assert [format_.key for format_ in claimed if not format_.can_resume_training] == ["saved_model"]


@by_loaded_pair
def test_pair_preserves_optimizer_state_where_claimed(demo, format_key, evidence_of):
    expected, result = EXPECTED[demo, format_key], evidence_of(demo, format_key).best.optimizer
    assert (result is None) == (format_key in HIDES_OPTIMIZER)
    if result is None:
        return
    assert (result.found, result.of) == (expected.optimizer_found, expected.optimizer_of)
    claimed = "optimizer state" in get_format(format_key).keeps
    assert ("optimizer state" in expected.breaks) == (claimed and not result.is_complete)
    assert claimed or not result.is_complete
    assert len(result.missing) == result.of - result.found


@by_saved_pair
def test_pair_with_architecture_or_graph_loads_without_code(demo, format_key, evidence_of):
    """A graph answers in any process; layers answer where their classes are known; values alone never."""
    keeps, loads = get_format(format_key).keeps, evidence_of(demo, format_key).without_code.has_loaded
    if keeps & {"graph", "architecture"}:
        unknown = get_demo(demo).has_classes and "graph" not in keeps
        lost = EXPECTED[demo, format_key].with_reason != ""
        assert loads == (not unknown and not lost)
    else:
        assert not loads
        assert get_format(format_key).needs_architecture


@by_saved_pair
def test_pair_evidence_says_whether_code_is_needed(demo, format_key, evidence_of):
    expected = EXPECTED[demo, format_key]
    loads = [verdict is not Verdict.DOES_NOT_LOAD for verdict in (expected.without_code, expected.with_code)]
    assert evidence_of(demo, format_key).needs_code == (loads == [False, True])


# The matrix


@pytest.fixture(scope="session")
def matrix_row_of(jobs, trained, shared_entries):
    """A function that gives the row of the matrix for a demo saved in a format."""

    def of(demo: str, format_key: str):
        shared_entries.rows(demo, [format_key])
        return next(item for item in build_matrix(jobs.library, trained(demo)) if item.format == format_key)

    return of


@pytest.mark.parametrize("demo", [item.key for item in DEMOS])
def test_checkpoint_with_code_is_trainable(demo, matrix_row_of):
    cell = matrix_row_of(demo, "checkpoint").cells.get("trainable")
    lost_words = EXPECTED[demo, "checkpoint"].with_code is Verdict.DOES_NOT_LOAD
    assert cell.state == ("failed" if lost_words else "kept"), cell


def test_matrix_keras_file_of_plain_model_preserves_everything(matrix_row_of):
    states = {key: cell.state for key, cell in matrix_row_of("digits-mlp", "keras").cells.items()}
    assert {key for key, state in states.items() if state != "kept"} == {"vocabulary", "strings", "state"}


def test_matrix_names_claims_contradicted_by_evidence(matrix_row_of):
    row = matrix_row_of("digits-mlp", "keras")
    assert row.find_contradictions() == []
    row.cells["optimizer"] = Finding("lost", "None of 10 tensors came back.")
    assert row.find_contradictions() == ["optimizer state"]


def test_matrix_row_of_refused_format_has_its_sentence(matrix_row_of):
    row = matrix_row_of("digits-cnn", "saved_model")
    assert (row.artifact, {cell.state for cell in row.cells.values()}) == (None, {"failed"})
    assert row.sentence == EXPECTED["digits-cnn", "saved_model"].reason


def test_matrix_reports_nondeterministic_export(matrix_row_of):
    cells = matrix_row_of("digits-cnn", "keras_export").cells
    assert cells["repeats"].words.startswith("The same rows twice differ by")
    assert cells["weights"].words.endswith("Answering moves 3 of them.")
