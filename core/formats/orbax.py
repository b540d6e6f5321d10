"""Orbax: the checkpoint of JAX programs, which Keras writes of a whole model, in an environment of its own."""

from dataclasses import replace
from pathlib import Path

from core.environments.orbax import ENVIRONMENT
from core.errors import CannotSave
from core.formats import keras
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_orbax, open_structured_orbax
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.environment_link import load_in_environment, save_in_environment
from core.runtimes.keras_file_settings import SCALING_POLICY, read_file_settings


def save(model: Model, folder: Path) -> None:
    _require_optimizer(model)

    def write(source: Path) -> bool:
        path = source / "model.keras"
        model.save(path)
        needs_policy = read_file_settings(path).needs_scaling_policy
        if needs_policy:
            _write_policy(source)
        return needs_policy

    if save_in_environment(ENVIRONMENT, write, folder):
        _write_policy(folder)


def _require_optimizer(model: Model) -> None:
    """Raise CannotSave for a model that was not compiled: Keras asks for its optimizer to write and to read it."""
    if getattr(model, "optimizer", None) is None:
        raise CannotSave(
            "Keras writes Orbax checkpoints of models with an optimizer only, and this one has none.",
            cure="Compile the model with one first, or save it as a Keras file.",
        )


def _write_policy(folder: Path) -> None:
    """Name the policy under which alone the optimizer of a model comes back, where the script reads it."""
    (folder / "policy.txt").write_text(SCALING_POLICY, encoding="utf-8")


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    predictor = load_in_environment(ENVIRONMENT, folder)
    # It answers there; its layers and settings are looked at here, as they came back.
    return replace(predictor, model=keras.load(predictor.model.out, code).model)


FORMAT = Format(
    key="orbax",
    label="Orbax checkpoint",
    layout="a directory",
    good_for="Programs that keep their training state with Orbax, as those in JAX do.",
    keeps=frozenset({"architecture", "weights", "optimizer state", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    environment=ENVIRONMENT,
    kit=StandaloneLoader(
        open_orbax, "model", ("tensorflow", "keras", "orbax-checkpoint", "numpy"), load_structured=open_structured_orbax
    ),
    origin="Orbax, of the makers of JAX; Keras writes it with its callback OrbaxCheckpoint.",
    explains="Arrays by the path of their variable, the config of the model as text beside them, written by Keras' own "
    "callback. Orbax brings JAX, which Roundtrip does not have: so it is written and read in an environment, from a "
    ".keras file of the model. Classes of the model's own are not known there. Keras loads the folder above the "
    "checkpoint, and takes the newest in it; its Normalization layers compute with what they were made with until "
    "finalize_state() is called, as is done here. A Sequential that was built in code comes "
    "back from that callback with random weights, since their paths change: hence the .keras file between them.",
)
