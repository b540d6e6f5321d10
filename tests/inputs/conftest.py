"""A library with one run made by hand, and a store of inputs over it: no model, no worker."""

from pathlib import Path

import numpy as np
import pytest

from core.inputs import Inputs
from core.library import Library, Run
from core.runtimes.reference import Reference
from core.settings import Settings
from tests.factories.input_files import COLOUR_LABELS, HELD_OUT_ROWS, PIXELS
from tests.factories.library_entries import make_run_with_reference


@pytest.fixture
def store(tmp_path: Path) -> Inputs:
    """An empty store of inputs, with room for one MiB a set."""
    home = tmp_path / "store"
    return Inputs(home, Settings(home=home, inputs_mb=1))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The library over the same home."""
    return Library(tmp_path / "store")


@pytest.fixture
def colours_run(library: Library) -> Run:
    """A run with 40 test examples of four pixels; row n is of the class n modulo 3."""
    classes = np.arange(HELD_OUT_ROWS) % len(COLOUR_LABELS)
    reference = Reference(
        {"pixels": np.arange(HELD_OUT_ROWS * 4, dtype="float32").reshape(HELD_OUT_ROWS, 4)},
        {"colour": np.zeros((HELD_OUT_ROWS, 3), "float32")},
        {"colour": np.eye(3, dtype="float32")[classes]},
    )
    return make_run_with_reference(
        library, reference, inputs=[PIXELS], labels=COLOUR_LABELS, settings={"dataset": "colours"}
    )
