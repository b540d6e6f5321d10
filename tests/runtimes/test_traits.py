"""Whether two models are the same architecture by their traits."""

import pytest

from core.runtimes.traits import has_same_architecture

NAMED, UNNAMED = "architecture", "unnamed_architecture"


@pytest.mark.parametrize(
    ("reloaded", "expected"),
    [
        ({NAMED: "a", UNNAMED: "b"}, True),
        ({NAMED: "of another name", UNNAMED: "b"}, True),
        ({NAMED: "c", UNNAMED: "d"}, False),
        ({NAMED: None, UNNAMED: None}, False),
        ({}, False),
    ],
)
def test_a_model_of_another_name_has_the_same_architecture(reloaded: dict, expected: bool):
    assert has_same_architecture({NAMED: "a", UNNAMED: "b"}, reloaded) is expected


def test_records_of_before_know_the_architecture_with_its_name_alone():
    assert has_same_architecture({NAMED: "a"}, {NAMED: "a", UNNAMED: "b"})
    assert not has_same_architecture({NAMED: "a"}, {NAMED: "c", UNNAMED: "b"})


def test_the_name_of_a_model_is_no_part_of_its_unnamed_architecture():
    import keras

    from core.runtimes.traits import collect_traits

    layers = [keras.Input((3,), name="x"), keras.layers.Dense(2, name="head")]
    models = [keras.Sequential(layers, name=name) for name in ("one", "two")]
    models.append(keras.Sequential([layers[0], keras.layers.Dense(2, use_bias=False, name="head")], name="one"))
    one, two, other = map(collect_traits, models)
    assert (one[NAMED] == two[NAMED], has_same_architecture(one, two)) == (False, True)
    assert has_same_architecture(one, other) is False


def test_arguments_are_forgotten_by_a_persons_own_classes_alone():
    """A functional model of a class of one's own takes inputs and outputs, which its config holds as layers."""
    import keras

    from core.runtimes.traits import collect_traits

    class Halved(keras.Model):
        pass

    class Doubled(keras.layers.Dense):
        pass

    class Scaled(keras.layers.Dense):
        def __init__(self, units, factor=2.0, **options):
            super().__init__(units, **options)

    x = keras.Input((3,))
    assert collect_traits(Halved(x, Doubled(2)(x)))["forgotten"] == []
    assert collect_traits(Halved(x, Scaled(2)(x)))["forgotten"] == ["Scaled: factor"]
