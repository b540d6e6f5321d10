"""Environments in which a proof kit is asked again: other releases, other engines, other back ends.

A new one is one module here, one line in `MODULES`, a lock in `locks` and, for an engine that has none yet, a script in
`scripts`. The proof kit is the protocol: whatever can run a kit is an environment.
"""

from importlib import import_module

from core.environments.base import Environment
from core.registry import find_by_key

# One line an environment, in the order in which they are shown.
MODULES = (
    "tract",
    "mnn",
    "tflite_micro",
    "onnxruntime_1_20",
    "onnxruntime_plain",
    "openvino",
    "ncnn",
    "onnxruntime_web",
    "tfjs_node",
    "litert_reference",
    "litert_compiled",
    "iree",
    "keras_jax",
    "keras_openvino",
    "keras_torch",
    "pt2",
    "executorch",
    "orbax",
    "tfjs",
    "coreml",
    "keras_3_15_python_3_13",
    "keras_3_3",
    "keras_3_12",
    "tf_2_15",
    "keras_3_0",
    "keras_3_6",
    "keras_3_9",
    "tf_keras",
)

ENVIRONMENTS: tuple[Environment, ...] = tuple(
    import_module(f"core.environments.{name}").ENVIRONMENT for name in MODULES
)


def get_environment(key: str) -> Environment:
    """Return the environment of that key. Raises UnknownName with the keys that exist."""
    return find_by_key(ENVIRONMENTS, key, "environment")
