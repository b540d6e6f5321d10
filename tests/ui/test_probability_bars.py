"""Bars of class probabilities: one for each model, and one for all that predict the same where there are many."""

from ui.charts import probability_bars

CLASSES = ["cat", "dog"]


def names_and_heights(predictions: dict[str, list[float]]) -> dict[str, list[float]]:
    return {bar.name: list(bar.y) for bar in probability_bars(CLASSES, predictions).data}


def test_bars_of_three_models_stay_separate_though_equal():
    predictions = {"Live model": [0.75, 0.25], "ONNX": [0.75, 0.25], "LiteRT": [0.5, 0.5]}
    assert names_and_heights(predictions) == predictions


def test_bars_of_many_models_are_shared_by_those_that_predict_the_same():
    same, other = [0.75, 0.25], [0.5, 0.5]
    predictions = {"Live model": same, "ONNX": other, "H5": same, "LiteRT": other, "Keras": same, "JSON": [0.1, 0.9]}
    assert names_and_heights(predictions) == {
        "Live model and 2 others, which predict the same": same,
        "ONNX and LiteRT": other,
        "JSON": [0.1, 0.9],
    }
