"""Models of which Keras cannot write a config down: what needs none is saved all the same."""

from collections.abc import Callable
from typing import Any

import pytest

from core.errors import CannotSave, error_from_json
from core.jobs import Jobs
from core.library import Library
from core.library.add_model import AddResult
from core.worker import Worker
from tests.factories.keras_models import ROWS, build_dense_model, build_unserializable_model, fit
from tests.helpers import wait_until_done

REASON = "The model holds an object that this format cannot write down as text."
FORMATS = ["keras", "saved_model", "weights", "litert"]


def build_model_of_scheduled_rate() -> Any:
    """Its learning rate follows a schedule without get_config, as in the transformer tutorials."""
    import keras

    class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1e-3 / (keras.ops.cast(step, "float32") + 1)

    return fit(build_dense_model(), optimizer=keras.optimizers.Adam(WarmUp()))


@pytest.fixture(params=[build_unserializable_model, build_model_of_scheduled_rate], ids=["layer", "schedule"])
def added(request: pytest.FixtureRequest, empty_library: Library, worker: Worker) -> dict[str, AddResult]:
    """What a model gives in each format, by the format."""
    build: Callable[[], Any] = request.param
    return {each.format: each for each in empty_library.add(build(), inputs=ROWS, formats=FORMATS, worker=worker)}


def test_model_without_config_is_saved_where_none_is_needed(added: dict[str, AddResult], empty_jobs: Jobs):
    assert added["keras"].error.sentence == REASON
    kept = {key: each.evidence.best.verdict.value for key, each in added.items() if each.evidence}
    assert kept == {"saved_model": "bit-identical", "weights": "does-not-load", "litert": "rounding"}
    run = added["saved_model"].artifact.run
    compared = wait_until_done(empty_jobs, empty_jobs.compare([added["saved_model"].artifact.id])).result
    assert compared["outcomes"][added["saved_model"].artifact.id]["verdict"] == "bit-identical"
    row = wait_until_done(empty_jobs, empty_jobs.save(run, ["onnx"])).result["rows"]["onnx"]
    error = error_from_json(row["error"])
    assert (type(error), "only your own program has it" in error.sentence) == (CannotSave, True)
    assert error.cure.startswith("Save it in this format from the same notebook")


def test_model_without_config_leaves_nothing_where_all_need_one(empty_library: Library, worker: Worker):
    with pytest.raises(CannotSave) as caught:
        empty_library.add(build_unserializable_model(), inputs=ROWS, formats=["keras", "h5"], worker=worker)
    assert caught.value.sentence == REASON
    assert empty_library.ids() == []


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
