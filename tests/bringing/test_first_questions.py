"""What a child tells of a stranger's file is believed no more than it may be, and asks for no more than there is."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import DoesNotLoad, InputError, TimedOut, WorkerError
from core.inputs.held_out import describe_selection
from core.introspection.replies import validate_model_reply
from core.jobs.trial_inputs import find_accepted_input, generate_trial_inputs
from core.jobs.uploads import store_upload
from core.library import Library

GOOD = {"kind": "onnx", "parameters": 8, "summary": "", "weight_bytes": 32, "not_finite": {}, "traits": {}}
GOOD |= {"weights": [], "optimizer": [], "remark": "", "signatures": []}
GOOD |= {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 3]}]}


def spec(shape, dtype="float32", name="x"):
    return {"name": name, "dtype": dtype, "shape": shape}


def test_what_a_child_says_beside_the_facts_reaches_no_record():
    told = validate_model_reply(GOOD | {"trust": "ours", "id": "r0123456789", "files": [], "labels": ["a"]})
    assert told.run_facts().keys() == GOOD.keys() - {"remark", "signatures"}


@pytest.mark.parametrize(
    "lie", [{"kind": "unrun"}, {"parameters": "many"}, {"inputs": [{"name": "x"}]}, {"weights": [{"name": "k"}]}]
)
def test_facts_that_fit_no_record_are_nonsense(lie: dict):
    with pytest.raises(WorkerError, match="makes no sense"):
        validate_model_reply(GOOD | lie)


def test_a_claim_of_rows_larger_than_memory_is_not_made_up():
    with pytest.raises(InputError, match=r"would take 4,000,000,000 bytes"):
        next(generate_trial_inputs([spec([None, 10**9])]))


@pytest.mark.parametrize(
    ("asked", "shape", "rows"),
    [
        ([None, 3], (3,), 64),
        ([None, None, None, 3], (32, 32, 3), 64),
        ([None, 224, 224, 3], (224, 224, 3), 13),
        ([None, None], (8,), 64),
        (None, (), 64),
    ],
)
def test_the_likeliest_question_is_asked_first(asked, shape: tuple, rows: int):
    question = next(generate_trial_inputs([spec(asked)]))
    assert question.inputs["x"].shape == (rows, *shape)


class Picky:
    """A loaded file that answers rows of one shape, and whole numbers below a bound, alone."""

    def __init__(self, shape: tuple[int, ...], below: int):
        self.shape, self.below, self.heard = shape, below, 0

    def predict(self, inputs, **limits):
        self.heard += 1
        array = inputs["x"]
        if array.shape[1:] != self.shape or array.max() >= self.below:
            raise DoesNotLoad("Not this one.")
        return {"y": np.zeros((len(array), 2))}, 0.0


def test_other_sizes_and_smaller_numbers_are_tried_until_it_answers():
    picky = Picky((16,), below=2)
    question, answers = find_accepted_input(picky, [spec([None, None], "int32")], seconds=60)
    assert question.recipe["shapes"] == {"x": [16]}
    assert (question.inputs["x"].max(), answers["y"].shape) == (1, (64, 2))


def test_a_file_that_answers_nothing_is_said_to():
    with pytest.raises(InputError, match="answers none of the random inputs") as caught:
        find_accepted_input(Picky((5,), below=0), [spec([None, 5])], seconds=60)
    assert "Not this one." in caught.value.detail


class Slow(Picky):
    """It answers nothing, and its child is stopped where a question has no time left."""

    def predict(self, inputs, *, seconds, **limits):
        self.left = seconds
        if seconds == 0:
            raise TimedOut("Its time is over.")
        return super().predict(inputs, **limits)


def test_all_questions_together_have_the_time_of_one_request():
    slow = Slow((3,), below=0)
    with pytest.raises(TimedOut, match=r"no random input in 1e-09 seconds") as caught:
        find_accepted_input(slow, [spec(None)], seconds=1e-9)
    assert slow.left == 0
    assert caught.value.cure == "Save it with the shapes that it takes, or raise ROUNDTRIP_CONFINED_SECONDS."
    with pytest.raises(InputError):
        find_accepted_input(slow, [spec(None)], seconds=60)
    assert 0 < slow.left < 60


@pytest.mark.parametrize(("name", "other"), [("graph.xml", ".bin"), ("GRAPH.BIN", ".xml")])
def test_half_of_a_model_of_openvino_says_which_file_is_missing(empty_library: Library, name: str, other: str):
    with pytest.raises(InputError, match="one of OpenVINO's two files") as refused:
        store_upload(empty_library, [(name, io.BytesIO(b"<net/>"))])
    assert other in refused.value.cure
    assert list((empty_library.home / "staging").iterdir()) == []


def test_rows_that_were_asked_at_the_import_are_not_called_held_out():
    run = SimpleNamespace(settings=None, name="theirs.h5", trust="brought in")
    assert describe_selection(run, 64, 64, None, None, None)[0] == "All 64 rows of the import of “theirs.h5”"
    assert describe_selection(run, 1, 64, 1, None, None)[0] == "The first row of the import of “theirs.h5”"
    ours = SimpleNamespace(settings={"dataset": "digits"}, name="mine", trust="ours")
    assert describe_selection(ours, 64, 64, None, None, None)[0] == "All 64 held-out rows of “digits”"
