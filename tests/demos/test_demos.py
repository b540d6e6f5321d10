"""Every demo, over the registry itself: its facts, its data and its model are what they say."""

import re

import numpy as np
import pytest

from core.demos import DEMOS, get_demo
from core.demos.base import Demo, Score, make_train_settings
from core.errors import InputError, UnknownName
from core.runtimes.live import live_predictor
from core.runtimes.reference import predict_in_batches

by_demo = pytest.mark.parametrize("demo", DEMOS, ids=lambda one: one.key)
by_keras_demo = pytest.mark.parametrize("demo", [one for one in DEMOS if one.kind == "keras"], ids=lambda one: one.key)
with_boxes = pytest.mark.parametrize("demo", [one for one in DEMOS if one.input_fields], ids=lambda one: one.key)


def built(demo: Demo, **given):
    """The demo's untrained model, from its own seed."""
    import keras

    settings = make_train_settings(demo, **given)
    keras.utils.set_random_seed(settings.seed)
    return demo.build(settings)


def weights_of(model) -> list[np.ndarray]:
    return [array for _, array in live_predictor(model).weights()]


def splits_of(demo: Demo) -> list:
    data = demo.data(demo.defaults)
    return [data.train, data.validation, data.held_out]


# Facts


def test_keys_are_unique_and_fit_into_an_address():
    keys = [demo.key for demo in DEMOS]
    assert sorted(set(keys)) == sorted(keys)
    assert [key for key in keys if not re.fullmatch(r"[a-z]+(-[a-z]+)*", key)] == []
    assert [get_demo(key) for key in keys] == list(DEMOS)


def test_an_unknown_key_is_refused_with_those_that_exist():
    with pytest.raises(UnknownName) as caught:
        get_demo("cats")
    assert caught.value.cure == f"Choose from {', '.join(demo.key for demo in DEMOS)}."


@by_demo
def test_facts_are_complete(demo):
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
def test_a_data_set_that_works_offline_is_the_default(demo):
    assert demo.datasets[demo.defaults.dataset].endswith("works offline")


# Data


@by_demo
def test_splits_are_the_same_every_time_and_for_every_seed(demo):
    first, second = demo.data(demo.defaults), demo.data(make_train_settings(demo, seed=7))
    for one, other in zip(
        (first.train, first.validation, first.held_out), (second.train, second.validation, second.held_out), strict=True
    ):
        for name, array in one.inputs.items():
            np.testing.assert_array_equal(array, other.inputs[name])
        for name, array in one.targets.items():
            np.testing.assert_array_equal(array, other.targets[name])


@by_demo
def test_splits_share_no_row(demo):
    rows = [
        {tuple(array[row].tobytes() for array in (*split.inputs.values(), *split.targets.values())) for row in range(n)}
        for split in splits_of(demo)
        for n in [split.rows]
    ]
    assert [rows[0] & rows[1], rows[0] & rows[2], rows[1] & rows[2]] == [set(), set(), set()]


@by_demo
def test_every_array_has_the_rows_of_its_split(demo):
    for split in splits_of(demo):
        arrays = [*split.inputs.values(), *split.targets.values()]
        assert [len(array) for array in arrays] == [split.rows] * len(arrays)
        assert {array.dtype.name for array in arrays if array.dtype.kind != "U"} == {"float32"}
        assert all(np.isfinite(array).all() for array in arrays if array.dtype.kind != "U")


@by_demo
def test_pictures_and_classes_have_the_size_that_is_declared(demo):
    split, dataset = splits_of(demo)[0], demo.defaults.dataset
    inputs, targets = next(iter(split.inputs.values())), next(iter(split.targets.values()))
    if dataset in demo.image_shapes:
        assert inputs.shape[1] == np.prod(demo.image_shapes[dataset])
    if dataset in demo.output_image_shapes:
        assert targets.shape[1] == np.prod(demo.output_image_shapes[dataset])
    if demo.labels:
        assert targets.shape[1] == len(demo.labels)
        assert targets.sum(axis=1).tolist() == [1.0] * split.rows


def test_prices_are_told_apart_by_time():
    train, watch, held = splits_of(get_demo("stocks-lstm"))
    assert (train.rows, watch.rows, held.rows) == (360, 96, 102)
    # The last price of a window is the target of the window a week before; six companies stand side by side.
    np.testing.assert_array_equal(watch.inputs["prices"][:6, -1], train.targets["next_price"][-6:])
    np.testing.assert_array_equal(held.inputs["prices"][:6, -1], watch.targets["next_price"][-6:])


# What a person fills in


@with_boxes
def test_boxes_make_a_row_that_the_data_could_hold(demo):
    inputs, row = splits_of(demo)[0].inputs, demo.make_input_row([box.example for box in demo.input_fields])
    assert set(row) == set(inputs)
    assert {name: array.shape for name, array in row.items()} == {name: (1, a.shape[1]) for name, a in inputs.items()}
    assert {name: array.dtype.kind for name, array in row.items()} == {n: a.dtype.kind for n, a in inputs.items()}


@with_boxes
def test_choices_and_bounds_are_those_of_the_data(demo):
    data = splits_of(demo)
    columns = {box.input: 0 for box in demo.input_fields}
    for box in demo.input_fields:
        seen = np.concatenate([split.inputs[box.input][:, columns[box.input]] for split in data])
        columns[box.input] += 1
        if box.kind == "choice":
            assert set(seen) == set(box.options)
            assert box.example in box.options
        if box.kind == "number":
            assert box.minimum <= seen.min() <= box.example <= seen.max() <= box.maximum


def test_a_value_that_does_not_fit_its_box_is_refused():
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
def test_one_seed_gives_the_same_first_weights(demo):
    one, other = weights_of(built(demo)), weights_of(built(demo))
    assert [array.dtype for array in one] == [array.dtype for array in other]
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


@by_demo
def test_hidden_units_make_the_model_larger(demo):
    small, large = (weights_of(built(demo, hidden_units=width)) for width in (4, 8))
    assert sum(array.size for array in small) < sum(array.size for array in large)


@by_demo
def test_answers_have_the_names_and_shapes_of_the_targets_and_do_not_change(demo):
    held = demo.data(demo.defaults).held_out
    predictor = live_predictor(built(demo))
    answers, again = (predict_in_batches(predictor, held.inputs) for _ in range(2))
    assert [array.shape for array in answers.values()] == [array.shape for array in held.targets.values()]
    for name, array in answers.items():
        np.testing.assert_array_equal(array, again[name])
    if len(held.targets) > 1:
        assert list(answers) == list(held.targets)


@by_keras_demo
def test_the_model_asks_for_the_inputs_of_the_data(demo):
    inputs = splits_of(demo)[0].inputs
    specs = live_predictor(built(demo)).inputs
    declared = {spec.name: (spec.dtype, spec.shape) for spec in specs}
    words = {"U": "object", "f": "float32"}
    expected = {name: (words[array.dtype.kind], (None, *array.shape[1:])) for name, array in inputs.items()}
    assert declared == ({} if demo.key == "digits-subclassed" else expected)


@by_demo
def test_an_epoch_lowers_the_loss_and_is_reported(demo):
    settings = make_train_settings(demo, epochs=2)
    data, heard = demo.data(settings), []
    model = built(demo, epochs=2)
    demo.train(model, data, settings, heard.append)
    history = [progress for progress in heard if progress.logs is not None]
    assert [progress.epoch for progress in history] == [1, 2]
    assert history[1].logs["loss"] < history[0].logs["loss"]
    assert history[1].logs["val_loss"] > 0
    assert heard[-1].fraction == 1.0


# Scores


def test_outputs_are_judged_by_name_where_they_have_the_names_of_targets():
    demo = get_demo("two-in-two-out")
    targets = {"variety": np.eye(3, dtype="float32"), "alcohol": np.full((3, 1), 13, "float32")}
    answers = {"alcohol": np.zeros((3, 1), "float32"), "variety": np.eye(3, dtype="float32")}
    assert demo.score_predictions(answers, targets) == Score("accuracy", 1.0)


def test_an_error_is_said_in_its_unit():
    demo = get_demo("tips")
    answers, targets = {"output_0": np.array([[2.0], [5.0]])}, {"tip": np.array([[3.0], [3.0]])}
    assert demo.score_predictions(answers, targets) == Score("mean absolute error in dollars", 1.5)


# What each demo is there to show


def test_the_outputs_of_two_in_two_out_are_not_in_the_order_of_the_alphabet():
    names = list(splits_of(get_demo("two-in-two-out"))[0].targets)
    assert names == ["variety", "alcohol"] != sorted(names)


def test_half_precision_stays_within_its_model():
    import keras

    demo = get_demo("digits-mixed")
    model, rows = built(demo), splits_of(demo)[2].inputs
    assert keras.config.dtype_policy().name == "float32"
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert {array.dtype.name for array in weights_of(model)} == {"float32"}
    assert live_predictor(model).predict(rows)["output_0"].dtype == np.float16


def test_augmentation_sleeps_in_inference_mode_and_wakes_in_a_bare_call():
    demo = get_demo("digits-cnn")
    model, rows = built(demo), splits_of(demo)[2].inputs["pixels"]
    np.testing.assert_array_equal(model(rows, training=False), model(rows, training=False))
    assert np.abs(np.asarray(model(rows)) - np.asarray(model(rows))).max() > 0
