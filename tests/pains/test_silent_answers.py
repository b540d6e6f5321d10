"""What goes wrong without an exception: answers that are random, swapped, imprecise, or no numbers at all."""

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import CannotSave
from tests.conftest import finished
from tests.pains.models import PICTURES, ROWS, dense, fitted


def augmented():
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.RandomFlip(), keras.layers.Conv2D(2, 3)])


@pytest.fixture(scope="module")
def flipping(add):
    """A model that augments, in formats that call it in training mode and in formats that do not."""
    return add(augmented(), ["keras", "keras_export", "saved_model", "onnx"], PICTURES)


def test_p07_a_copy_that_augments_at_inference_is_said_to_be_random(flipping, judged):
    cells = judged(flipping["keras_export"].artifact.id).cells
    assert cells["repeats"].state == "changed"
    assert cells["repeats"].words.endswith("its answers are random.")
    assert flipping["keras_export"].evidence.best.verdict in {Verdict.SOME_CHANGED, Verdict.DIFFERENT}


@pytest.mark.parametrize("format_key", ["keras", "onnx"])
def test_p07_a_copy_through_inference_mode_answers_the_same_twice(flipping, judged, format_key):
    assert judged(flipping[format_key].artifact.id).cells["repeats"] == (
        "kept",
        "The same rows twice give the same bits.",
    )


def test_p07_a_saved_model_that_cannot_hold_the_augmentation_names_the_wrapper(flipping):
    error = flipping["saved_model"].error
    assert error.sentence == "A function of the model uses a variable that does not belong to the model."
    assert error.cure.endswith("save keras.Model(inputs, model(inputs, training=False)) instead.")


VOCABULARY = {
    "keras": ("kept", " words, "),
    "saved_model": ("kept", "Inside the graph: the answers to text are the same."),
    "weights": ("lost", "It came from code."),
}


@pytest.mark.parametrize("format_key", VOCABULARY)
def test_p11_a_vocabulary_is_held_against_the_original_word_by_word(saved, judged, format_key):
    state, words = VOCABULARY[format_key]
    cell = judged(saved("names", format_key)["artifact"]).cells["vocabulary"]
    assert cell.state == state
    assert words in cell.words


@pytest.mark.parametrize("format_key", ["h5", "architecture"])
def test_p11_a_lost_vocabulary_is_the_reason_and_the_cure_names_formats_that_keep_it(jobs, saved, format_key):
    best = jobs.library.evidence(saved("names", format_key)["artifact"]).best
    assert best.error["sentence"] == "A vocabulary was lost on the way: its lookup table is empty."
    assert best.error["cure"] == "Save as .keras or SavedModel, which keep vocabularies."


@pytest.fixture(scope="module")
def coarse(add):
    """A model with weights beyond half precision, in the formats that keep numbers in fewer bits."""
    model = dense()
    model.layers[0].kernel.assign(model.layers[0].kernel * 1e6)
    return add(model, ["litert_float16", "litert_int8"])


def test_p21_half_precision_that_overflows_is_counted_and_not_called_small(coarse):
    added = coarse["litert_float16"]
    assert added.evidence.best.verdict is Verdict.DIFFERENT
    assert added.warning == "120 numbers in its answers are NaN or infinite."


def test_p21_integers_say_how_many_answers_changed(coarse, judged):
    best = coarse["litert_int8"].evidence.best
    cell = judged(coarse["litert_int8"].artifact.id).cells["answers"]
    assert best.verdict in {Verdict.SOME_CHANGED, Verdict.DIFFERENT}
    assert cell.state == "changed"
    assert f"{best.changed_rows} of 40 changed" in cell.words


def test_p21_a_file_that_is_not_quantised_is_not_called_so(add):
    import keras

    plain = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()])
    error = add(plain, ["litert_dynamic"])["litert_dynamic"].error
    assert type(error) is CannotSave
    assert error.sentence == "Nothing in this model could be quantised, so the file would be the plain LiteRT file."


def three_answers():
    """Two inputs and three outputs of one shape, named against the order of the alphabet."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = [keras.Input((4,), name="zin"), keras.Input((4,), name="ain")]
    both = keras.layers.Concatenate()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(3, name=name)(both) for name in ("zeta", "alpha", "mid")])


@pytest.fixture(scope="module")
def ordered(add):
    formats = ["keras", "saved_model", "onnx", "litert", "openvino"]
    return add(three_answers(), formats, {"zin": ROWS, "ain": ROWS[::-1].copy()})


@pytest.mark.parametrize("format_key", ["keras", "onnx", "litert", "openvino"])
def test_p22_outputs_are_held_against_their_own_whatever_their_order(ordered, format_key):
    best = ordered[format_key].evidence.best
    assert best.verdict.rank <= Verdict.ROUNDING.rank
    assert [pair["reference"] for pair in best.pairs] == ["zeta", "alpha", "mid"]


@pytest.mark.parametrize("format_key", ["onnx", "litert", "openvino"])
def test_p22_a_renamed_output_is_said_and_never_silent(ordered, judged, format_key):
    cell = judged(ordered[format_key].artifact.id).cells["signatures"]
    pairs = ordered[format_key].evidence.best.pairs
    said = ", ".join(f"{pair['reference']} is {pair['answer']}" for pair in pairs)
    assert cell == ("changed", f"Outputs were renamed: {said}.")
    assert {pair["by"] for pair in pairs} <= {"value", "shape"}


def test_p22_inputs_that_could_be_swapped_are_paired_by_what_the_answers_show(ordered, judged):
    best = ordered["saved_model"].evidence.best
    assert best.verdict.rank <= Verdict.ROUNDING.rank
    assert [(pair["reference"], pair["answer"]) for pair in best.input_pairs] == [
        ("zin", "inputs"),
        ("ain", "inputs_1"),
    ]
    cell = judged(ordered["saved_model"].artifact.id).cells["signatures"]
    assert cell == ("changed", "Inputs were renamed: zin is inputs, by order, ain is inputs_1, by order.")


@pytest.fixture(scope="module")
def mixed(add):
    """A model trained under the global policy mixed_float16, which a fresh process does not have."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = fitted(dense())
    finally:
        keras.config.set_dtype_policy(before)
    return add(model, ["keras", "litert"])


def test_p24_the_optimizer_that_a_policy_loses_is_counted(mixed, judged):
    cells = judged(mixed["keras"].artifact.id).cells
    assert mixed["keras"].evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert cells["optimizer"].state == "lost"
    assert cells["optimizer"].words.startswith("2 of 14 tensors came back bit-equal; not ")
    assert cells["policy"] == ("changed", "Came back as float32, mixed_float16.")
    assert judged(mixed["keras"].artifact.id).find_contradictions() == ["optimizer state"]


def test_p24_what_cannot_compute_in_half_precision_says_so(mixed):
    error = mixed["litert"].evidence.best.error
    assert error["sentence"] == (
        "The file needs an operation of TensorFlow itself (FlexMatMul), which the LiteRT runtime does not have."
    )
    assert "use the float32 policy" in error["cure"]


def test_p24_bfloat16_in_h5_names_the_file_as_the_limit(add):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = dense()
    finally:
        keras.config.set_dtype_policy(before)
    error = add(model, ["h5"])["h5"].evidence.best.error
    assert error["sentence"].startswith("HDF5 does not give back numbers of this dtype (bfloat16)")
    assert error["cure"] == "Save as .keras or SavedModel, or with float32 weights."


@pytest.fixture(scope="module")
def broken(add):
    """A model with one weight that is NaN, so that one of its three answers is NaN in every row."""
    model = dense()
    kernel = model.layers[1].kernel.numpy()
    kernel[0, 0] = np.nan
    model.layers[1].kernel.assign(kernel)
    return add(model, ["keras", "onnx", "litert_int8"])


LOST_BEFORE = "Its weights were NaN or infinite before it was saved: "


def test_p30_a_nan_weight_is_said_when_it_is_saved(broken):
    added = broken["keras"]
    assert added.warning.startswith(LOST_BEFORE)
    assert added.warning.endswith(" (1). 40 numbers in its answers are NaN or infinite.")
    assert repr(added) == f"keras: {added.artifact.id}, Bit-identical. {added.warning}"


@pytest.mark.parametrize("format_key", ["keras", "onnx"])
def test_p30_nan_at_the_same_places_is_no_silent_success(broken, judged, format_key):
    cells = judged(broken[format_key].artifact.id).cells
    assert (cells["weights"].state, cells["answers"].state) == ("failed", "failed")
    assert cells["weights"].words.startswith(LOST_BEFORE)
    assert cells["answers"].words.startswith("40 numbers in its answers are NaN or infinite. ")
    assert broken[format_key].evidence.best.verdict.rank <= Verdict.ROUNDING.rank


def test_p30_a_job_that_saves_warns_of_it(jobs, broken):
    run = broken["keras"].artifact.run
    row = finished(jobs, jobs.save(run, ["keras_export"])).result["rows"]["keras_export"]
    assert (row["state"], row["warning"]) == ("done", broken["keras"].warning)


def test_p30_comparing_counts_what_is_not_finite(broken, compared):
    assert compared(broken["keras"].artifact.id).not_finite == 40


def test_p30_the_command_line_says_it(broken, command):
    said = command("matrix", broken["keras"].artifact.run)
    assert said.returncode == 0
    assert "! failed: 40 numbers in its answers are NaN or infinite." in said.stdout


def test_p30_integers_hide_the_nan_and_the_verdict_and_the_warning_do_not(broken):
    added = broken["litert_int8"]
    assert added.evidence.best.not_finite == 0
    assert added.evidence.best.verdict is Verdict.DIFFERENT
    assert added.warning.startswith(LOST_BEFORE)
