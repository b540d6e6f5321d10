"""Change one bit of a file of weights."""

import hashlib
import shutil
from pathlib import Path

from core.break_it.base import Card, Model, Predict, keras_predict
from core.break_it.models import DIGITS, small_settings

FIRST_EXPONENT_BIT = 0x40  # in the last of the four bytes of a float32 in little-endian order


def save(model: Model, folder: Path) -> None:
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    path = folder / "model.weights.h5"
    model.save_weights(path)
    (folder / "model.weights.h5.sha256").write_text(_hash_file(path), encoding="ascii")


def pull(folder: Path) -> Predict:
    damaged = folder / "damaged.weights.h5"
    shutil.copy(folder / "model.weights.h5", damaged)
    _flip_bit(damaged, _offset_of_largest_bias(damaged) + 3, FIRST_EXPONENT_BIT)
    return _load(folder, damaged)


def cure(folder: Path) -> Predict:
    expected = (folder / "model.weights.h5.sha256").read_text(encoding="ascii")
    candidates = folder / "damaged.weights.h5", folder / "model.weights.h5"
    intact = [path for path in candidates if _hash_file(path) == expected]
    return _load(folder, intact[0])


def _load(folder: Path, weights: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(weights)
    return keras_predict(model)


def _hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flip_bit(path: Path, offset: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= bit
    path.write_bytes(content)


def _offset_of_largest_bias(path: Path) -> int:
    """Where in an HDF5 file the largest bias of the last layer begins, in bytes."""
    import h5py

    with h5py.File(path) as file:
        biases = []
        file.visititems(lambda _, item: biases.append(item) if getattr(item, "shape", None) == (10,) else None)
        return int(biases[0].id.get_offset() + 4 * biases[0][:].argmax())


CARD = Card(
    key="flip-one-bit",
    title="Flip one bit",
    icon="bolt",
    lever="Change a single bit of a file of weights, as a worn disk or a bad cable may.",
    did="Flipped one bit of one number in model.weights.h5, and loaded it.",
    meaning="One number became astronomically large, and drowns out all others. Keras writes no checksum of the "
    "numbers into this file, so nothing noticed.",
    remedy="Keep the SHA-256 of each file, and compare it before loading: the damaged copy is turned away, and the "
    "intact one is loaded. Roundtrip does this before each load.",
    demo=DIGITS,
    settings=small_settings(DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
)
