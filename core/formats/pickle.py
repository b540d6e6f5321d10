"""Python's own way to store an object, shown as what not to do with a model: loading it runs code."""

from pathlib import Path

from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader, open_pickle, open_structured_pickle
from core.runtimes.base import NO_CODE, Model, ModelCode, Predictor
from core.runtimes.keras import keras_predictor


def save(model: Model, folder: Path) -> None:
    import pickle

    (folder / "model.pkl").write_bytes(pickle.dumps(model))


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    import pickle

    import keras

    with keras.saving.custom_object_scope(dict(code.classes)):
        return keras_predictor(pickle.loads((folder / "model.pkl").read_bytes()))


FORMAT = Format(
    key="pickle",
    label="Pickle (runs code when loaded)",
    layout="one file",
    good_for="Nothing that .keras does not do better; it is here to be compared. Never load an untrusted pickle.",
    keeps=frozenset({"architecture", "weights", "optimizer state", "compile settings"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_pickle, "model.pkl", runs_code=True, load_structured=open_structured_pickle),
    activations="keras",
    runs_code=True,
    origin="Python itself (1995).",
    explains="Loading a pickle runs whatever code its author put into it, with your rights, before anything can be "
    "checked. Roundtrip loads only pickles that it wrote itself, in a process of their own. Inside is a .keras file, "
    "so a custom class must be at hand here too; but Keras' safe mode, which refuses Lambda layers, is not asked.",
)
