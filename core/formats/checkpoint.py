"""TensorFlow's training checkpoint: the values of all variables, matched by the shape of the object graph."""

from pathlib import Path

from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_checkpoint, open_structured_checkpoint
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.live import live_predictor
from core.runtimes.unsaved_weights import find_untracked_weights
from core.runtimes.variables import build_optimizer, finalize_layers


def save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=model).write(folder / "model")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import tensorflow as tf

    model = code.build_model("A checkpoint holds values of variables, and no layers or graph to put them into.")
    build_optimizer(model)
    status = tf.train.Checkpoint(model=model).read(folder / "model")
    # `read` raises nothing when not a single value finds its variable; this does.
    status.assert_existing_objects_matched().expect_partial()
    finalize_layers(model)
    return live_predictor(model)


FORMAT = Format(
    key="checkpoint",
    label="Checkpoint (tf.train)",
    layout="an index and data shards",
    good_for="Pausing and resuming training in the same code, for Keras models and plain tf.Module alike.",
    keeps=frozenset({"weights", "optimizer state"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_checkpoint, "model", load_structured=open_structured_checkpoint),
    activations="keras",
    needs_architecture=True,
    find_missing=find_untracked_weights,
    origin="TensorFlow; matched by object graph since 2018.",
    explains="Values are matched by where they sit in the object graph, not by name: code that is built otherwise gets "
    "nothing, and layers that are out of reach, in a list of lists for one, are not even written; by default "
    "TensorFlow says neither. Between Keras 3 and tf-keras no variable finds its value. Roundtrip counts what was "
    "written, and asserts that every variable found its value.",
)
