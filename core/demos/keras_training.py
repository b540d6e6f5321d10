"""Training a compiled Keras model with `fit`, reporting as it goes."""

import math
from functools import partial
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.demos.base import Data, Model, Progress, Split, TrainingProgressCallback, TrainSettings, TrainStep
from core.errors import InputError


def fit_keras(model: Model, data: Data, settings: TrainSettings, report: TrainingProgressCallback) -> None:
    """Train in place; `report` is called after every step, and after an epoch with its losses and accuracies."""
    model.fit(
        shuffled_batches(data.train, settings),
        validation_data=_to_keras_arguments(data.validation),
        validation_batch_size=settings.batch_size,
        epochs=settings.epochs,
        shuffle=False,  # which the batches are already
        verbose=0,
        callbacks=[_make_progress_reporter(math.ceil(data.train.rows / settings.batch_size), settings.epochs, report)],
    )


def shuffled_batches(split: Split, settings: TrainSettings) -> Any:
    """Return batches of (inputs, targets) as a `tf.data.Dataset`, in another order in each epoch, fixed by the seed.

    Given arrays and a seed, `fit` itself repeats one order in all epochs (Keras 3.15 under TensorFlow).
    """
    import tensorflow as tf

    inputs, targets = _to_keras_arguments(split)
    arguments = (inputs, tuple(targets) if isinstance(targets, list) else targets)  # of a list it makes one tensor
    arguments = tf.nest.map_structure(tf.constant, arguments)
    order = tf.data.Dataset.range(split.rows).shuffle(split.rows, seed=settings.seed)
    batches = order.batch(settings.batch_size)
    return batches.map(lambda rows: tf.nest.map_structure(lambda array: tf.gather(array, rows), arguments))


def make_keras_train_step(model: Model, run_eagerly: bool = False) -> TrainStep:
    """The train step of a compiled Keras model.

    Run it eagerly where it is taken once: tracing a graph would take ten times as long. Raises InputError for what is
    no Keras model, or was never compiled.
    """
    if not hasattr(model, "train_on_batch"):
        cure = "Train a copy in a format that keeps the layers, such as .keras."
        raise InputError("What came back answers, and has no way to train.", received=type(model).__name__, cure=cure)
    if not model.compiled:
        cure = "Compile the model before it is saved, in a format that keeps the compile settings, such as .keras."
        raise InputError("What came back has layers and no compile settings, so it cannot train as it is.", cure=cure)
    model.run_eagerly = run_eagerly
    model.make_train_function(force=True)  # a model that has just been trained would go on with its graph
    return partial(_train_on_batch, model)


def _train_on_batch(model: Model, inputs: Arrays, targets: Arrays) -> float:
    import tensorflow as tf

    # Outside of a graph Keras takes no mixture of arrays and tensors.
    tensors = Split({name: tf.constant(array) for name, array in inputs.items()}, targets)
    model.reset_metrics()  # Keras gives the mean over all batches since
    return float(model.train_on_batch(*_to_keras_arguments(tensors), return_dict=True)["loss"])


def _to_keras_arguments(split: Split) -> tuple[Any, Any]:
    """Keras takes a single array as it is, several inputs by name, and several targets in the order of its outputs."""
    inputs = {name: _to_feedable(array) for name, array in split.inputs.items()}
    targets = list(split.targets.values())
    single = next(iter(inputs.values()))
    return single if len(inputs) == 1 else inputs, targets[0] if len(targets) == 1 else targets


def _to_feedable(array: np.ndarray) -> Any:
    """Keras refuses NumPy's text, and takes TensorFlow's."""
    import tensorflow as tf

    return tf.constant(array) if isinstance(array, np.ndarray) and array.dtype.kind in "SU" else array


def _make_progress_reporter(steps: int, epochs: int, report: TrainingProgressCallback) -> Any:
    import keras

    class Reporter(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            report(Progress((self.epoch + (batch + 1) / steps) / epochs, self.epoch + 1))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            numbers = {name: float(value) for name, value in (logs or {}).items()}
            report(Progress((epoch + 1) / epochs, epoch + 1, numbers))

    return Reporter()
