"""What a child tells of an untrusted file is believed no more than it may be, and asks for no more than there is."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import DoesNotLoad, InputError, TimedOut, UnpairedRows, WorkerError
from core.inputs.held_out import describe_selection
from core.introspection.sandboxed_reading import LoadedModelReply, validate_reply
from core.jobs.imports.import_request import parse_shapes
from core.jobs.imports.import_trial import UNTRIED_REMARK, find_accepted_input, list_trial_remarks
from core.jobs.imports.trial_inputs import generate_trial_inputs
from core.jobs.uploads import store_upload
from core.library import Library
from core.uploads import NamedFile

VALID_REPLY = {"kind": "onnx", "parameters": 8, "summary": "", "weight_bytes": 32, "not_finite": {}, "traits": {}}
VALID_REPLY |= {"weights": [], "optimizer": [], "remark": "", "signatures": []}
VALID_REPLY |= {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 3]}]}


def make_spec(shape, dtype="float32", name="x"):
    return {"name": name, "dtype": dtype, "shape": shape}


def test_validate_model_reply_drops_unknown_fields():
    reply = validate_reply(
        LoadedModelReply, VALID_REPLY | {"trust": "ours", "id": "r0123456789", "files": [], "labels": ["a"]}
    )
    assert reply.run_facts().keys() == VALID_REPLY.keys() - {"remark", "signatures"}


@pytest.mark.parametrize(
    "lie", [{"kind": "unrun"}, {"parameters": "many"}, {"inputs": [{"name": "x"}]}, {"weights": [{"name": "k"}]}]
)
def test_validate_model_reply_of_impossible_facts_raises_worker_error(lie: dict):
    with pytest.raises(WorkerError, match="makes no sense"):
        validate_reply(LoadedModelReply, VALID_REPLY | lie)


def test_generate_trial_inputs_beyond_memory_raises_input_error():
    with pytest.raises(InputError, match=r"would take 4,000,000,000 bytes"):
        next(generate_trial_inputs([make_spec([None, 10**9])]))


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
def test_generate_trial_inputs_starts_with_likeliest_shape(asked, shape: tuple, rows: int):
    question = next(generate_trial_inputs([make_spec(asked)]))
    assert question.inputs["x"].shape == (rows, *shape)


class SelectivePredictor:
    """A loaded file that answers rows of one shape, and whole numbers below a bound, alone."""

    def __init__(self, shape: tuple[int, ...], below: int):
        self.shape, self.below, self.heard = shape, below, 0

    def predict(self, inputs, **limits):
        self.heard += 1
        array = inputs["x"]
        if array.shape[1:] != self.shape or array.max() >= self.below:
            raise DoesNotLoad("Not this one.")
        return {"y": np.zeros((len(array), 2))}, 0.0


def test_find_accepted_input_tries_other_sizes_and_smaller_integers():
    picky = SelectivePredictor((16,), below=2)
    question, answers = find_accepted_input(picky, [make_spec([None, None], "int32")], seconds=60)
    assert question.recipe["shapes"] == {"x": [16]}
    assert (question.inputs["x"].max(), answers["y"].shape) == (1, (64, 2))


def test_find_accepted_input_with_none_accepted_raises_input_error():
    with pytest.raises(InputError, match="answers none of the random inputs") as caught:
        find_accepted_input(SelectivePredictor((5,), below=0), [make_spec([None, 5])], seconds=60)
    assert "Not this one." in caught.value.detail


class SaturatedPredictor:
    """A loaded file whose answers differ only where a number is above 20."""

    def predict(self, inputs, **limits):
        return {"y": np.maximum(inputs["x"].astype("float64"), 20.0).mean(axis=1, keepdims=True)}, 0.0


def test_find_accepted_input_looks_for_a_range_that_tells():
    question, answers = find_accepted_input(SaturatedPredictor(), [make_spec([None, 3])], seconds=60)
    assert question.recipe["range"] == [0.0, 255.0]
    assert len(np.unique(answers["y"])) == 64


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_find_accepted_input_leaves_whole_numbers_as_they_are(dtype):
    question, _ = find_accepted_input(SaturatedPredictor(), [make_spec([None, 3], dtype)], seconds=60)
    assert "range" not in question.recipe
    assert question.inputs["x"].max() < 10


class Quotients:
    """A loaded file that answers whole numbers divided by 3, and only those of `lowest` or more."""

    def __init__(self, lowest: int):
        self.lowest = lowest

    def predict(self, inputs, **limits):
        if inputs["x"].min() < self.lowest:
            raise DoesNotLoad("Not these.")
        return {"y": inputs["x"] // 3}, 0.0


@pytest.mark.parametrize(("dtype", "lowest", "least"), [("int32", -100, -10), ("int64", 0, 0), ("uint8", -1, 0)])
def test_find_accepted_input_includes_negative_numbers_where_answered(dtype, lowest, least):
    trial, answers = find_accepted_input(Quotients(lowest), [make_spec([None, 30], dtype)], seconds=60)
    assert (trial.inputs["x"].min(), trial.inputs["x"].max(), len(answers["y"])) == (least, 9, 64)
    assert ("negative" in trial.recipe) == (least < 0)
    assert list_trial_remarks(trial.recipe) == ([UNTRIED_REMARK] if dtype == "int64" else [])


def test_find_accepted_input_leaves_numbers_in_the_range_that_is_asked_for():
    specs = [make_spec([None, 30], "int32") | {"range": [0.0, 5.0]}]
    assert find_accepted_input(Quotients(-100), specs, seconds=60)[0].inputs["x"].min() == 0


class SlowPredictor(SelectivePredictor):
    """It answers nothing, and its child is stopped where a question has no time left."""

    def predict(self, inputs, *, seconds, **limits):
        self.left = seconds
        if seconds == 0:
            raise TimedOut("Its time is over.")
        return super().predict(inputs, **limits)


def test_find_accepted_input_has_one_time_limit_for_all_trials():
    slow = SlowPredictor((3,), below=0)
    with pytest.raises(TimedOut, match=r"no random input in 1e-09 seconds") as caught:
        find_accepted_input(slow, [make_spec(None)], seconds=1e-9)
    assert slow.left == 0
    assert caught.value.cure == "Save it with the shapes that it takes, or raise ROUNDTRIP_CONFINED_SECONDS."
    with pytest.raises(InputError):
        find_accepted_input(slow, [make_spec(None)], seconds=60)
    assert 0 < slow.left < 60


@pytest.mark.parametrize(("name", "other"), [("graph.xml", ".bin"), ("GRAPH.BIN", ".xml")])
def test_store_upload_of_one_openvino_file_names_the_missing_one(
    empty_library: Library, tmp_path: Path, name: str, other: str
):
    path = tmp_path / "sent"
    path.write_bytes(b"<net/>")
    with pytest.raises(InputError, match="one of OpenVINO's two files") as refused:
        store_upload(empty_library, [NamedFile(name, path)])
    assert other in refused.value.cure
    assert list((empty_library.home / "staging").iterdir()) == []


def test_describe_selection_of_import_does_not_say_held_out():
    run = SimpleNamespace(settings=None, name="theirs.h5", trust="brought in")
    assert describe_selection(run, 64, 64, None, None, None)[0] == "All 64 rows of the import of “theirs.h5”"
    assert describe_selection(run, 1, 64, 1, None, None)[0] == "The first row of the import of “theirs.h5”"
    namespace = SimpleNamespace(settings={"dataset": "digits"}, name="mine", trust="ours")
    assert describe_selection(namespace, 64, 64, None, None, None)[0] == "All 64 test examples of “digits”"


@pytest.mark.parametrize("traits", [{"sharing": ["a"]}, {"sharing": {"a": "many"}}, {"masks": 3}])
def test_validate_model_reply_of_impossible_traits_raises_worker_error(traits: dict):
    with pytest.raises(WorkerError, match="makes no sense"):
        validate_reply(LoadedModelReply, VALID_REPLY | {"traits": traits})


class ComputingPredictor:
    """A loaded file that answers by a function of x."""

    def __init__(self, compute):
        self.compute = compute

    def predict(self, inputs, *, batch=64, **limits):
        x = inputs["x"]
        parts = [self.compute(x[start : start + batch]) for start in range(0, len(x), batch)]
        return {"y": np.concatenate(parts)}, 0.0


def test_find_accepted_input_takes_no_empty_answer():
    window = ComputingPredictor(lambda x: x[:, 511:] * 2)
    trial, answers = find_accepted_input(window, [make_spec([None, None])], seconds=60)
    assert (trial.recipe["shapes"], answers["y"].shape) == ({"x": [512]}, (64, 1))
    with pytest.raises(InputError, match="answers none") as caught:
        find_accepted_input(ComputingPredictor(lambda x: x[:, :0]), [make_spec([None, 3])], seconds=60)
    assert "Its answers are empty" in caught.value.detail


def test_find_accepted_input_tries_longer_inputs_for_empty_answers():
    def mean_of_frames(x):
        with np.errstate(invalid="ignore"):
            return np.float32(x[:, 400:].sum(axis=1, keepdims=True) / max(x.shape[1] - 400, 0))

    trial, answers = find_accepted_input(ComputingPredictor(mean_of_frames), [make_spec([None, None])], seconds=60)
    assert (trial.recipe["shapes"], bool(np.isfinite(answers["y"]).all())) == ({"x": [512]}, True)
    broken = ComputingPredictor(lambda x: x[:, :1] * np.nan)
    trial, answers = find_accepted_input(broken, [make_spec([None, None])], seconds=60)
    assert (trial.recipe["shapes"], bool(np.isnan(answers["y"]).all())) == ({"x": [8]}, True)


def test_find_accepted_input_says_that_no_axis_counts_rows():
    frames = ComputingPredictor(lambda x: np.zeros((3, 2)))
    with pytest.raises(UnpairedRows, match="answers none"):
        find_accepted_input(frames, [make_spec([None])], seconds=60)
    with pytest.raises(UnpairedRows, match="another shape"):
        find_accepted_input(frames, [make_spec([None])], shapes={"x": [16_000]}, seconds=60)


def test_find_accepted_input_widens_range_for_constant_answers():
    trial, answers = find_accepted_input(
        ComputingPredictor(lambda x: np.maximum(x - 2, 0)), [make_spec([None, 3])], seconds=60
    )
    assert (trial.recipe["range"], trial.recipe["constant"]) == ([0.0, 255.0], False)
    assert np.unique(answers["y"], axis=0).shape == (64, 3)
    trial, _ = find_accepted_input(ComputingPredictor(np.zeros_like), [make_spec([None, 3])], seconds=60)
    assert ("range" in trial.recipe, trial.recipe["constant"]) == (False, True)


def test_find_accepted_input_asks_rows_alone_where_they_change_each_other():
    running = ComputingPredictor(lambda x: np.cumsum(x, axis=0))
    trial, answers = find_accepted_input(running, [make_spec([None, 3])], seconds=60)
    assert trial.recipe["one_row"] is True
    assert np.array_equal(answers["y"], trial.inputs["x"])
    random = np.random.default_rng(0)
    noisy = ComputingPredictor(lambda x: x + random.random(x.shape))
    assert find_accepted_input(noisy, [make_spec([None, 3])], seconds=60)[0].recipe["one_row"] is False


def test_find_accepted_input_keeps_to_stated_shapes():
    double = ComputingPredictor(lambda x: x * 2)
    trial, _ = find_accepted_input(double, [make_spec([None, None, 4])], shapes={"x": [200, 4]}, seconds=60)
    assert trial.inputs["x"].shape == (64, 200, 4)
    with pytest.raises(InputError, match="another shape than the one that was stated"):
        find_accepted_input(double, [make_spec([None, None, 4])], shapes={"x": [200, 5]}, seconds=60)


def test_parse_shapes_reads_sizes_and_refuses_everything_else():
    assert parse_shapes(["x=200x4", "a=b = 3"]) == {"x": [200, 4], "a=b": [3]}
    for text in ("x", "x=", "x=4x", "x=0", "=3", "x=-1"):
        with pytest.raises(InputError, match="stated as INPUT=SIZE"):
            parse_shapes([text])


def test_generate_trial_inputs_begins_in_the_ranges_that_the_file_asks_for():
    specs = [
        make_spec([None, 3]) | {"range": [0.0, 26.0]},
        make_spec([None, 2], "uint8", "words") | {"range": [0, 500]},
    ]
    trial = next(generate_trial_inputs([*specs, make_spec([None], name="free")]))
    assert 25 < trial.inputs["x"].max() < 26
    assert 200 < trial.inputs["words"].max() <= 255
    assert trial.inputs["free"].max() < 1
    assert trial.recipe["ranges"] == {"x": (0.0, 26.0), "words": (0, 255), "free": None}


@pytest.mark.parametrize("asked", [[1.0, 1.0], [2.0, 1.0], [0.0, float("inf")], [0.0], "all"])
def test_validate_model_reply_of_impossible_range_raises_worker_error(asked):
    with pytest.raises(WorkerError, match="makes no sense"):
        validate_reply(LoadedModelReply, VALID_REPLY | {"inputs": [make_spec([None, 3]) | {"range": asked}]})


def test_find_accepted_input_tries_other_ranges_than_the_asked_one():
    trial, _ = find_accepted_input(
        ComputingPredictor(lambda x: np.maximum(x - 2, 0)), [make_spec([None, 3]) | {"range": [0.0, 2.0]}], seconds=60
    )
    assert (trial.recipe["range"], "ranges" in trial.recipe) == ([0.0, 255.0], False)


def test_find_accepted_input_tries_full_size_pictures_after_small_ones():
    def count_wide(x):
        return np.maximum(x[:, 200:, :, :].sum(axis=(1, 2, 3), dtype="float64"), 0.0)[:, None]

    trial, answers = find_accepted_input(ComputingPredictor(count_wide), [make_spec([None, None, None, 3])], seconds=60)
    assert (trial.recipe["shapes"], trial.recipe["rows"], answers["y"].shape) == ({"x": [224, 224, 3]}, 13, (13, 1))
    assert len(np.unique(answers["y"])) == 13
