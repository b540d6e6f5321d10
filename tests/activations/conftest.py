"""Copies with one harmed weight, kept in the library beside the sound ones."""

import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from core.jobs import Jobs
from tests.factories.bit_flips import SIGN_BIT, _variable_groups, flip_bit_in_file


class Weight(NamedTuple):
    """One value of one variable of a layer."""

    layer: str
    place: tuple[int, ...]


@pytest.fixture(scope="session")
def first_weights(jobs: Jobs, saved: Callable) -> Callable[[str, str], np.ndarray]:
    """A function that gives the first variable of a layer of a demo, read from its .weights.h5."""

    def read(demo: str, layer: str) -> np.ndarray:
        with h5py.File(jobs.library.verified_folder(saved(demo, "weights")["artifact"]) / "model.weights.h5") as file:
            result = [
                group
                for group in _variable_groups(file)
                if group.name.split("/")[-2] == layer and group.name.endswith("/vars")
            ]
            return result[0]["0"][...]

    return read


@pytest.fixture
def artifact_with_flipped_bit(jobs: Jobs, saved: Callable) -> Iterator[Callable]:
    """A function that gives the id of a copy in which one bit of one float32 is flipped; all are removed at the end."""
    made: list[str] = []

    def harm(demo: str, format_key: str, value: np.float32, bit: int = SIGN_BIT) -> str:
        sound = saved(demo, format_key)["artifact"]
        with jobs.library.staging() as staged:
            shutil.copytree(jobs.library.verified_folder(sound), staged / "files")
            assert (
                sum(flip_bit_in_file(path, value, bit) for path in (staged / "files").rglob("*") if path.is_file()) == 1
            )
            run, evidence = jobs.library.artifact(sound).run, jobs.library.evidence(sound)
            made.append(jobs.library.commit_artifact(staged, run, evidence, format=format_key, seconds=0.0).id)
        return made[-1]

    yield harm
    for id_ in made:
        jobs.library.remove(id_)
