"""What the forkserver imports before it forks, so that every child finds it done."""

import contextlib
import gc
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from core.error_translation import summarize_error

# What converters and readers import once they are used, which every child would do again.
TOOLS = (
    "onnx",
    "ai_edge_litert.schema_py_generated",
    "tf2onnx.convert",
    "onnxruntime.quantization",
    "ai_edge_quantizer.quantizer",
    "keras.src.backend.openvino.core",  # of Keras' export to OpenVINO
    "nncf",
    "nncf.openvino.quantization.quantize_model",
)


def import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401  of most demos, 0.1 s of every training
    import tensorflow as tf

    import core.worker.tasks.registry  # noqa: F401  all tasks, with what they import

    import_runtimes()
    import_tools()
    # Lazily loaded parts of TensorFlow and Keras that every child would otherwise load by itself.
    tf.saved_model, tf.train, tf.function, keras.saving, keras.models  # noqa: B018
    gc.collect()
    gc.freeze()


def import_runtimes() -> None:
    """Import the other runtimes that copies come back in, as far as they are installed; none starts a thread here.

    One that cannot be imported is said in the log: its own formats fail then, and no other.
    """
    from core.runtimes.onnx import import_onnxruntime
    from core.runtimes.openvino import import_openvino

    for import_runtime in (import_onnxruntime, import_openvino, partial(import_module, "ai_edge_litert.interpreter")):
        _try_import("runtime", import_runtime)


def import_tools() -> None:
    """Import what converters use, as `import_runtimes` does; a package that is not installed is nothing to say."""
    from core.runtimes.openvino import import_openvino

    with contextlib.suppress(Exception):  # said where runtimes are imported; it keeps telemetry off, of NNCF too
        import_openvino()
    for name in TOOLS:
        _try_import("tool", partial(_import_if_installed, name))


def _import_if_installed(name: str) -> None:
    with contextlib.suppress(ModuleNotFoundError):
        import_module(name)


def _try_import(kind: str, import_it: Callable[[], object]) -> None:
    try:
        import_it()
    except Exception as error:  # noqa: BLE001  whatever a broken package raises, children of all others are forked here
        print(f"A {kind} is left out: {summarize_error(error)}", file=sys.stderr)
