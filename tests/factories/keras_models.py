"""Small models of a person's own. Classes are made inside functions, so that no reloading process can know them."""

import numpy as np

ROWS = np.linspace(-1, 1, 40 * 4, dtype="float32").reshape(40, 4)
IMAGES = np.random.default_rng(0).random((40, 8, 8, 1), dtype="float32")


def build_dense_model(activation: str = "relu", *first, outputs: int = 3, name: str = "small"):
    """Two Dense layers over four numbers, with `first` before them; every weight is seeded, and none is zero."""
    import keras

    keras.utils.set_random_seed(1)
    kind = {"bias_initializer": "random_normal"}
    layers = [keras.layers.Dense(8, activation, **kind), keras.layers.Dense(outputs, **kind)]
    return keras.Sequential([keras.Input((4,), name="x"), *first, *layers], name=name)


def fit(model, loss=None, optimizer="adam"):
    """The model, compiled and trained for one epoch."""
    import keras

    model.compile(optimizer, loss or keras.losses.MeanSquaredError())
    model.fit(ROWS, ROWS[:, :3], verbose=0)
    return model


def make_scale_layer_class(forgets: bool = False):
    """A layer that multiplies by a factor; its config may forget the factor."""
    import keras

    class Scale(keras.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs):
            return inputs * self.factor

        def get_config(self):
            return super().get_config() | ({} if forgets else {"factor": self.factor})

    return Scale


def build_unserializable_model():
    """A model with a layer that was given an object which no file can hold, and has no config of its own."""
    import keras

    class Holder(keras.layers.Layer):
        def __init__(self, held, **kwargs):
            super().__init__(**kwargs)
            self.held = held

        def call(self, inputs):
            return inputs

    return build_dense_model("relu", Holder(object()))


def build_subclassed_model():
    """A model written as a class, which has not been called."""
    import keras

    class Reader(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(4)
            self.out = keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    return Reader()


def build_module(answer, **attributes):
    """A tf.Module that answers rows of four numbers by `answer(self, x)`."""
    import tensorflow as tf

    class Own(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def __call__(self, x):
            return answer(self, x)

    own = Own(name="own")
    for name, value in attributes.items():
        setattr(own, name, value)
    return own
