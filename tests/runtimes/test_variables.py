"""Values of variables, read where they lie."""

import numpy as np
import pytest

from core.runtimes.variables import build_optimizer, read_variable


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16", "int8", "int64", "bool"])
def test_value_of_a_variable_is_that_of_keras(dtype):
    import keras

    variable = keras.Variable(np.array([[0, 1], [1, 0]]), dtype=dtype, trainable=False)
    value, expected = read_variable(variable), np.asarray(variable)
    assert (value.dtype, value.shape) == (expected.dtype, expected.shape)
    assert value.tobytes() == expected.tobytes()


def test_value_of_a_variable_of_text_is_that_of_tensorflow():
    import tensorflow as tf

    assert read_variable(tf.Variable(["a", "bc"])).tolist() == [b"a", b"bc"]


def test_read_value_is_no_copy_and_survives_a_write_to_its_variable():
    import keras

    variable = keras.Variable(np.arange(4, dtype="float32"))
    value = read_variable(variable)
    assert np.shares_memory(value, read_variable(variable))
    variable.assign(variable + 1)
    variable.value.assign_add(np.ones(4, "float32"))
    assert value.tolist() == [0, 1, 2, 3]
    assert read_variable(variable).tolist() == [2, 3, 4, 5]
    assert not value.flags.writeable


def test_optimizer_that_was_built_is_not_built_again():
    """One that scales losses would have its own variables twice then, and no saved state would fit it."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse")
    build_optimizer(model)
    names = [variable.path for variable in model.optimizer.variables]
    build_optimizer(model)
    assert [variable.path for variable in model.optimizer.variables] == names
    assert len(set(names)) == len(names)
