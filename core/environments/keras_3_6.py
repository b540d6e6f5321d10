"""Keras 3.6.0, with a TensorFlow of its day."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="keras-3.6",
    label="Keras 3.6",
    requirements=(*require_tensorflow("2.18.0"), "keras==3.6.0"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1224,
    good_for="Servers that still run Keras 3.6, with TensorFlow 2.18.0.",
    pythons=("3.11", "3.12"),
    lock="keras_3_6",
    variables={"KERAS_BACKEND": "tensorflow"},
    forks=True,
)
