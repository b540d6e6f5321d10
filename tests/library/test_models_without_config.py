"""Models of which Keras cannot write a config down: what needs none is saved all the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CannotSave, error_from_json
from core.jobs import Jobs
from core.library import Library
from core.library.add_model import AddResult
from core.worker import Worker
from core.worker.live_models import REFUSAL_FILE, VARIABLES_FILE, write_model_copy
from tests.factories.keras_models import ROWS, build_dense_model, build_unserializable_model, fit
from tests.helpers import wait_until_done

REASON = "The model holds an object that this format cannot write down as text."
FORMATS = ["keras", "saved_model", "weights", "litert"]


def build_model_of_scheduled_rate() -> Any:
    return fit(build_dense_model(), optimizer=make_optimizer_without_config())


def make_optimizer_without_config() -> Any:
    """Its learning rate follows a schedule without get_config, as in the transformer tutorials."""
    import keras

    class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1e-3 / (keras.ops.cast(step, "float32") + 1)

    return keras.optimizers.Adam(WarmUp())


@pytest.fixture
def add(empty_library: Library, worker: Worker) -> Callable[[Any], dict[str, AddResult]]:
    """A function that gives what a model gives in each format, by the format."""

    def add(model: Any) -> dict[str, AddResult]:
        return {each.format: each for each in empty_library.add(model, inputs=ROWS, formats=FORMATS, worker=worker)}

    return add


def read_verdicts(added: dict[str, AddResult]) -> dict[str, str]:
    """The verdict of each copy; that of a half is of what its run completed."""
    evidence = {key: each.evidence for key, each in added.items() if each.evidence}
    return {key: (each.completed or each.best).verdict.value for key, each in evidence.items()}


def test_model_without_config_is_saved_where_none_is_needed(add: Callable, empty_jobs: Jobs):
    added = add(build_unserializable_model())
    assert added["keras"].error.sentence == REASON
    assert read_verdicts(added) == {"saved_model": "bit-identical", "weights": "not-verified", "litert": "rounding"}
    unproved = added["weights"].evidence.completed.error
    assert unproved["code"] == "cannot-prove"
    assert unproved["sentence"] == (
        f"The numbers were written and cannot be proved, since Keras can build no second model. {REASON}"
    )
    assert unproved["cure"].startswith("Load them into the model that your own program builds")
    run = added["saved_model"].artifact.run
    compared = wait_until_done(empty_jobs, empty_jobs.compare([added["saved_model"].artifact.id])).result
    assert compared["outcomes"][added["saved_model"].artifact.id]["verdict"] == "bit-identical"
    row = wait_until_done(empty_jobs, empty_jobs.save(run, ["onnx"])).result["rows"]["onnx"]
    error = error_from_json(row["error"])
    sentence = f"Keras cannot write this model's config down, so only your own program has it. {REASON}"
    assert (type(error), error.sentence) == (CannotSave, sentence)
    assert error.cure.startswith("Save it in this format from the same notebook")


def test_model_without_training_config_is_proved_and_saved_again(add: Callable, empty_jobs: Jobs):
    """Its layers can be built anew, and only how it was trained is in its own program alone."""
    model = build_model_of_scheduled_rate()
    added = add(model)
    assert added["keras"].error.sentence == REASON
    assert read_verdicts(added) == {"saved_model": "bit-identical", "weights": "bit-identical", "litert": "rounding"}
    assert (model.compiled, type(model.optimizer).__name__) == (True, "Adam")
    run = added["saved_model"].artifact.run
    row = wait_until_done(empty_jobs, empty_jobs.save(run, ["onnx"])).result["rows"]["onnx"]
    assert row["verdict"] in ("bit-identical", "rounding"), row


def test_model_without_config_leaves_nothing_where_all_need_one(empty_library: Library, worker: Worker):
    with pytest.raises(CannotSave) as caught:
        empty_library.add(build_unserializable_model(), inputs=ROWS, formats=["keras", "h5"], worker=worker)
    assert caught.value.sentence == REASON
    assert empty_library.ids() == []


def test_formats_that_need_no_config_keep_their_own_reasons(empty_library: Library, worker: Worker):
    import keras

    model = keras.Sequential([keras.Input((4,), dtype="float64"), keras.layers.Dense(2, dtype="float64")])
    model.compile(make_optimizer_without_config(), "mse")
    results = empty_library.add(model, inputs=ROWS, formats=["keras", "onnx_float16"], worker=worker)
    reasons = {result.format: result.error.sentence for result in results}
    assert reasons["keras"] == REASON
    assert reasons["onnx_float16"].startswith("Nothing in this model computes in float32")
    assert empty_library.ids() == []


def test_error_of_a_save_is_none_of_the_config_where_that_can_be_written(empty_library: Library, worker: Worker):
    model = build_dense_model("relu", make_secretive_layer())
    with pytest.raises(CannotSave) as caught:
        empty_library.add(model, inputs=ROWS, formats=["saved_model"], worker=worker)
    assert caught.value.detail.count("These numbers are not given away.") == 1, caught.value
    assert empty_library.ids() == []


def test_snapshot_holds_numbers_where_neither_part_of_a_model_is_written(tmp_path: Path):
    """Keras refuses its training, then begins a file of the rest and ends in an error."""
    model = fit(build_dense_model("relu", make_secretive_layer()), optimizer=make_optimizer_without_config())
    assert isinstance(write_model_copy(model, tmp_path), NotImplementedError)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([REFUSAL_FILE, VARIABLES_FILE])
    with np.load(tmp_path / VARIABLES_FILE) as values:
        stored = [values[name].tolist() for name in values]
    assert stored[: len(model.variables)] == [np.asarray(variable).tolist() for variable in model.variables]
    assert model.compiled


def make_secretive_layer() -> Any:
    """A layer with a config of its own, and with numbers that it cannot store."""
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Secretive(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs):
            return inputs * self.scale

        def save_own_variables(self, store):
            raise ValueError("These numbers are not given away.")

    return Secretive()


def test_class_with_narrow_constructor_is_told_how_to_mend_it(empty_library: Library, worker: Worker):
    """In its own program, which has the class: Keras hands it more than it takes."""
    import keras

    class Narrow(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(2)

        def call(self, inputs):
            return self.head(inputs)

    model = Narrow()
    model(ROWS)
    results = empty_library.add(model, inputs=ROWS, formats=["keras", "weights"], worker=worker)
    for evidence in (result.evidence for result in results):
        error = (evidence.completed or evidence.best).error
        assert error["sentence"].startswith("The constructor of the class 'Narrow' does not take 'trainable'"), error
        assert error["cure"].startswith("Let it take **kwargs and hand them to super().__init__")
