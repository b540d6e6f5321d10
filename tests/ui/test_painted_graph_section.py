"""The painted graph without a browser: which file is drawn for a model, what a box says, and the colours."""

import pytest
from plotly.colors import unlabel_rgb

from core.jobs.layer_steps import LayerStep
from core.library import Library
from tests.factories.contrast import luminance
from tests.factories.library_entries import IDENTICAL_EVIDENCE, make_run
from ui.compare.painted_graph import (
    ChosenLayer,
    DrawnGraph,
    describe_step,
    find_drawn_graph,
    make_palette,
    read_chosen_layer,
)

STEP: LayerStep = {
    "layer": "dense",
    "class": "Dense",
    "state": "paired",
    "partner": "matmul:0",
    "op": "MatMul",
    "relative": 0.0042,
    "max_abs": 0.0123,
    "not_finite": 0,
    "words": "It differs by more than the tolerance.",
}


def add_copy(library: Library, run: str, format_key: str, file_name: str) -> str:
    """The id of a copy with one file."""
    with library.staging() as staged:
        (staged / "files").mkdir()
        (staged / "files" / file_name).write_bytes(b"content")
        return library.commit_artifact(staged, run, IDENTICAL_EVIDENCE, format=format_key, seconds=0.0).id


def test_drawn_graph_of_copy_with_layers_or_operations_is_its_own(empty_library: Library):
    run = make_run(empty_library).id
    copies = [
        add_copy(empty_library, run, key, name) for key, name in (("keras", "model.keras"), ("onnx", "model.onnx"))
    ]
    assert [find_drawn_graph(empty_library, id_) for id_ in copies] == [DrawnGraph(id_, "") for id_ in copies]


def test_drawn_graph_of_model_without_own_is_that_of_another_copy(empty_library: Library):
    run = make_run(empty_library).id
    weights = add_copy(empty_library, run, "weights", "model.weights.h5")
    add_copy(empty_library, run, "onnx", "model.onnx")
    assert [find_drawn_graph(empty_library, id_) for id_ in (run, weights)] == [None, None]
    keras = add_copy(empty_library, run, "keras", "model.keras")
    expected = DrawnGraph(keras, "Keras file (.keras)")
    assert [find_drawn_graph(empty_library, id_) for id_ in (run, weights)] == [expected, expected]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {},
            "up to 0.0123, 0.42 % of its range. It differs by more than the tolerance. "
            "Matching layer: MatMul matmul:0.",
        ),
        (
            {"max_abs": 0.0, "relative": 0.0, "words": "The same to the last bit."},
            "The same to the last bit. Matching layer: MatMul matmul:0.",
        ),
        (
            {"not_finite": 3, "words": "3 values are NaN or infinite in only one of the two."},
            "3 values are NaN or infinite in only one of the two. Matching layer: MatMul matmul:0.",
        ),
        ({"state": "no numbers", "words": "It gives no numbers for each row."}, "It gives no numbers for each row."),
    ],
)
def test_description_of_step_has_its_difference_and_partner(changed: dict, text: str):
    assert describe_step(STEP | changed) == f"dense (Dense): {text}"


def test_palette_gets_lighter_with_readable_ink_and_numbers():
    palette = make_palette()
    light = [luminance(unlabel_rgb(colour["fill"])) for colour in palette]
    assert light == sorted(light)
    contrasts = [
        (value + 0.05) / 0.05 if colour["ink"] == "#000" else 1.05 / (value + 0.05)
        for value, colour in zip(light, palette, strict=True)
    ]
    assert min(contrasts) >= 4.5
    assert [colour["label"] for colour in palette] == [
        "none",
        "to 0.0001 %",
        "to 0.001 %",
        "to 0.01 %",
        "to 0.1 %",
        "to 1 %",
        "to 10 %",
        "above 10 %",
    ]


@pytest.mark.parametrize("told", [None, 1, [1], [3, 5], [-1, 5], ["1", 5], [True, 5], [1, 5, 9]])
def test_choice_of_layer_that_makes_no_sense_is_none(told: object):
    assert read_chosen_layer(told, 3) is None
    assert read_chosen_layer([2, 5], 3) == ChosenLayer(2, 5)
