"""TensorFlow 2.15, the last that brings Keras 2."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="tf-2.15",
    label="TensorFlow 2.15, Keras 2",
    requirements=require_tensorflow("2.15.1"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1142,
    good_for="Servers that never moved to Keras 3.",
    pythons=("3.11",),
    lock="tf_2_15",
    forks=True,
)
