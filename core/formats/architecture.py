"""The architecture alone, as JSON: the other half of a model, with no numbers in it."""

from dataclasses import replace
from pathlib import Path

from core.formats.base import Format
from core.formats.keras import FOR_KERAS
from core.formats.standalone_loaders import StandaloneLoader, open_architecture, open_structured_architecture
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.keras_changes import LEGACY_FUNCTIONS
from core.runtimes.keras_releases import THIS_RELEASE, rewrite_config
from core.runtimes.legacy_keras import read_architecture


def save(model: Model, folder: Path, for_keras: str = THIS_RELEASE) -> str:
    text, remark = rewrite_config(model.to_json(indent=2), for_keras)
    (folder / "architecture.json").write_text(text, encoding="utf-8")
    return remark


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    text = (folder / "architecture.json").read_text(encoding="utf-8")
    model, remark = read_architecture(text, {**LEGACY_FUNCTIONS, **code.classes})
    return replace(keras_predictor(model), remark=remark)


FORMAT = Format(
    key="architecture",
    label="Architecture only (JSON)",
    layout="one file",
    good_for="Reading and reviewing what a model is: its layers as text. It answers, but with fresh random weights.",
    keeps=frozenset({"architecture"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_architecture, "architecture.json", load_structured=open_structured_architecture),
    activations="keras",
    options=(FOR_KERAS,),
    origin="Keras, from its first versions on.",
    explains="It loads without a complaint and gives answers, all of them from new random weights: nothing that was "
    "learned is in this file.",
)
