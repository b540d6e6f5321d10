"""The weights alone, in several files with an index: for models larger than one file should be."""

from dataclasses import replace
from pathlib import Path

from core.formats import weights
from core.formats.base import Option
from core.formats.standalone_loaders import StandaloneLoader, open_structured_weights, open_weights
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor
from core.runtimes.shards import INDEX_FILE, open_shard_index
from core.runtimes.unsaved_weights import find_weights_missing_from_hdf5
from core.runtimes.variables import build_optimizer


def save(model: Model, folder: Path, shard_mb: float = 1.0) -> None:
    import numpy as np

    # Keras refuses a limit that a single array exceeds.
    largest = max((np.asarray(variable).nbytes for variable in model.weights), default=0)
    limit = max(shard_mb * 10**6, largest)
    model.save_weights(folder / INDEX_FILE, max_shard_size=limit / 2**30)


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    open_shard_index(folder)
    model, remark = weights.build_layers(folder, code)
    # Without this the saved optimizer state is skipped, and no exception says so.
    build_optimizer(model)
    with FORMAT.naming_missing_weights(model, folder):
        model.load_weights(folder / INDEX_FILE)
    return replace(keras_predictor(model), remark=remark)


def find_missing(model: Model, folder: Path) -> list[str]:
    return find_weights_missing_from_hdf5(model, [folder / name for name in open_shard_index(folder)])


SHARD_HELP = "A new file is begun above this size. An array that is larger by itself gets a file of its own."

FORMAT = replace(
    weights.FORMAT,
    key="weights_sharded",
    label="Weights in shards (.weights.json)",
    layout="an index and several files",
    good_for="Weights of many gigabytes: each file stays small enough to copy, and an index says what is where.",
    save=save,
    load=load,
    find_missing=find_missing,
    kit=StandaloneLoader(open_weights, INDEX_FILE, load_structured=open_structured_weights),
    options=(Option("shard_mb", "Largest shard (MB)", 1.0, SHARD_HELP, minimum=0.01, maximum=1_000_000),),
    origin="Keras 3.10 (2025), for weights that one file should not hold.",
    explains="The index, a small JSON file, maps every layer to the files that hold its arrays. All of them must "
    "travel together: where a shard is lost, Keras mostly loads the rest in silence, and leaves new random weights in "
    "its place. Roundtrip holds the index against the files first, and does not. Its learning rate takes the place of "
    "the one just given to compile.",
)
