"""What the forkserver imports before it forks, so that every child finds it done."""

import gc


def import_everything() -> None:
    """Import what children need, so that a fork finds it done. No op runs here: its threads would not survive."""
    import h5py  # noqa: F401
    import keras
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401  of most demos, 0.1 s of every training
    import tensorflow as tf

    import core.worker.tasks.registry  # noqa: F401  all tasks, with what they import

    # Lazily loaded parts of TensorFlow and Keras that every child would otherwise load by itself.
    tf.saved_model, tf.train, tf.function, keras.saving, keras.models  # noqa: B018
    gc.collect()
    gc.freeze()
