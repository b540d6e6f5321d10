"""Keras 3.9.2, with a TensorFlow of its day."""

from core.environments.base import KERAS_FORMATS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="keras-3.9",
    label="Keras 3.9",
    requirements=(*require_tensorflow("2.19.1"), "keras==3.9.2"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=1310,
    good_for="Servers that still run Keras 3.9, with TensorFlow 2.19.1.",
    pythons=("3.11", "3.12"),
    lock="keras_3_9",
    # tensorflow-cpu names it for Windows in a release that does not exist: TensorFlow itself is for Windows now.
    leaves_out=("tensorflow-intel",),
    variables={"KERAS_BACKEND": "tensorflow"},
    forks=True,
)
