"""What the forkserver imports before it forks, so that every child finds it done."""

import gc
import sys
from functools import partial
from importlib import import_module

from core.error_translation import summarize_error


def import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401  of most demos, 0.1 s of every training
    import tensorflow as tf

    import core.worker.tasks.registry  # noqa: F401  all tasks, with what they import

    import_runtimes()
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
        try:
            import_runtime()
        except Exception as error:  # noqa: BLE001  whatever a broken package raises, children of all others are forked here
            print(f"A runtime is left out: {summarize_error(error)}", file=sys.stderr)
