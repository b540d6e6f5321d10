"""PyTorch's exported program (.pt2), which Keras writes under the back end torch, in an environment of its own."""

from pathlib import Path

from core.environments.pt2 import ENVIRONMENT
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_pt2
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.environment_link import load_in_environment, save_in_environment


def save(model: Model, folder: Path) -> None:
    save_in_environment(ENVIRONMENT, lambda source: model.save(source / "model.keras"), folder)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    return load_in_environment(ENVIRONMENT, folder)


FORMAT = Format(
    key="pt2",
    label="PyTorch program (.pt2)",
    layout="one file",
    good_for="Programs in PyTorch, which run it without Keras and compile it further.",
    keeps=frozenset({"weights", "graph"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    environment=ENVIRONMENT,
    kit=StandaloneLoader(open_pt2, "model.pt2", ("torch", "numpy")),
    origin="PyTorch 2.1 (2023), by torch.export; Keras writes it under its back end torch.",
    explains="The graph in PyTorch's own operations, with the weights as Keras has them: these are its parameters, so "
    "a PyTorch program may train it on. Keras under torch loads a .keras file of the model, and PyTorch traces its "
    "call: it takes any number of rows, and a recurrent layer is written out step by step. Layers that Keras computes "
    "by TensorFlow, as those of text, are refused, and classes of the model's own are not known there. Average pooling "
    "with uneven padding and cubic resizing compute something else under torch: the copy says so. Of export(format="
    "'torch') of Keras itself the parameters do nothing: what it computes with are constants beside them.",
)
