"""Keras as it is here, computed by JAX."""

from core.environments.base import KERAS_FORMATS, Environment

ENVIRONMENT = Environment(
    key="keras-jax",
    label="Keras 3.15 under JAX",
    requirements=("keras==3.15.1", "jax==0.10.2"),
    takes=KERAS_FORMATS,
    script="keras_model",
    megabytes=566,
    good_for="Keras files in programs that compute with JAX.",
    lock="keras_jax",
    variables={"KERAS_BACKEND": "jax"},
)
