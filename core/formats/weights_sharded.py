"""The weights alone, in several files with an index: for models larger than one file should be."""

from dataclasses import replace
from pathlib import Path

from core.formats import weights
from core.formats.base import Option
from core.formats.standalone import StandaloneLoader, open_weights
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.variables import build_optimizer


def save(model: Model, folder: Path, shard_mib: float = 1.0) -> None:
    import numpy as np

    # Keras refuses a limit that a single array exceeds.
    largest = max((np.asarray(variable).nbytes for variable in model.weights), default=0)
    limit = max(shard_mib * 2**20, largest)
    model.save_weights(folder / "model.weights.json", max_shard_size=limit / 2**30)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    model = code.build_model("These are weights alone: numbers without the layers that use them.")
    # Without this the saved optimizer state is skipped, and no exception says so.
    build_optimizer(model)
    model.load_weights(folder / "model.weights.json")
    return keras_predictor(model)


SHARD_HELP = "A new file is begun above this size. An array that is larger by itself gets a file of its own."

FORMAT = replace(
    weights.FORMAT,
    key="weights_sharded",
    label="Weights in shards (.weights.json)",
    layout="an index and several files",
    good_for="Weights of many gigabytes: each file stays small enough to copy, and an index says what is where.",
    save=save,
    load=load,
    kit=StandaloneLoader(open_weights, "model.weights.json"),
    options=(Option("shard_mib", "Largest shard (MiB)", 1.0, SHARD_HELP, minimum=0.01, maximum=1024 * 1024),),
    origin="Keras 3.10 (2025), for weights that one file should not hold.",
    explains="The index, a small JSON file, maps every layer to the files that hold its arrays. All of them must "
    "travel together: one lost shard makes the rest unloadable.",
)
