"""Keras 3.3.3, with a TensorFlow of its day."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="keras-3.3",
    label="Keras 3.3",
    requirements=(*require_tensorflow("2.16.2"), "keras==3.3.3"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1156,
    good_for="Servers that still run Keras 3.3, with TensorFlow 2.16.2.",
    pythons=("3.11", "3.12"),
    lock="keras_3_3",
    variables={"KERAS_BACKEND": "tensorflow"},
    forks=True,
)
