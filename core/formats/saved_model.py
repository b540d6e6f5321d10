"""A directory with graph, variables, assets and signatures: loads wherever TensorFlow runs, without the code."""

from pathlib import Path

from core.formats.base import Format
from core.formats.imported_loaders import open_in_session
from core.formats.standalone_loaders import TENSORFLOW_PACKAGES, StandaloneLoader, open_saved_model
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.inference_model import to_flat_model
from core.runtimes.model_kinds import model_kind
from core.runtimes.saved_model import load_saved_model
from core.runtimes.tf_module import serving_function


def save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    if model_kind(model) == "module":
        tf.saved_model.save(model, folder, signatures={"serving_default": serving_function(model)})
    elif (flat := to_flat_model(model)) is not model:
        tf.saved_model.save(model, folder, signatures={"serving_default": flat._default_save_signature})
    else:
        tf.saved_model.save(model, folder)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import tensorflow as tf

    return load_saved_model(folder, code, tf.saved_model.load)


FORMAT = Format(
    key="saved_model",
    label="SavedModel",
    layout="a directory",
    good_for="Serving: it answers through signatures['serving_default'] in any process, with none of the model's code.",
    keeps=frozenset({"weights", "optimizer state", "graph", "signatures"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_saved_model, "", TENSORFLOW_PACKAGES, load_imported=open_in_session),
    origin="TensorFlow's format since 1.0 (2017); its object graph came with TensorFlow 2.",
    explains="keras.models.load_model refuses this directory in Keras 3: what it holds is a graph, and no Keras layers "
    "can be made from a graph. Load it with tf.saved_model.load and call signatures['serving_default'], or wrap it in "
    "keras.layers.TFSMLayer(folder, call_endpoint='serving_default'). The optimizer's variables are on disk, but "
    "nothing in Keras resumes training from them.",
)
