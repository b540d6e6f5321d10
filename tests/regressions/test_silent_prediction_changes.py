"""What goes wrong without an exception: answers that are random, swapped, imprecise, or no numbers at all."""

import numpy as np
import pytest

from core.compare import Verdict
from core.compatibility.matrix import summarize_row
from core.errors import CannotSave
from core.text.summaries import describe_renamed
from tests.factories.keras_models import IMAGES, ROWS, build_dense_model, fit
from tests.helpers import wait_until_done


def build_augmented_model():
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.RandomFlip(), keras.layers.Conv2D(2, 3)])


@pytest.fixture(scope="module")
def augmented_artifacts(add):
    """A model that augments, in formats that call it in training mode and in formats that do not."""
    return add(build_augmented_model(), ["keras", "keras_export", "saved_model", "onnx"], IMAGES)


def test_p07_augmentation_at_inference_is_reported_as_random(augmented_artifacts, matrix_row_of):
    cells = matrix_row_of(augmented_artifacts["keras_export"].artifact.id).cells
    assert cells["repeats"].state == "changed"
    assert cells["repeats"].words.endswith("its answers are random.")
    assert augmented_artifacts["keras_export"].evidence.best.verdict in {Verdict.SOME_CHANGED, Verdict.DIFFERENT}


@pytest.mark.parametrize("format_key", ["keras", "onnx"])
def test_p07_inference_mode_predictions_are_deterministic(augmented_artifacts, matrix_row_of, format_key):
    assert matrix_row_of(augmented_artifacts[format_key].artifact.id).cells["repeats"] == (
        "kept",
        "The same rows twice give the same bits.",
    )


def test_p07_saved_model_of_augmentation_names_inference_wrapper(augmented_artifacts):
    error = augmented_artifacts["saved_model"].error
    assert error.sentence == "A function of the model uses a variable that does not belong to the model."
    assert error.cure.endswith("save keras.Model(inputs, model(inputs, training=False)) instead.")


EXPECTED_VOCABULARY = {
    "keras": ("kept", " words, "),
    "saved_model": ("kept", "Inside the graph: the answers to text are the same."),
    "weights": ("lost", "It came from code."),
}


@pytest.mark.parametrize("format_key", EXPECTED_VOCABULARY)
def test_p11_vocabulary_is_compared_with_original(saved, matrix_row_of, format_key):
    state, words = EXPECTED_VOCABULARY[format_key]
    cell = matrix_row_of(saved("names", format_key)["artifact"]).cells["vocabulary"]
    assert cell.state == state
    assert words in cell.words


@pytest.mark.parametrize("format_key", ["h5", "architecture"])
def test_p11_lost_vocabulary_is_named_with_formats_that_keep_it(jobs, saved, format_key):
    best = jobs.library.evidence(saved("names", format_key)["artifact"]).best
    assert best.error["sentence"] == "A vocabulary was lost on the way: its lookup table is empty."
    assert best.error["cure"] == "Save as .keras or SavedModel, which keep vocabularies."


@pytest.fixture(scope="module")
def overflowing_artifacts(add):
    """A model with weights beyond half precision, in the formats that keep numbers in fewer bits."""
    model = build_dense_model()
    model.layers[0].kernel.assign(model.layers[0].kernel * 1e6)
    return add(model, ["litert_float16", "litert_int8"])


def test_p21_half_precision_overflow_is_counted(overflowing_artifacts):
    added = overflowing_artifacts["litert_float16"]
    assert added.evidence.best.verdict is Verdict.DIFFERENT
    assert added.warning == "120 numbers in its answers are NaN or infinite."


def test_p21_int8_reports_number_of_changed_predictions(overflowing_artifacts, matrix_row_of):
    best = overflowing_artifacts["litert_int8"].evidence.best
    cell = matrix_row_of(overflowing_artifacts["litert_int8"].artifact.id).cells["answers"]
    assert best.verdict in {Verdict.SOME_CHANGED, Verdict.DIFFERENT}
    assert cell.state == "changed"
    assert f"{best.changed_rows} of 40 changed" in cell.words


def test_p21_model_without_quantizable_layer_is_refused(add):
    import keras

    plain = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()])
    error = add(plain, ["litert_dynamic"])["litert_dynamic"].error
    assert type(error) is CannotSave
    assert error.sentence == "Nothing in this model could be quantised, so the file would be the plain LiteRT file."


def build_three_output_model():
    """Two inputs and three outputs of one shape, named against the order of the alphabet."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = [keras.Input((4,), name="zin"), keras.Input((4,), name="ain")]
    both = keras.layers.Concatenate()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(3, name=name)(both) for name in ("zeta", "alpha", "mid")])


@pytest.fixture(scope="module")
def three_output_artifacts(add):
    formats = ["keras", "saved_model", "onnx", "litert", "openvino"]
    return add(build_three_output_model(), formats, {"zin": ROWS, "ain": ROWS[::-1].copy()})


@pytest.mark.parametrize("format_key", ["keras", "onnx", "litert", "openvino"])
def test_p22_reordered_outputs_are_matched(three_output_artifacts, format_key):
    best = three_output_artifacts[format_key].evidence.best
    assert best.verdict.rank <= Verdict.ROUNDING.rank
    assert [pair["reference"] for pair in best.pairs] == ["zeta", "alpha", "mid"]


@pytest.mark.parametrize("format_key", ["onnx", "litert", "openvino"])
def test_p22_renamed_output_is_reported(three_output_artifacts, matrix_row_of, format_key):
    cell = matrix_row_of(three_output_artifacts[format_key].artifact.id).cells["signatures"]
    pairs = three_output_artifacts[format_key].evidence.best.pairs
    assert cell.state == "changed"
    assert cell.words.startswith(" ".join(describe_renamed("Outputs", pairs)))
    assert all(f"{pair['reference']} is {pair['answer']}" in cell.words for pair in pairs)
    assert {pair["by"] for pair in pairs} <= {"value", "shape"}


def test_p22_ambiguous_inputs_are_matched_by_predictions(three_output_artifacts, matrix_row_of):
    best = three_output_artifacts["saved_model"].evidence.best
    assert best.verdict.rank <= Verdict.ROUNDING.rank
    assert [(pair["reference"], pair["answer"]) for pair in best.input_pairs] == [
        ("zin", "inputs"),
        ("ain", "inputs_1"),
    ]
    cell = matrix_row_of(three_output_artifacts["saved_model"].artifact.id).cells["signatures"]
    inputs = "Inputs were renamed, paired by order: zin is inputs, ain is inputs_1."
    values = "Outputs were renamed, paired by value: zeta is output_0, alpha is output_1."
    assert cell == ("changed", f"{inputs} {values} Outputs were renamed, paired by shape: mid is output_2.")


@pytest.fixture(scope="module")
def mixed_precision_artifacts(add):
    """A model trained under the global policy mixed_float16, which a fresh process does not have."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = fit(build_dense_model())
    finally:
        keras.config.set_dtype_policy(before)
    return add(model, ["keras", "litert"])


def test_p24_optimizer_state_under_policy_comes_back(mixed_precision_artifacts, matrix_row_of):
    cells = matrix_row_of(mixed_precision_artifacts["keras"].artifact.id).cells
    assert mixed_precision_artifacts["keras"].evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert cells["optimizer"] == ("kept", "14 of 14 tensors came back bit-equal.")
    assert cells["policy"] == ("kept", "mixed_float16")
    assert matrix_row_of(mixed_precision_artifacts["keras"].artifact.id).find_contradictions() == []


def test_keras_copy_that_asks_for_xla_has_its_answers_changed(add, matrix_row_of):
    import keras

    inputs = keras.Input((4, 4, 1), name="x")
    model = keras.Model(inputs, keras.layers.UpSampling2D(3, interpolation="bilinear")(inputs))
    model.compile("sgd", "mse", jit_compile=True)
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 1)).astype("float32")
    result = add(model, ["keras"], {"x": images})["keras"]
    cell = matrix_row_of(result.artifact.id).cells["answers"]
    assert result.evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert cell.state == "changed"
    asks = "It asks for XLA (jit_compile=True), by which Keras' predict answers otherwise than these: Different answers"
    assert asks in cell.words


def test_p24_litert_without_half_precision_operation_names_cure(mixed_precision_artifacts):
    error = mixed_precision_artifacts["litert"].evidence.best.error
    assert error["sentence"] == (
        "The file needs an operation of TensorFlow itself (FlexMatMul), which the LiteRT runtime does not have."
    )
    assert "use the float32 policy" in error["cure"]


def test_p24_bfloat16_in_h5_names_file_format_limit(add):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = build_dense_model()
    finally:
        keras.config.set_dtype_policy(before)
    error = add(model, ["h5"])["h5"].evidence.best.error
    assert error["sentence"].startswith("HDF5 does not give back numbers of this dtype (bfloat16)")
    assert error["cure"] == "Save as .keras or SavedModel, or with float32 weights."


@pytest.fixture(scope="module")
def nan_artifacts(add):
    """A model with one weight that is NaN, so that one of its three answers is NaN in every row."""
    model = build_dense_model()
    kernel = model.layers[1].kernel.numpy()
    kernel[0, 0] = np.nan
    model.layers[1].kernel.assign(kernel)
    return add(model, ["keras", "onnx", "litert_int8"])


NONFINITE_WARNING = "Its weights were NaN or infinite before it was saved: "


def test_p30_nan_weight_is_reported_on_save(nan_artifacts):
    added = nan_artifacts["keras"]
    assert added.warning.startswith(NONFINITE_WARNING)
    assert added.warning.endswith(" (1). 40 numbers in its answers are NaN or infinite.")
    assert repr(added) == f"keras: {added.artifact.id}, Bit-identical. {added.warning} {added.artifact.remark}"


@pytest.mark.parametrize("format_key", ["keras", "onnx"])
def test_p30_matching_nan_predictions_are_reported_as_failed(nan_artifacts, matrix_row_of, format_key):
    row = matrix_row_of(nan_artifacts[format_key].artifact.id)
    cells, summary = row.cells, summarize_row(row)
    assert summary.lower().endswith("fails at answers and weights. 40 numbers in its answers are nan or infinite.")
    assert (cells["weights"].state, cells["answers"].state) == ("failed", "failed")
    assert cells["weights"].words.startswith(NONFINITE_WARNING)
    assert cells["answers"].words.startswith("40 numbers in its answers are NaN or infinite. ")
    assert nan_artifacts[format_key].evidence.best.verdict.rank <= Verdict.ROUNDING.rank


def test_p30_save_job_warns_of_nan(jobs, nan_artifacts):
    run = nan_artifacts["keras"].artifact.run
    row = wait_until_done(jobs, jobs.save(run, ["keras_export"])).result["rows"]["keras_export"]
    assert (row["state"], row["warning"]) == ("done", nan_artifacts["keras"].warning)


def test_p30_compare_counts_nonfinite_values(nan_artifacts, compare_artifact):
    assert compare_artifact(nan_artifacts["keras"].artifact.id).not_finite == 40


def test_p30_matrix_command_reports_nan(nan_artifacts, run_command_process):
    text = run_command_process("matrix", nan_artifacts["keras"].artifact.run)
    assert text.returncode == 0
    assert "Fails at answers and weights. 40 numbers in its answers are NaN or infinite." in text.stdout


def test_p30_int8_hides_nan_but_verdict_and_warning_report_it(nan_artifacts):
    added = nan_artifacts["litert_int8"]
    assert added.evidence.best.not_finite == 0
    assert added.evidence.best.verdict is Verdict.DIFFERENT
    assert added.warning.startswith(NONFINITE_WARNING)
