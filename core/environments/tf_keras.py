"""Keras 2 under today's TensorFlow: the package tf-keras."""

from core.environments.base import KERAS_FORMATS, Environment

ENVIRONMENT = Environment(
    key="tf-keras",
    label="tf-keras 2.21",
    requirements=("tf-keras==2.21.0",),
    takes=KERAS_FORMATS,
    script="keras_legacy",
    megabytes=2064,
    good_for="Programs that keep Keras 2 beside a new TensorFlow.",
    lock="tf_keras",
)
