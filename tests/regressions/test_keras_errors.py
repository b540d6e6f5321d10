"""What stops with an exception, of Keras and of code: the cause is said first, and the cure is named."""

import pytest

from core.compare import Verdict
from core.error_translation import translate
from core.errors import CannotSave, DoesNotLoad
from core.reload import reload_in_child
from tests.factories.keras_models import build_dense_model, build_unserializable_model, fit, make_scale_layer_class
from tests.factories.misbehaving_worker import misbehave

NO_CLASS_CURE = (
    "Load it with the class at hand (custom_objects={'Scale': Scale}), or save as SavedModel, which needs no class."
)


@pytest.fixture(scope="module")
def scale_artifacts(add):
    """A model with a class of its own."""
    return add(
        build_dense_model("relu", make_scale_layer_class()(3.0)),
        ["keras", "h5", "architecture", "pickle", "saved_model"],
    )


@pytest.mark.parametrize(
    ("format_key", "what"), [("keras", "class"), ("h5", "layer"), ("architecture", "class"), ("pickle", "class")]
)
def test_p01_an_unknown_class_is_named_first_with_two_cures(scale_artifacts, matrix_row_of, format_key, what):
    evidence = scale_artifacts[format_key].evidence
    error = evidence.without_code.error
    assert error["sentence"] == f"This process does not know the custom {what} 'Scale'."
    assert error["cure"] == NO_CLASS_CURE
    assert evidence.needs_code
    assert matrix_row_of(scale_artifacts[format_key].artifact.id).cells["code"] == (
        "lost",
        f"Loads only with your code. {error['sentence']}",
    )


def test_p01_a_saved_model_needs_no_class(scale_artifacts):
    assert scale_artifacts["saved_model"].evidence.without_code.verdict is Verdict.BIT_IDENTICAL


def test_p01_unserializable_argument_raises_cannot_save_with_cure(jobs, add):
    before = jobs.library.ids()
    with pytest.raises(CannotSave) as caught:
        add(build_unserializable_model(), ["keras"])
    assert caught.value.sentence == "The model holds an object that this format cannot write down as text."
    assert caught.value.cure.startswith("Give its layer a get_config() that returns plain values")
    assert jobs.library.ids() == before


def test_p02_saved_model_predicts_by_signature_and_reports_no_layers(scale_artifacts, matrix_row_of, jobs):
    import keras

    artifact = scale_artifacts["saved_model"].artifact.id
    assert matrix_row_of(artifact).cells["architecture"] == (
        "changed",
        "Came back as a graph of operations, not as layers.",
    )
    with pytest.raises(ValueError, match="File format not supported") as caught:
        keras.models.load_model(jobs.library.verified_folder(artifact))
    text = translate(caught.value, DoesNotLoad)
    assert text.sentence == "keras.models.load_model reads .keras and .h5 files only; this is something else."
    assert text.cure.startswith("Load a SavedModel directory with tf.saved_model.load")


def test_p02_tfsm_layer_stores_only_a_path_and_reports_it(jobs, add, scale_artifacts):
    import keras

    folder = str(jobs.library.verified_folder(scale_artifacts["saved_model"].artifact.id))
    wrapper = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
    error = add(keras.Sequential([keras.Input((4,)), wrapper]), ["keras"])["keras"].evidence.best.error
    assert error["sentence"] == "The model refers to a SavedModel outside of itself, by its path."
    assert error["cure"] == "Save the model that the path names, not the reference to it."


def test_p03_a_loss_by_name_in_h5_is_the_reason_with_two_cures(add):
    added = add(fit(build_dense_model(), "mse"), ["h5", "keras"])
    error = added["h5"].evidence.best.error
    assert error["sentence"] == (
        "The file names its loss or metric 'keras.metrics.mse' as a bare string, which this Keras cannot read back."
    )
    assert error["cure"] == (
        "Load it with compile=False, or compile with the object (keras.losses.MeanSquaredError()) before saving."
    )
    assert added["keras"].evidence.best.verdict is Verdict.BIT_IDENTICAL


def test_p04_h5_loses_optimizer_state_and_names_cure(saved, matrix_row_of):
    cells = matrix_row_of(saved("digits-mlp", "h5")["artifact"]).cells
    assert cells["optimizer"].words.startswith("2 of 10 tensors came back bit-equal; not ")
    assert cells["trainable"] == (
        "lost",
        "The optimizer came back without the model's variables, so training cannot go on as it is.",
    )


FACTOR = 3.0  # lives in this program alone


@pytest.fixture(scope="module")
def lambda_artifacts(add):
    """A model with a Lambda layer that uses a global of this program."""
    import keras

    layer = keras.layers.Lambda(lambda x: x * FACTOR, output_shape=(4,))
    model = keras.Sequential([keras.Input((4,)), layer])
    return add(model, ["keras", "h5", "architecture", "pickle", "saved_model"])


@pytest.mark.parametrize("format_key", ["keras", "h5", "architecture"])
def test_p10_a_lambda_is_refused_as_code_with_the_cure(lambda_artifacts, format_key):
    error = lambda_artifacts[format_key].evidence.best.error
    assert error["sentence"] == (
        "The model contains a Lambda layer, which is stored as Python bytecode and would run on loading."
    )
    assert error["cure"] == "Replace the Lambda by a layer class of your own, or save as SavedModel."


def test_p10_a_global_that_the_lambda_needs_is_named(lambda_artifacts):
    error = lambda_artifacts["pickle"].evidence.best.error
    assert error["sentence"] == (
        "A function of the model uses 'FACTOR', which lives in your program and was not saved with it."
    )
    assert lambda_artifacts["saved_model"].evidence.best.verdict is Verdict.BIT_IDENTICAL


def test_p10_lambda_that_ends_its_child_ends_only_its_child(jobs, misbehaving_worker, lambda_artifacts):
    """As bytecode of another Python may; here the child ends by a task of our own."""
    run = jobs.library.run(lambda_artifacts["pickle"].artifact.run)
    files = jobs.library.verified_folder(lambda_artifacts["pickle"].artifact.id)
    request = jobs.library.original(run), jobs.library.reference(run.id)
    with misbehave("faulting", "reload", files):
        error = reload_in_child(misbehaving_worker, "pickle", files, None, *request, seconds=60).outcome.error
    assert error["code"] == "child-died"
    assert error["sentence"] == (
        "The process that held the model ended before it answered: it was ended by the system with SIGSEGV."
    )
    assert error["cure"].startswith("Try again; if it happens again, the model or the file brings it down")
    good = jobs.library.verified_folder(lambda_artifacts["saved_model"].artifact.id)
    assert reload_in_child(misbehaving_worker, "saved_model", good, None, *request, seconds=60).outcome.has_loaded
