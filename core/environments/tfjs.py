"""TensorFlow.js in Node.js, with its converter and the TensorFlow that this needs."""

from core.environments.base import NODE_PROGRAM, NODE_REQUIREMENTS, Environment, require_tensorflow

ENVIRONMENT = Environment(
    key="tfjs",
    label="TensorFlow.js 4.22 with its converter",
    requirements=(
        *require_tensorflow("2.21.0"),
        "tensorflowjs==4.22.0",
        "setuptools==80.9.0",  # the last ones bring no pkg_resources, which TensorFlow Hub imports for the converter
        *NODE_REQUIREMENTS,
    ),
    takes=frozenset({"tfjs_graph"}),
    script="tfjs_converter",
    megabytes=1798,
    good_for="TensorFlow.js graph models, which it writes and reads.",
    npm="tfjs",
    programs=(NODE_PROGRAM,),
    # Decision forests and JAX, which the converter imports for other models than ours.
    leaves_out=("tensorflow-decision-forests", "ydf", "jax", "jaxlib", "flax", "orbax-checkpoint"),
)
