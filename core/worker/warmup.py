"""Start TensorFlow in a child, and use once what every load uses."""

import io
import sys
import time
from functools import cache


@cache
def start_tensorflow() -> None:
    """Start TensorFlow's runtime in this process, once, before anybody waits for it. The forkserver must run no op."""
    started = time.perf_counter()
    import tensorflow as tf  # at once in a fork of the forkserver, and what takes time anywhere else

    tf.constant(0.0) + 1.0
    print(f"TensorFlow awake in {time.perf_counter() - started:.2f} s", file=sys.stderr)


@cache
def warm_up_once() -> None:
    """Use once what every load uses, while nobody waits: the first load then takes 40 % less.

    Variables, random numbers, a traced function and an HDF5 file in memory, but no layer and no model: this process has
    still seen none. Everything is named and seeded here, so that no counter of Keras moves on.
    """
    import h5py
    import keras
    import numpy as np
    import tensorflow as tf

    variable = keras.Variable(keras.random.uniform((1, 1), seed=0), name="rehearsal")
    predict = tf.function(lambda rows: tf.nn.softmax(tf.nn.relu(rows @ variable.value)), autograph=False)
    variable.assign(predict(tf.zeros((1, 1))).numpy())
    tf.Variable(0, dtype="int64").assign_add(1)
    with h5py.File(io.BytesIO(), "w") as file:
        file.create_group("rehearsal")["variable"] = np.asarray(variable)
        file["rehearsal/variable"][...]
