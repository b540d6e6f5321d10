"""Every demo, over the registry itself: its facts, its data and its model are what they say."""

import re

import numpy as np
import pytest

from core.demos import DEMOS, demo_label, demo_unit, get_demo, output_image_shape
from core.demos.base import Demo, Score, Split, make_train_settings
from core.demos.keras_training import shuffled_batches
from core.errors import InputError, UnknownName
from core.runtimes.base import predict_in_batches
from core.runtimes.live import live_predictor
from tests.parameter_pairs import drawn_values

by_demo = pytest.mark.parametrize("demo", DEMOS, ids=lambda item: item.key)
by_keras_demo = pytest.mark.parametrize(
    "demo", [item for item in DEMOS if item.kind == "keras"], ids=lambda entry: entry.key
)
by_demo_with_form = pytest.mark.parametrize(
    "demo", [item for item in DEMOS if item.input_fields], ids=lambda demo: demo.key
)


def build_demo_model(demo: Demo, **given):
    """The demo's untrained model, from its own seed."""
    import keras

    settings = make_train_settings(demo, **given)
    keras.utils.set_random_seed(settings.seed)
    return demo.build(settings)


def read_weights(model) -> list[np.ndarray]:
    return [array for _, array in live_predictor(model).weights()]


def read_splits(demo: Demo) -> list:
    data = demo.data(demo.defaults)
    return [data.train, data.validation, data.held_out]


# Facts


def test_demo_keys_are_unique_and_url_safe():
    keys = [demo.key for demo in DEMOS]
    assert sorted(set(keys)) == sorted(keys)
    assert [key for key in keys if not re.fullmatch(r"[a-z]+(-[a-z]+)*", key)] == []
    assert [get_demo(key) for key in keys] == list(DEMOS)


def test_get_demo_unknown_key_is_refused_with_choices():
    with pytest.raises(UnknownName) as caught:
        get_demo("cats")
    assert caught.value.cure == f"Choose from {', '.join(demo.key for demo in DEMOS)}."


@by_demo
def test_demo_metadata_is_complete(demo):
    facts = (demo.label, demo.predicts, demo.data_description, demo.model_description, demo.demonstrates)
    assert [fact for fact in facts if not fact.strip()] == []
    assert demo.demonstrates.endswith(".")
    assert demo.kind in ("keras", "module")
    assert demo.defaults.dataset in demo.datasets
    assert bool(demo.labels) or bool(demo.unit)
    assert demo.has_classes == bool(demo.classes())


@by_demo
def test_source_and_licence_are_named(demo):
    assert demo.source.endswith(".")
    assert re.search(r"bundled with (scikit-learn|plotly)", demo.source)
    assert re.search(r"licence|CC BY", demo.source)


@by_demo
def test_demo_default_dataset_works_offline(demo):
    assert demo.datasets[demo.defaults.dataset].endswith("works offline")


# Data


@by_demo
def test_splits_are_the_same_every_time_and_for_every_seed(demo):
    first, second = demo.data(demo.defaults), demo.data(make_train_settings(demo, seed=7))
    for item, other in zip(
        (first.train, first.validation, first.held_out), (second.train, second.validation, second.held_out), strict=True
    ):
        for name, array in item.inputs.items():
            np.testing.assert_array_equal(array, other.inputs[name])
        for name, array in item.targets.items():
            np.testing.assert_array_equal(array, other.targets[name])


@by_demo
def test_splits_share_no_row(demo):
    rows = [
        {tuple(array[row].tobytes() for array in (*split.inputs.values(), *split.targets.values())) for row in range(n)}
        for split in read_splits(demo)
        for n in [split.rows]
    ]
    assert [rows[0] & rows[1], rows[0] & rows[2], rows[1] & rows[2]] == [set(), set(), set()]


@by_demo
def test_every_array_has_the_rows_of_its_split(demo):
    for split in read_splits(demo):
        arrays = [*split.inputs.values(), *split.targets.values()]
        assert [len(array) for array in arrays] == [split.rows] * len(arrays)
        assert {array.dtype.name for array in arrays if array.dtype.kind != "U"} == {"float32"}
        assert all(np.isfinite(array).all() for array in arrays if array.dtype.kind != "U")


@by_demo
def test_pictures_and_classes_have_the_size_that_is_declared(demo):
    split, dataset = read_splits(demo)[0], demo.defaults.dataset
    inputs, targets = next(iter(split.inputs.values())), next(iter(split.targets.values()))
    if dataset in demo.image_shapes:
        assert inputs.shape[1] == np.prod(demo.image_shapes[dataset])
    if dataset in demo.output_image_shapes:
        assert targets.shape[1] == np.prod(demo.output_image_shapes[dataset])
    if demo.labels:
        assert targets.shape[1] == len(demo.labels)
        assert targets.sum(axis=1).tolist() == [1.0] * split.rows


def test_stock_splits_are_separated_by_time():
    train, watch, loaded = read_splits(get_demo("stocks-lstm"))
    assert (train.rows, watch.rows, loaded.rows) == (360, 96, 102)
    # The last price of a window is the target of the window a week before; six companies stand side by side.
    np.testing.assert_array_equal(watch.inputs["prices"][:6, -1], train.targets["next_price"][-6:])
    np.testing.assert_array_equal(loaded.inputs["prices"][:6, -1], watch.targets["next_price"][-6:])


# What a person fills in


@by_demo_with_form
def test_input_field_examples_make_a_row_like_the_data(demo):
    inputs, row = read_splits(demo)[0].inputs, demo.make_input_row([box.example for box in demo.input_fields])
    assert set(row) == set(inputs)
    assert {name: array.shape for name, array in row.items()} == {name: (1, a.shape[1]) for name, a in inputs.items()}
    assert {name: array.dtype.kind for name, array in row.items()} == {n: a.dtype.kind for n, a in inputs.items()}


@by_demo_with_form
def test_input_field_options_and_bounds_match_the_data(demo):
    data = read_splits(demo)
    columns = {box.input: 0 for box in demo.input_fields}
    for box in demo.input_fields:
        seen = np.concatenate([split.inputs[box.input][:, columns[box.input]] for split in data])
        columns[box.input] += 1
        if box.kind == "choice":
            assert set(seen) == set(box.options)
            assert box.example in box.options
        if box.kind == "number":
            assert box.minimum <= seen.min() <= box.example <= seen.max() <= box.maximum


def test_input_field_invalid_value_is_refused():
    tips = get_demo("tips")
    good = [box.example for box in tips.input_fields]
    with pytest.raises(InputError, match=r"'Day' has other choices\. Received: Monday\."):
        tips.make_input_row([*good[:4], "Monday", good[5]])
    with pytest.raises(InputError, match=r"'Guests' must be a number\. Received: many\."):
        tips.make_input_row([good[0], "many", *good[2:]])
    with pytest.raises(InputError, match=r"takes 6 values\. Received: 5\."):
        tips.make_input_row(good[:5])


# Models


@by_demo
def test_demo_build_same_seed_gives_same_initial_weights(demo):
    item, other = read_weights(build_demo_model(demo)), read_weights(build_demo_model(demo))
    assert [array.dtype for array in item] == [array.dtype for array in other]
    for left, right in zip(item, other, strict=True):
        np.testing.assert_array_equal(left, right)


@by_demo
def test_hidden_units_make_the_model_larger(demo):
    small, large = (read_weights(build_demo_model(demo, hidden_units=width)) for width in (4, 8))
    assert sum(array.size for array in small) < sum(array.size for array in large)


@by_demo
def test_demo_predictions_match_target_shapes_and_repeat(demo):
    loaded = demo.data(demo.defaults).held_out
    predictor = live_predictor(build_demo_model(demo))
    answers, again = (predict_in_batches(predictor, loaded.inputs) for _ in range(2))
    assert [array.shape for array in answers.values()] == [array.shape for array in loaded.targets.values()]
    for name, array in answers.items():
        np.testing.assert_array_equal(array, again[name])
    if len(loaded.targets) > 1:
        assert list(answers) == list(loaded.targets)


@by_keras_demo
def test_demo_model_inputs_match_the_data(demo):
    inputs = read_splits(demo)[0].inputs
    specs = live_predictor(build_demo_model(demo)).inputs
    declared = {spec.name: (spec.dtype, spec.shape) for spec in specs}
    words = {"U": "object", "f": "float32"}
    expected = {name: (words[array.dtype.kind], (None, *array.shape[1:])) for name, array in inputs.items()}
    assert declared == ({} if demo.key == "digits-subclassed" else expected)


@pytest.mark.parametrize("demo", drawn_values(DEMOS, 2), ids=lambda item: item.key)
def test_demo_training_lowers_loss_and_reports_epochs(demo):
    settings = make_train_settings(demo, epochs=2)
    data, received = demo.data(settings), []
    model = build_demo_model(demo, epochs=2)
    demo.train(model, data, settings, received.append)
    history = [progress for progress in received if progress.logs is not None]
    assert [progress.epoch for progress in history] == [1, 2]
    assert history[1].logs["loss"] < history[0].logs["loss"]
    assert history[1].logs["val_loss"] > 0
    assert received[-1].fraction == 1.0


# Scores


def test_demo_score_matches_outputs_to_targets_by_name():
    demo = get_demo("two-in-two-out")
    targets = {"variety": np.eye(3, dtype="float32"), "alcohol": np.full((3, 1), 13, "float32")}
    answers = {"alcohol": np.zeros((3, 1), "float32"), "variety": np.eye(3, dtype="float32")}
    assert demo.score_predictions(answers, targets) == Score("accuracy", 1.0)


def test_demo_score_error_names_its_unit():
    demo = get_demo("tips")
    answers, targets = {"output_0": np.array([[2.0], [5.0]])}, {"tip": np.array([[3.0], [3.0]])}
    assert demo.score_predictions(answers, targets) == Score("mean absolute error in dollars", 1.5)


# What each demo is there to show


def test_two_in_two_out_targets_are_not_in_alphabetical_order():
    names = list(read_splits(get_demo("two-in-two-out"))[0].targets)
    assert names == ["variety", "alcohol"] != sorted(names)


def test_digits_mixed_precision_stays_within_its_model():
    import keras

    demo = get_demo("digits-mixed")
    model, rows = build_demo_model(demo), read_splits(demo)[2].inputs
    assert keras.config.dtype_policy().name == "float32"
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert {array.dtype.name for array in read_weights(model)} == {"float32"}
    assert live_predictor(model).predict(rows)["output_0"].dtype == np.float16


def test_augmentation_is_off_in_inference_and_on_in_bare_call():
    demo = get_demo("digits-cnn")
    model, rows = build_demo_model(demo), read_splits(demo)[2].inputs["pixels"]
    np.testing.assert_array_equal(model(rows, training=False), model(rows, training=False))
    assert np.abs(np.asarray(model(rows)) - np.asarray(model(rows))).max() > 0


@by_demo
def test_demo_sample_rows_stand_in_its_data(demo):
    assert demo.sample is not None
    sample, splits = demo.sample(), read_splits(demo)
    assert 5 <= sample.rows <= 250
    if demo.output_image_shapes:  # noise is drawn anew: the digits below it are the data's
        sample, splits = sample.targets, [split.targets for split in splits]
    else:
        sample, splits = sample.inputs | sample.targets, [split.inputs | split.targets for split in splits]
    known = {key for split in splits for key in row_keys(split)}
    assert set(row_keys(sample)) <= known


def row_keys(arrays: dict[str, np.ndarray]) -> list[tuple]:
    """Each row as something that can stand in a set; texts padded to one width."""
    same_width = [array.astype("U64") if array.dtype.kind == "U" else array for array in arrays.values()]
    return list(zip(*([row.tobytes() for row in array] for array in same_width), strict=True))


def test_training_batches_come_in_another_order_each_epoch():
    rows = np.arange(40, dtype="float32")
    split = Split({"x": rows[:, None]}, {"y": rows})
    settings = make_train_settings(get_demo("digits-mlp"), batch_size=16)
    first, second = ([batch for _, batch in shuffled_batches(split, settings)] for _ in range(2))
    batches = shuffled_batches(split, settings)
    epochs = [np.concatenate([targets.numpy() for _, targets in batches]) for _ in range(3)]
    assert [len(batch) for batch in first] == [16, 16, 8]
    assert [sorted(epoch.tolist()) for epoch in epochs] == [rows.tolist()] * 3
    assert len({epoch.tobytes() for epoch in epochs}) == 3
    assert [batch.numpy().tolist() for batch in first] == [batch.numpy().tolist() for batch in second]


def test_facts_of_a_demo_that_is_gone_are_empty():
    settings = {"dataset": "digits"}
    assert (demo_label("gone"), demo_unit("gone"), output_image_shape("gone", settings)) == ("gone", "", None)
    assert (demo_unit(None), output_image_shape(None, None)) == ("", None)
    assert demo_unit("tips") == get_demo("tips").unit != ""
    assert output_image_shape("digits-denoiser", settings) == (8, 8)
