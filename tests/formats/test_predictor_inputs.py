"""Options of a format, and inputs of a predictor."""

import numpy as np
import pytest

from core.errors import InputError
from core.formats import FORMATS
from core.formats.base import Option
from core.runtimes.base import Predictor
from core.runtimes.specs import Spec

by_format = pytest.mark.parametrize("format_", FORMATS, ids=lambda item: item.key)


# Options


def test_format_resolve_options_returns_defaults():
    for format_ in FORMATS:
        assert format_.resolve_options() == {option.key: option.default for option in format_.options}


@by_format
def test_format_unknown_option_is_refused(format_):
    with pytest.raises(InputError, match="has no such option"):
        format_.resolve_options({"colour": "blue"})


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        (Option("rows", "Rows", 100, "", minimum=1, maximum=500), 0, "Choose from 1 to 500."),
        (Option("rows", "Rows", 100, "", minimum=1, maximum=500), "many", "Choose from 1 to 500."),
        (Option("kind", "Kind", "float", "", choices=("float", "int8")), "int4", "Choose one of float, int8."),
    ],
)
def test_option_invalid_value_is_refused(option, value, said):
    with pytest.raises(InputError) as caught:
        option.validate(value)
    assert caught.value.cure == said


def test_option_value_is_converted_to_type_of_default():
    assert Option("rows", "Rows", 100, "", minimum=1, maximum=500).validate("7") == 7


# Inputs of a predictor


def echo_predictor(*specs: Spec) -> Predictor:
    """A predictor that answers with what it was given, as it was cast and named."""
    return Predictor(None, specs, lambda inputs: inputs)


def test_predictor_casts_inputs_to_the_spec_dtype():
    given = {"pixels": np.ones((2, 3), "float64")}
    assert echo_predictor(Spec("pixels", "float32", (None, 3))).predict(given)["pixels"].dtype == np.float32


def test_predictor_accepts_single_input_under_any_name():
    answers = echo_predictor(Spec("args_0", "float32", (None, 3))).predict({"pixels": np.ones((2, 3), "float32")})
    assert list(answers) == ["args_0"]


def test_predictor_matches_renamed_inputs_by_shape():
    specs = Spec("a", "float32", (None, 3)), Spec("b", "float32", (None, 5))
    answers = echo_predictor(*specs).predict({"x": np.zeros((2, 5)), "y": np.zeros((2, 3))})
    assert {name: array.shape for name, array in answers.items()} == {"a": (2, 3), "b": (2, 5)}


def test_predictor_matches_renamed_inputs_of_one_shape_by_order():
    specs = Spec("a", "float32", (None, 3)), Spec("b", "float32", (None, 3))
    answers = echo_predictor(*specs).predict({"x": np.zeros((2, 3)), "y": np.ones((2, 3))})
    assert (answers["a"].max(), answers["b"].min()) == (0, 1)


def test_predictor_refuses_unmatched_renamed_inputs():
    specs = Spec("a", "float32", (None, 3)), Spec("b", "float32", (None, 3))
    with pytest.raises(InputError) as caught:
        echo_predictor(*specs).predict({"x": np.zeros((2, 3)), "y": np.zeros((2, 4))})
    assert caught.value.sentence == "The inputs were renamed, and do not fit in the order in which they are given."
    assert caught.value.cure == "Name them a, b."


def test_predictor_refuses_wrong_shape_naming_received_shape():
    with pytest.raises(InputError) as caught:
        echo_predictor(Spec("pixels", "float32", (None, 64))).predict({"pixels": np.zeros((2, 63))})
    assert caught.value.sentence == "The input 'pixels' must have the shape (None, 64)."
    assert caught.value.received == "(2, 63)"


def test_a_wrong_number_of_inputs_is_refused():
    with pytest.raises(InputError, match=r"takes 2 inputs \(a, b\)"):
        echo_predictor(Spec("a", "float32", None), Spec("b", "float32", None)).predict({"a": np.zeros(2)})


@pytest.mark.parametrize("dtype", ["S3", "U3", "object"])
def test_predictor_keeps_text_inputs_as_text(dtype):
    words = np.array(["cat", "dog"], dtype=dtype)
    answers = echo_predictor(Spec("words", "object", (None,))).predict({"words": words})
    assert answers["words"].astype("U").tolist() == ["cat", "dog"]
