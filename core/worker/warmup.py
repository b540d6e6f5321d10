"""start TensorFlow, first use.

The life of one child: answer requests one after another, leave when the app hangs up.

Forked from the warm process, or started by itself (`python -m core.worker.serve`) where there is no fork.
"""

import io
import sys
import time
from functools import cache


def start_tensorflow() -> None:
    """Make TensorFlow's runtime in this process, before anybody waits for it. The warm process must run no op."""
    started = time.perf_counter()
    import tensorflow as tf  # at once in a fork of the warm process, and what takes time anywhere else

    tf.constant(0.0) + 1.0
    print(f"TensorFlow awake in {time.perf_counter() - started:.2f} s", file=sys.stderr)


@cache
def warm_up_once() -> None:
    """While nobody asks, use once what every reload uses: the first reload then takes 40 % less.

    Variables, random numbers, a traced function and an HDF5 file in memory, but no layer and no model: this process has
    still seen none. Everything is named and seeded here, so that no counter of Keras moves on.
    """
    import h5py
    import keras
    import numpy as np
    import tensorflow as tf

    one = keras.Variable(keras.random.uniform((1, 1), seed=0), name="rehearsal")
    answer = tf.function(lambda rows: tf.nn.softmax(tf.nn.relu(rows @ one.value)), autograph=False)
    one.assign(answer(tf.zeros((1, 1))).numpy())
    tf.Variable(0, dtype="int64").assign_add(1)
    with h5py.File(io.BytesIO(), "w") as file:
        file.create_group("rehearsal")["one"] = np.asarray(one)
        file["rehearsal/one"][...]
