"""Keras as it is here, in the newest Python that TensorFlow 2.21 has packages for."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="python-3.13",
    label="Keras 3.15, Python 3.13",
    requirements=(*require_tensorflow("2.21.0"), "keras==3.15.1"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1455,
    good_for="Whether a copy loads once the server moves to Python 3.13, which must be installed there.",
    pythons=("3.13",),
    lock="keras_3_15",
    variables={"KERAS_BACKEND": "tensorflow"},
)
