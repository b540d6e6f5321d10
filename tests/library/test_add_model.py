"""A person's own model, saved from the program in which it lives."""

import json
import threading

import numpy as np
import pytest

from core.compare import Verdict
from core.compatibility.matrix import build_row
from core.errors import CannotSave, InputError, UnknownName
from core.library import Library, add_model
from core.runtimes.call_state import FORGETS_REMARK, KEEPS_REMARK
from tests.factories import packaged_models

ROWS = np.linspace(-1, 1, 70 * 3, dtype="float32").reshape(70, 3)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    """One library for the models added here."""
    return Library(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def sums_model():
    """A compiled and fitted Keras model that adds three numbers."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,), name="features"), keras.layers.Dense(1)], name="sums")
    model.compile("adam", "mse")
    model.fit(ROWS, ROWS.sum(axis=1), verbose=0)
    return model


@pytest.fixture(scope="module")
def doubler_module():
    """A tf.Module with one variable, one function and an input signature."""
    import tensorflow as tf

    class Doubler(tf.Module):
        def __init__(self):
            super().__init__(name="doubler")
            self.factor = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def __call__(self, x):
            return x * self.factor

    return Doubler()


@pytest.fixture(scope="module")
def added_sums(library, sums_model):
    """The results of adding the Keras model in five formats."""
    formats = ["keras", "saved_model", "h5", "weights", "architecture"]
    return {item.format: item for item in library.add(sums_model, inputs=ROWS, formats=formats, name="Sums")}


def test_a_keras_model_is_added_with_its_reference(library, added_sums, sums_model):
    run = library.run(added_sums["keras"].artifact.run)
    assert (run.name, run.demo, run.settings, run.kind, run.parameters) == ("Sums", None, None, "keras", 4)
    reference = library.reference(run.id)
    assert reference.inputs["features"].tobytes() == ROWS.tobytes()
    (answers,) = reference.predictions.values()
    np.testing.assert_allclose(answers, sums_model.predict(ROWS, verbose=0), atol=1e-6)
    assert library.history(run.id) == []
    library.verify(run.id)


def test_each_format_has_an_artifact_with_its_evidence_or_an_error(added_sums):
    verdicts = {key: item.evidence.best.verdict for key, item in added_sums.items() if item.evidence}
    assert verdicts["keras"] is Verdict.BIT_IDENTICAL
    assert verdicts["saved_model"] is Verdict.BIT_IDENTICAL
    assert verdicts["weights"] is Verdict.DOES_NOT_LOAD
    assert verdicts["architecture"] is Verdict.DIFFERENT
    assert added_sums["keras"].evidence.with_code is None
    assert added_sums["weights"].evidence.best.error["code"] == "needs-architecture"


def test_h5_with_string_loss_does_not_load_and_names_it(added_sums):
    """Keras writes 'mse' down in a way that Keras itself cannot read: see the case in `core.known_errors`."""
    best = added_sums["h5"].evidence.best
    assert best.verdict is Verdict.DOES_NOT_LOAD
    assert best.error["sentence"] == (
        "The file names its loss or metric 'keras.metrics.mse' as a bare string, which this Keras cannot read back."
    )


def test_added_artifacts_are_found_by_name(library, added_sums):
    listed = {entry.id: entry for entry in library.find("sums")}
    assert {item.artifact.id for item in added_sums.values() if item.artifact} == set(listed)
    entry = listed[added_sums["keras"].artifact.id]
    assert (entry.run_name, entry.demo, entry.format, entry.verdict) == ("Sums", None, "keras", "bit-identical")


def test_add_result_repr_is_one_line(added_sums):
    item = added_sums["keras"]
    readers = "Keras 3.15 and later read this file; with the option 'For Keras', 3.3 and later."
    assert repr(item) == f"keras: {item.artifact.id}, Bit-identical. {readers}"


def test_add_module_is_refused_by_formats_that_need_layers(library, doubler_module, worker):
    first, second = library.add(doubler_module, inputs=ROWS, formats=["saved_model", "keras"], worker=worker)
    assert first.evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert library.run(first.artifact.run).name == "doubler"
    assert type(second.error) is CannotSave
    assert second.error.sentence.startswith("Takes Keras models only; this is a plain tf.Module")
    assert (second.artifact, second.evidence) == (None, None)
    assert repr(second).startswith("keras: failed. Takes Keras models only")
    assert list((library.home / "staging").iterdir()) == []


def test_module_halves_include_variables_outside_the_signature(library, worker):
    import tensorflow as tf

    class Counter(tf.Module):
        def __init__(self):
            super().__init__(name="counter")
            self.factor, self.asked = tf.Variable(2.0), tf.Variable(5, trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def __call__(self, x):
            return x * self.factor

    for added in library.add(Counter(), inputs=ROWS, formats=["checkpoint", "safetensors"], worker=worker):
        completed = added.evidence.completed
        assert (completed.verdict, completed.weights.found, completed.weights.of) == (Verdict.BIT_IDENTICAL, 2, 2)


def test_an_added_model_is_saved_again_later_without_its_program(library, added_sums, worker, config):
    from core.jobs import Jobs
    from tests.helpers import wait_until_done

    jobs = Jobs(library, worker, config.model_copy(update={"home": library.home}))
    run = added_sums["keras"].artifact.run
    row = wait_until_done(jobs, jobs.save(run, ["keras_export"])).result["rows"]["keras_export"]
    assert (row["state"], row["verdict"]) == ("done", "bit-identical")


# What cannot be added


def is_empty(library: Library) -> bool:
    return library.ids() == [] and list((library.home / "staging").iterdir()) == []


@pytest.mark.parametrize("model", ["a model", None, np.ones(3)], ids=["text", "nothing", "an array"])
def test_only_models_are_added(empty_library, model):
    with pytest.raises(InputError) as caught:
        empty_library.add(model, inputs=ROWS, formats=["keras"])
    assert caught.value.sentence == "Only Keras models and tf.Module objects can be saved."
    assert caught.value.received == type(model).__name__
    assert is_empty(empty_library)


@pytest.mark.parametrize("inputs", [ROWS[:0], np.float32(1), {}], ids=["no rows", "a number", "no inputs"])
def test_add_with_inputs_that_are_no_batch_raises_input_error(empty_library, sums_model, inputs):
    with pytest.raises(InputError) as caught:
        empty_library.add(sums_model, inputs=inputs, formats=["keras"])
    assert caught.value.sentence == (
        "The inputs must be arrays with the same number of rows, at least one, batch first."
    )
    assert is_empty(empty_library)


def test_inputs_of_another_shape_are_refused(empty_library, sums_model):
    with pytest.raises(InputError) as caught:
        empty_library.add(sums_model, inputs=np.ones((5, 4), "float32"), formats=["keras"])
    assert caught.value.sentence == "The input 'features' must have the shape (None, 3)."
    assert is_empty(empty_library)


def test_add_with_unknown_format_stores_nothing(empty_library, sums_model):
    with pytest.raises(UnknownName, match="There is no such format"):
        empty_library.add(sums_model, inputs=ROWS, formats=["keras", "zip"])
    assert is_empty(empty_library)


def test_a_module_without_a_signature_is_refused_with_the_cure(empty_library):
    import tensorflow as tf

    with pytest.raises(CannotSave) as caught:
        empty_library.add(tf.Module(name="bare"), inputs=ROWS, formats=["saved_model"])
    assert caught.value.sentence == (
        "This tf.Module has no single tf.function with an input signature to answer through."
    )
    assert caught.value.cure.startswith("Decorate its __call__ with @tf.function(input_signature=")
    assert is_empty(empty_library)


def test_add_where_no_format_takes_the_model_leaves_no_run(empty_library, doubler_module, worker):
    first, second = empty_library.add(doubler_module, inputs=ROWS, formats=["keras", "h5"], worker=worker)
    assert (type(first.error), type(second.error)) == (CannotSave, CannotSave)
    assert is_empty(empty_library)


def build_layer_model(methods):
    """A functional model of one layer of its own class, with these methods."""
    import keras

    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, type("Own", (keras.layers.Layer,), methods)()(inputs))


def raise_key_error(*_, **__):
    raise KeyError("it has no settings")


UNANSWERABLE = {"call": raise_key_error, "compute_output_shape": lambda self, shape: shape}


@pytest.mark.parametrize(
    ("methods", "error"),
    [({"get_config": raise_key_error}, CannotSave), (UNANSWERABLE, InputError)],
    ids=["of its settings", "of its answers"],
)
def test_what_a_model_raises_is_one_sentence_and_leaves_nothing(empty_library, worker, methods, error):
    model = build_layer_model({"call": lambda self, inputs: inputs} | methods)
    with pytest.raises(error) as caught:
        empty_library.add(model, inputs=ROWS, formats=["keras", "weights"], worker=worker)
    assert caught.value.sentence.startswith("The library said: ")
    assert is_empty(empty_library)


def test_model_trained_while_saved_is_refused_and_keeps_its_training(empty_library, worker, monkeypatch):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    write_model_copy = add_model.write_model_copy

    def train_and_write(*arguments):
        thread = threading.Thread(target=model.train_on_batch, args=(ROWS, ROWS[:, :1]))
        thread.start()
        thread.join()
        write_model_copy(*arguments)

    monkeypatch.setattr(add_model, "write_model_copy", train_and_write)
    (refused,) = empty_library.add(model, inputs=ROWS, formats=["keras"], worker=worker)
    assert refused.error.sentence.startswith("The model was trained while it was being saved")
    assert int(model.optimizer.iterations) == 1
    assert is_empty(empty_library)


def test_model_whose_weights_another_thread_changes_is_refused(empty_library, worker, monkeypatch):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    gather_evidence = add_model.gather_evidence

    def move_and_gather(*arguments, **limits):
        thread = threading.Thread(target=lambda: model.weights[0].assign_add([[1.0]] * 3))
        thread.start()
        thread.join()
        return gather_evidence(*arguments, **limits)

    before = np.asarray(model.weights[0])
    monkeypatch.setattr(add_model, "gather_evidence", move_and_gather)
    (refused,) = empty_library.add(model, inputs=ROWS, formats=["weights"], worker=worker)
    assert refused.error.sentence.startswith("The model was trained while it was being saved")
    assert np.asarray(model.weights[0]).tolist() == (before + 1).tolist()
    assert is_empty(empty_library)


# What is added without a change, in whatever way it is given


def test_a_keras_file_that_is_added_after_an_h5_file_keeps_its_optimizer(library, sums_model, worker):
    before = json.dumps(sums_model.get_compile_config())
    _, kept = library.add(sums_model, inputs=ROWS, formats=["h5", "keras"], worker=worker)
    assert json.dumps(sums_model.get_compile_config()) == before
    run = library.run(kept.artifact.run)
    assert kept.evidence.best.probes["traits"]["compile"] == run.traits["compile"]
    assert kept.evidence.best.optimizer.is_complete


def test_a_saved_model_is_judged_right_whatever_the_order_of_its_inputs(library, worker):
    import keras

    minuend, subtrahend = keras.Input((3,), name="IT"), keras.Input((3,), name="IS")
    model = keras.Model([minuend, subtrahend], keras.ops.subtract(minuend, subtrahend), name="difference")
    (added,) = library.add(model, inputs={"IS": ROWS, "IT": 2 * ROWS}, formats="saved_model", worker=worker)
    assert added.evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert list(library.reference(added.artifact.run).inputs) == ["IT", "IS"]


def build_optional_model():
    """A functional model that doubles x, and adds y where it is given."""
    import keras

    class AddIfGiven(keras.layers.Layer):
        def call(self, x, y=None):
            return x * 2 if y is None else x * 2 + y

        def compute_output_shape(self, x_shape, y_shape=None):
            return x_shape

    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y", optional=True)
    return keras.Model({"x": x, "y": y}, AddIfGiven()(x, y))


def test_a_copy_says_which_inputs_can_no_longer_be_left_out(library, worker):
    (left_out,) = library.add(build_optional_model(), inputs={"x": ROWS}, formats=["keras_export"], worker=worker)
    best = left_out.evidence.best
    assert (best.verdict, best.error["sentence"]) == (Verdict.NOT_COMPARABLE, "This model takes 2 inputs (x, y).")
    run = library.run(left_out.artifact.run)
    assert build_row(run, "keras_export", left_out.artifact.id, left_out.evidence).sentence == best.error["sentence"]
    (given,) = library.add(
        build_optional_model(), inputs={"x": ROWS, "y": ROWS}, formats=["keras_export"], worker=worker
    )
    assert given.evidence.best.verdict is Verdict.BIT_IDENTICAL
    row = build_row(library.run(given.artifact.run), "keras_export", given.artifact.id, given.evidence)
    assert "Inputs can no longer be left out: y." in row.cells["signatures"].words


def test_keras_file_of_two_argument_model_reports_lost_weights(library, worker):
    """Keras 3.15 notes the shape of the first argument alone, and gives the layers new weights without a word."""
    import keras

    class Pair(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = keras.layers.Dense(2)

        def call(self, a, b):
            return self.dense(a) - 2 * self.dense(b)

    model = Pair()
    model(ROWS, ROWS)
    added, half = library.add(model, inputs={"b": ROWS, "a": 3 * ROWS}, formats=["keras", "weights"], worker=worker)
    assert added.evidence.best.verdict is Verdict.DIFFERENT
    assert (added.evidence.best.weights.found, added.evidence.best.weights.of) == (0, 2)
    assert half.evidence.completed.verdict is Verdict.BIT_IDENTICAL


@pytest.mark.parametrize("keeps", [False, True], ids=["forgets", "keeps"])
def test_a_model_that_remembers_is_asked_as_was_chosen(keeps, library, worker):
    module, rows = packaged_models.build_counter(), ROWS[:8].repeat(2, axis=1)[:, :4]
    results = library.add(module, rows, ["saved_model", "litert"], worker=worker, keep_state=keeps)
    run = library.run(results[0].artifact.run)
    expected = np.cumsum(rows, axis=0) if keeps else rows
    assert np.allclose(library.reference(run.id).predictions["y"], expected, atol=1e-6)
    assert np.array_equal(module.total, np.zeros((1, 4)))
    for result in results:
        assert result.evidence.best.verdict is Verdict.BIT_IDENTICAL
        assert result.remark == (KEEPS_REMARK if keeps else FORGETS_REMARK)
        assert build_row(run, result.format, result.artifact.id, result.evidence).cells["state"].state == "kept"
    assert FORGETS_REMARK in repr(results[0]) or keeps
