"""Keras 3.12.0, with a TensorFlow of its day."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="keras-3.12",
    label="Keras 3.12",
    requirements=(*require_tensorflow("2.20.0"), "keras==3.12.0"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1380,
    good_for="Servers that still run Keras 3.12, with TensorFlow 2.20.0.",
    lock="keras_3_12",
    variables={"KERAS_BACKEND": "tensorflow"},
    forks=True,
)
