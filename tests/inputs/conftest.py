"""A library with one run made by hand, and a store of inputs over it: no model, no worker."""

from pathlib import Path

import numpy as np
import pytest

from core.inputs import Inputs
from core.library import Library, Run
from core.runtimes.reference import Reference
from core.settings import Settings
from tests.library.conftest import FACTS

ROWS = 40
LABELS = ["red", "green", "blue"]
PIXELS = {"name": "pixels", "dtype": "float32", "shape": [None, 4]}
BILL = {"name": "bill", "dtype": "float32", "shape": [None, 1]}
GUESTS = {"name": "guests", "dtype": "int32", "shape": [None, 1]}
DAY = {"name": "day", "dtype": "object", "shape": [None, 1]}
MIXED = [BILL, GUESTS, DAY]


def keep(library: Library, reference: Reference, **facts) -> Run:
    """A run with this reference."""
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        reference.write(staged / "reference.npz")
        return library.commit_run(staged, FACTS | facts)


@pytest.fixture
def store(tmp_path: Path) -> Inputs:
    """An empty store of inputs, with room for one MiB a set."""
    home = tmp_path / "store"
    return Inputs(home, Settings(home=home, inputs_mib=1))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The library over the same home."""
    return Library(tmp_path / "store")


@pytest.fixture
def colours(library: Library) -> Run:
    """A run with 40 held-out rows of four pixels; row n is of the class n modulo 3."""
    classes = np.arange(ROWS) % len(LABELS)
    reference = Reference(
        {"pixels": np.arange(ROWS * 4, dtype="float32").reshape(ROWS, 4)},
        {"colour": np.zeros((ROWS, 3), "float32")},
        {"colour": np.eye(3, dtype="float32")[classes]},
    )
    return keep(library, reference, inputs=[PIXELS], labels=LABELS, settings={"dataset": "colours"})


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """Whether two sets of arrays have the same names in the same order, dtypes, shapes and bits."""
    return list(left) == list(right) and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )
