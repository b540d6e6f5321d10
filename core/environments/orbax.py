"""Keras as it is here with Orbax, which brings JAX: what the format Orbax is written and read with."""

from core.environments.base import Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="orbax",
    label="Keras 3.15 with Orbax",
    requirements=(*require_tensorflow("2.21.0"), "keras==3.15.1", "orbax-checkpoint==0.12.8"),
    takes=frozenset({"orbax"}),
    script="keras_orbax",
    megabytes=1998,
    good_for="Orbax checkpoints of Keras models, as JAX programs keep them.",
    variables={"KERAS_BACKEND": "tensorflow"},
)
