"""What a model takes, and the boxes in which a person fills in a row of it."""

import numpy as np
import pytest

from core.compare import Verdict
from core.demos import DEMOS, get_demo
from core.errors import InputError, UnknownName
from core.evidence.records import Evidence, ReloadOutcome
from core.inputs import Inputs, form_fields, input_specs, row_from_values
from core.inputs.form_fields import values_from_row
from core.library import Library, Run
from core.runtimes.reference import Reference
from tests.factories.input_files import MIXED, PIXELS
from tests.factories.library_entries import make_run_with_reference

UNNAMED_REFERENCE = Reference(
    {"left": np.array([[1, 2], [3, 8]], "int32"), "word": np.array([["a"], ["b"]])}, {"y": np.zeros((2, 1))}, {}
)
DEMOS_WITH_FORM = [item for item in DEMOS if item.input_fields]


def test_input_specs_of_run_come_from_its_model(library: Library, colours_run: Run):
    assert input_specs(library, colours_run.id) == [PIXELS]
    with pytest.raises(UnknownName):
        input_specs(library, "r0123456789")


def test_input_specs_without_signature_come_from_reference(library: Library):
    run = make_run_with_reference(library, UNNAMED_REFERENCE)
    assert input_specs(library, run.id) == [
        {"name": "left", "dtype": "int32", "shape": [None, 2]},
        {"name": "word", "dtype": "object", "shape": [None, 1]},
    ]


def test_input_specs_of_artifact_come_from_evidence_with_run_names(library: Library):
    run = make_run_with_reference(library, UNNAMED_REFERENCE)
    shown = [
        {"name": "args_0", "dtype": "int32", "shape": [None, None]},
        {"name": "word", "dtype": "object", "shape": [None, 1]},
    ]
    pairs = [{"reference": "left", "answer": "args_0", "by": "shape"}]
    outcome = ReloadOutcome(verdict=Verdict.BIT_IDENTICAL, inputs=shown, input_pairs=pairs)
    with library.staging() as staged:
        (staged / "files").mkdir()
        (staged / "files" / "model").write_bytes(b"x")
        evidence = Evidence(without_code=outcome)
        artifact = library.commit_artifact(staged, run.id, evidence, format="saved_model", seconds=0)
    assert input_specs(library, artifact.id) == [shown[0] | {"name": "left"}, shown[1]]


@pytest.mark.parametrize("demo", DEMOS_WITH_FORM, ids=lambda item: item.key)
def test_form_fields_of_demo_make_a_row_like_its_data(demo, library: Library):
    data = demo.data(demo.defaults).held_out.inputs
    run = make_run_with_reference(library, UNNAMED_REFERENCE, demo=demo.key)
    specs = [
        {
            "name": name,
            "dtype": "object" if item.dtype.kind == "U" else item.dtype.name,
            "shape": [None, *item.shape[1:]],
        }
        for name, item in data.items()
    ]
    boxes = form_fields(run, specs)
    assert boxes == get_demo(demo.key).input_fields
    row = row_from_values(run, specs, boxes, [box.example for box in boxes])
    assert {name: (item.shape[1:], item.dtype.kind) for name, item in row.items()} == {
        name: (item.shape[1:], item.dtype.kind) for name, item in data.items()
    }
    assert values_from_row(boxes, row) == [box.example for box in boxes]


def test_form_fields_without_demo_have_range_and_example_from_data(library: Library):
    specs = [*MIXED, {"name": "flag", "dtype": "bool", "shape": [None, 1]}, PIXELS | {"shape": [None, 2, 1]}]
    run = make_run_with_reference(library, UNNAMED_REFERENCE, demo=None, settings=None)
    seen = {
        "bill": np.array([[2.5], [9]], "float32"),
        "guests": np.array([[4], [4]]),
        "day": np.array([["Sun"], ["Fri"]]),
        "flag": np.array([[True], [False]]),
        "pixels": np.array([[[1], [np.nan]], [[0], [2]]], "float32"),
    }
    boxes = form_fields(run, specs, seen)
    assert [box[1:] for box in boxes] == [
        ("bill", "number", 2.5, (), 2.5, 9.0),
        ("guests", "number", 4.0, (), None, None),
        ("day", "text", "Sun", (), None, None),
        ("flag", "choice", "yes", ("no", "yes"), None, None),
        ("pixels 0", "number", 1.0, (), 0.0, 1.0),
        ("pixels 1", "number", 0.0, (), None, None),
    ]
    values = ["3.5", 6, "Mon", "no", 0.5, -1]
    row = row_from_values(run, specs, boxes, values)
    assert {name: (item.dtype.name, item.tolist()) for name, item in row.items()} == {
        "bill": ("float32", [[3.5]]),
        "guests": ("int32", [[6]]),
        "day": ("str96", [["Mon"]]),
        "flag": ("bool", [[False]]),
        "pixels": ("float32", [[[0.5], [-1]]]),
    }
    assert values_from_row(boxes, row) == [3.5, 6.0, "Mon", "no", 0.5, -1.0]
    with pytest.raises(InputError, match="“guests” takes whole numbers"):
        row_from_values(run, specs, boxes, ["3.5", 6.5, "Mon", "no", 0.5, -1])
    with pytest.raises(InputError, match="takes 6 values"):
        row_from_values(run, specs, boxes, values[:-1])


@pytest.mark.parametrize(
    ("specs", "facts"),
    [
        ([PIXELS | {"shape": [None, 33]}], {}),
        ([PIXELS | {"shape": [None, None]}], {}),
        ([PIXELS | {"shape": None}], {}),
        ([PIXELS], {"image_shape": (2, 2)}),
        ([], {}),
    ],
    ids=["too many values", "a free size", "a free shape", "a picture", "nothing said"],
)
def test_form_fields_are_empty_for_unfillable_inputs(specs: list, facts: dict, library: Library):
    run = make_run_with_reference(library, UNNAMED_REFERENCE, demo=None, settings=None, **facts)
    assert form_fields(run, specs) == ()


def test_typed_row_round_trips_through_input_set(store: Inputs, library: Library):
    run = make_run_with_reference(library, UNNAMED_REFERENCE, demo="tips")
    boxes = get_demo("tips").input_fields
    values = [24.59, 4.0, "Female", "No", "Sun", "Dinner"]
    input_set = store.add_typed(row_from_values(run, [], boxes, values), "A bill")
    assert values_from_row(boxes, store.read_rows(input_set.id, [0])) == values
    assert input_set.columns[0] == {"name": "total_bill", "dtype": "float32", "shape": [1]}
