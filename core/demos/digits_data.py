"""Handwritten digits: 8×8 from scikit-learn's bundle, or MNIST's 28×28 when it can be downloaded."""

import math
import socket
from typing import Any

import numpy as np

from core.demos.base import Data, Model, Split, TrainSettings, accuracy_score, bundled_file, split_rows
from core.demos.keras_training import fit_keras
from core.errors import DataUnavailable

LABELS = tuple(str(digit) for digit in range(10))
DATASETS = {
    "digits": "1,797 digits of 8×8 pixels, bundled with scikit-learn: works offline",
    "mnist": "70,000 digits of 28×28 pixels (MNIST): downloaded once, about 11 MB",
}
IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28)}
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository "
    "(CC BY 4.0), as bundled with scikit-learn; MNIST, Y. LeCun and C. Cortes (CC BY-SA 3.0), through keras.datasets."
)
DOWNLOAD_TIMEOUT = 20  # seconds without a byte: keras.datasets itself would wait for ever


def pixel_count(dataset: str) -> int:
    return math.prod(IMAGE_SHAPES[dataset])


def data(settings: TrainSettings) -> Data:
    """Digits as rows of float32 pixels in [0, 1], with one-hot float32 targets, split 70 : 15 : 15 by class.

    The split does not depend on the seed of the training, so that all runs predict the same test examples.
    Raises DataUnavailable when MNIST cannot be downloaded.
    """
    pixels, digits = _load_mnist() if settings.dataset == "mnist" else _load_bundled_digits()
    return split_rows({"pixels": pixels}, {"digit": np.eye(10, dtype="float32")[digits]}, digits)


def _load_bundled_digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return (bundle.data / 16).astype("float32"), bundle.target


def sample() -> Split:
    """The first ten of the bundled digits, one of each class, read without scikit-learn: float32 (10, 64) in [0, 1],
    with one-hot float32 targets."""
    path = bundled_file("sklearn", "datasets", "data", "digits.csv.gz")
    table = np.loadtxt(path, delimiter=",", max_rows=10, dtype="float32")
    return Split({"pixels": table[:, :-1] / 16}, {"digit": np.eye(10, dtype="float32")[table[:, -1].astype(int)]})


def _load_mnist() -> tuple[np.ndarray, np.ndarray]:
    import keras

    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        (train, train_digits), (test, test_digits) = keras.datasets.mnist.load_data()
    except Exception as error:  # urllib, ssl, socket and Keras' own bare Exception all mean one thing here
        raise DataUnavailable(
            "MNIST is not on this computer yet, and downloading it failed.",
            cure="Connect to the internet and try again, or choose the bundled 8×8 digits.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    pixels = np.concatenate([train, test]).reshape(-1, 784).astype("float32") / 255
    return pixels, np.concatenate([train_digits, test_digits])


def compile_classifier(model: Model, settings: TrainSettings) -> Model:
    """Compile a Keras classifier of digits as all of them are."""
    import keras

    model.compile(keras.optimizers.Adam(settings.learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


# What all Keras demos of digits have in common, and those that read one.
DIGIT_FACTS: dict[str, Any] = {
    "source": SOURCE,
    "kind": "keras",
    "datasets": DATASETS,
    "image_shapes": IMAGE_SHAPES,
    "train": fit_keras,
}
CLASSIFIER_FACTS = DIGIT_FACTS | {
    "data_description": "1,797 handwritten digits, 8×8 pixels",
    "predicts": "Which digit, 0 to 9, is in a small picture",
    "labels": LABELS,
    "data": data,
    "sample": sample,
    "score": accuracy_score,
}
