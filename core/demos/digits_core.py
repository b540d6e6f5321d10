"""The same task in plain TensorFlow Core: a tf.Module, a tf.function, and a training loop by hand. No Keras."""

import math
from typing import Any

import numpy as np

from core.demos import digits_data
from core.demos.base import Data, Demo, Model, Progress, Split, TrainingProgressCallback, TrainSettings, TrainStep
from core.errors import InputError


def build(settings: TrainSettings) -> Model:
    import tensorflow as tf

    width = digits_data.pixel_count(settings.dataset)

    class Classifier(tf.Module):
        """Two layers of plain variables: relu(x·W + b), then softmax(h·W + b)."""

        def __init__(self):
            super().__init__(name="classifier")
            self.hidden_kernel = tf.Variable(_glorot_uniform(width, settings.hidden_units), name="hidden_kernel")
            self.hidden_bias = tf.Variable(tf.zeros([settings.hidden_units]), name="hidden_bias")
            self.output_kernel = tf.Variable(_glorot_uniform(settings.hidden_units, 10), name="output_kernel")
            self.output_bias = tf.Variable(tf.zeros([10]), name="output_bias")
            self.optimizer = _adam_class()(self.trainable_variables, settings.learning_rate)

        def logits(self, pixels):
            hidden = tf.nn.relu(pixels @ self.hidden_kernel + self.hidden_bias)
            return hidden @ self.output_kernel + self.output_bias

        @tf.function(input_signature=[tf.TensorSpec([None, width], tf.float32, name="pixels")])
        def __call__(self, pixels):
            return {"probabilities": tf.nn.softmax(self.logits(pixels))}

    return Classifier()


def _glorot_uniform(rows: int, columns: int) -> Any:
    """Uniform in ±√(6 / (rows + columns)), after Glorot and Bengio (2010), equation 16."""
    import tensorflow as tf

    limit = math.sqrt(6 / (rows + columns))
    return tf.random.uniform([rows, columns], -limit, limit)


def _adam_class() -> type:
    import tensorflow as tf

    class Adam(tf.Module):
        """Adam by hand, after Kingma and Ba (2015), algorithm 1; all of its state is in variables."""

        def __init__(self, variables, learning_rate):
            super().__init__(name="adam")
            self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
            self.learning_rate = tf.Variable(learning_rate, trainable=False, name="learning_rate")
            self.first = [tf.Variable(tf.zeros_like(weight), trainable=False, name="first") for weight in variables]
            self.second = [tf.Variable(tf.zeros_like(weight), trainable=False, name="second") for weight in variables]

        def apply(self, gradients, variables):
            time = tf.cast(self.step.assign_add(1), tf.float32)
            rate = self.learning_rate * tf.sqrt(1 - 0.999**time) / (1 - 0.9**time)
            for gradient, variable, first, second in zip(gradients, variables, self.first, self.second, strict=True):
                first.assign(0.9 * first + 0.1 * gradient)
                second.assign(0.999 * second + 0.001 * gradient**2)
                variable.assign_sub(rate * first / (tf.sqrt(second) + 1e-7))

    return Adam


def train(model: Model, data: Data, settings: TrainSettings, report: TrainingProgressCallback) -> None:
    """Train in place with a GradientTape; rows are shuffled anew each epoch by the seed."""
    step = make_gradient_step(model)
    shuffle = np.random.default_rng(settings.seed)
    steps = math.ceil(data.train.rows / settings.batch_size)
    for epoch in range(settings.epochs):
        order = shuffle.permutation(data.train.rows)
        for index in range(steps):
            rows = order[index * settings.batch_size : (index + 1) * settings.batch_size]
            step(data.train.inputs["pixels"][rows], data.train.targets["digit"][rows])
            report(Progress((epoch + (index + 1) / steps) / settings.epochs, epoch + 1))
        logs = _evaluate(model, data.train) | _evaluate(model, data.validation, prefix="val_")
        report(Progress((epoch + 1) / settings.epochs, epoch + 1, logs))


def make_gradient_step(model: Model) -> Any:
    """One step of descent on the mean cross-entropy of a batch, which it returns."""
    import tensorflow as tf

    variables = [variable for variable in model.variables if variable.trainable]

    @tf.function(reduce_retracing=True)
    def step(pixels, targets):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, model.logits(pixels)))
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def make_train_step(model: Model) -> TrainStep:
    """The train step of a classifier. Raises InputError for a copy that came back without the code of its training."""
    if not hasattr(model, "logits"):
        cure = "Train a copy that is loaded into the code of its model, such as a checkpoint."
        raise InputError("What came back answers, and has no way to train.", received=type(model).__name__, cure=cure)
    step = make_gradient_step(model)
    return lambda inputs, targets: float(step(inputs["pixels"], targets["digit"]))


def _evaluate(model: Model, split: Split, prefix: str = "") -> dict[str, float]:
    """Mean cross-entropy and accuracy over a split; 1e-7 keeps the logarithm finite, as Keras does."""
    predictions, targets = model(split.inputs["pixels"])["probabilities"].numpy(), split.targets["digit"]
    likelihood = np.clip((predictions * targets).sum(axis=1), 1e-7, 1)
    correct = predictions.argmax(axis=1) == targets.argmax(axis=1)
    return {f"{prefix}loss": float(-np.log(likelihood).mean()), f"{prefix}accuracy": float(correct.mean())}


DEMO = Demo(
    key="digits-core",
    label="Read a digit, without Keras",
    model_description="TensorFlow Core: a tf.Module with four variables and a tf.function",
    demonstrates="What a SavedModel keeps when there is no Keras model at all.",
    build=build,
    make_train_step=make_train_step,
    **digits_data.CLASSIFIER_FACTS | {"kind": "module", "train": train},
)
