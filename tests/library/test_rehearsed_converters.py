"""A converter that ends the process in which it is tried first: a failed format, and the person's program lives on."""

import numpy as np
import pytest

from core.errors import CannotSave
from core.library import Library
from tests.factories.misbehaving_worker import misbehave

ROWS = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    """One library for what is added here."""
    return Library(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def sums_model():
    """A Keras model that was never trained."""
    import keras

    return keras.Sequential([keras.Input((3,), name="features"), keras.layers.Dense(1)], name="sums")


@pytest.mark.parametrize(("way", "signal"), [("crashing", "SIGABRT"), ("faulting", "SIGSEGV")])
def test_converter_that_ends_its_process_fails_only_its_format(
    library: Library, sums_model, misbehaving_worker, way: str, signal: str
):
    with misbehave(way, "save"):
        failed, kept = library.add(sums_model, ROWS, ["litert", "keras"], worker=misbehaving_worker)
    assert f"brought its own process down on this model ({signal})" in str(failed.error)
    assert isinstance(failed.error, CannotSave)
    assert kept.artifact
    assert library.artifacts_of(kept.artifact.run) == [kept.artifact.id]
    assert not any((library.home / "staging").iterdir())


def test_converter_that_stops_its_process_is_not_retried_in_program(library: Library, sums_model, misbehaving_worker):
    with misbehave("dead", "save"):
        (result,) = library.add(sums_model, ROWS, ["litert"], worker=misbehaving_worker)
    assert isinstance(result.error, CannotSave)
    assert "ended its own process on this model" in str(result.error)
