"""Settings of a Keras 3 file that decide how it trains and answers, and that `load_model` passes over in silence.

A model whose policy is mixed_float16 is compiled with an optimizer that scales the loss. The file holds the variables
of that optimizer and names the one inside it; Keras wraps it again only where the global policy is mixed_float16, and
else begins a plain one at step 0 (`keras/src/trainers/trainer.py`, `Trainer.compile`). `jit_compile=True` is what
Keras writes for `"auto"` under JAX, and under TensorFlow beside a GPU.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.runtimes.base import Model
from core.runtimes.zip_member import zip_member

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.weights.h5"
SCALING_POLICY = "mixed_float16"  # the only one under which `compile` wraps the optimizer
SCALING_OPTIMIZER = "LossScaleOptimizer"
WRAPPED_GROUP = "optimizer/inner_optimizer"  # of the weights, where the optimizer scales the loss
AS_COMPILED, AUTO = "as compiled", "auto"  # what a copy says of XLA


def read_compile_config(text: str | bytes) -> dict[str, Any]:
    """The compile settings in the text of a config; empty where there are none."""
    config = json.loads(text)
    settings = config.get("compile_config") if isinstance(config, dict) else None
    return settings if isinstance(settings, dict) else {}


def set_auto_xla(text: str) -> str:
    """The text of a config in which the Keras that loads it decides by its own machine whether to use XLA."""
    config = json.loads(text)
    if read_compile_config(text):
        config["compile_config"]["jit_compile"] = AUTO
    return json.dumps(config, indent=2)


class FileSettings(NamedTuple):
    """What a file says: whether it has to be loaded under `SCALING_POLICY` to train on, and whether it asks for XLA."""

    needs_scaling_policy: bool
    asks_for_xla: bool


def read_file_settings(path: Path) -> FileSettings:
    """Read the settings of a `.keras` file, or of a folder of its parts; of a damaged one as far as they can be."""
    settings: dict[str, Any] = {}
    scales_loss = False
    with contextlib.suppress(Exception):  # what is wrong with a file is said by the load that follows
        settings = read_compile_config(_read_config(path))
        scales_loss = _scales_loss(path, settings.get("optimizer"))
    return FileSettings(scales_loss, settings.get("jit_compile") is True)


def _scales_loss(path: Path, optimizer: Any) -> bool:
    """Whether the optimizer scaled the loss although the config names the one inside it."""
    import h5py

    if not isinstance(optimizer, dict) or optimizer.get("class_name") == SCALING_OPTIMIZER:
        return False
    with _open_weights(path) as weights, h5py.File(weights, "r") as file:
        return WRAPPED_GROUP in file


def _read_config(path: Path) -> bytes:
    if path.is_dir():
        return (path / CONFIG_FILE).read_bytes()
    with zip_member(path, CONFIG_FILE) as file:
        return bytes(file.read())


def _open_weights(path: Path) -> Any:
    return (path / WEIGHTS_FILE).open("rb") if path.is_dir() else zip_member(path, WEIGHTS_FILE)


@contextlib.contextmanager
def saved_policy(settings: FileSettings) -> Iterator[None]:
    """Let a Keras file be loaded under the global policy that its optimizer needs, and put the former one back."""
    import keras

    before = keras.config.dtype_policy()
    try:
        if settings.needs_scaling_policy:
            keras.config.set_dtype_policy(SCALING_POLICY)
        yield
    finally:
        keras.config.set_dtype_policy(before)


def has_unused_average(model: Model) -> bool:
    """Whether an optimizer holds averages of the weights that are not in their place: `fit` puts them there at its end,
    after the callbacks of its last epoch (`keras/src/backend/tensorflow/trainer.py`)."""
    optimizer = getattr(model, "optimizer", None)
    inner: Any = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(inner, "use_ema", False):
        return False
    pairs = zip(inner._trainable_variables, inner._model_variables_moving_average, strict=False)
    return any(not np.array_equal(np.asarray(weight), np.asarray(average)) for weight, average in pairs)


def describe_file_settings(settings: FileSettings, model: Model) -> str:
    """What a person should know who loads the Keras file of a model by `load_model` alone; empty where nothing."""
    import keras

    sentences = []
    if has_unused_average(model):
        sentences.append(
            "Its optimizer averages the weights (use_ema), and answers come from the weights as they were before: call "
            "model.optimizer.finalize_variable_values(model.trainable_variables) to put the averages in their place."
        )
    if settings.needs_scaling_policy:
        sentences.append(
            f"Its loss is scaled, by the policy {SCALING_POLICY}, which load_model does not set: Roundtrip calls "
            f'keras.config.set_dtype_policy("{SCALING_POLICY}") before it loads. Without that Keras '
            f"{keras.__version__} begins a plain optimizer at step 0, which scales nothing, so small gradients vanish."
        )
    if settings.asks_for_xla:
        sentences.append(
            "It asks for XLA (jit_compile=True, as Keras writes under JAX and beside a GPU): predict and evaluate "
            "then compute by XLA under TensorFlow, where some layers, as UpSampling2D(3, bilinear), answer otherwise. "
            "Roundtrip answers without XLA. Load it with compile=False, or save a copy whose option 'XLA' is 'auto'."
        )
    return " ".join(sentences)
