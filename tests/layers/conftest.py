"""Copies with one harmed weight, kept in the library beside the sound ones."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from core.jobs import Jobs

SIGN, EXPONENT = 0x80, 0x40  # of the last byte of a little-endian float32


class Weight(NamedTuple):
    """One value of one variable of a layer."""

    layer: str
    place: tuple[int, ...]


@pytest.fixture(scope="session")
def weights(jobs: Jobs, saved: Callable) -> Callable[[str, str], np.ndarray]:
    """A function that gives the first variable of a layer of a demo, read from its .weights.h5."""

    def read(demo: str, layer: str) -> np.ndarray:
        with h5py.File(jobs.library.verified_folder(saved(demo, "weights")["artifact"]) / "model.weights.h5") as file:
            found = [one for one in _groups(file) if one.name.split("/")[-2] == layer and one.name.endswith("/vars")]
            return found[0]["0"][...]

    return read


def _groups(file: h5py.File) -> list[h5py.Group]:
    found: list[h5py.Group] = []
    file.visititems(lambda name, one: found.append(one) if isinstance(one, h5py.Group) and "0" in one else None)
    return found


@pytest.fixture
def harmed(jobs: Jobs, saved: Callable) -> Iterator[Callable]:
    """A function that gives the id of a copy in which one bit of one float32 is flipped; all are removed at the end."""
    made: list[str] = []

    def harm(demo: str, format_key: str, value: np.float32, bit: int = SIGN) -> str:
        sound = saved(demo, format_key)["artifact"]
        with jobs.library.staging() as staged:
            shutil.copytree(jobs.library.verified_folder(sound), staged / "files")
            assert sum(_flip(path, value, bit) for path in (staged / "files").rglob("*") if path.is_file()) == 1
            run, evidence = jobs.library.artifact(sound).run, jobs.library.evidence(sound)
            made.append(jobs.library.commit_artifact(staged, run, evidence, format=format_key, seconds=0.0).id)
        return made[-1]

    yield harm
    for id_ in made:
        jobs.library.remove(id_)


def _flip(path: Path, value: np.float32, bit: int) -> int:
    """Flip a bit wherever the value stands in a file; gives how often it does."""
    if path.suffix != ".keras":
        changed, count = _flipped(path.read_bytes(), value, bit)
        path.write_bytes(changed)
        return count
    with zipfile.ZipFile(path) as kept:
        members = {name: kept.read(name) for name in kept.namelist()}
    changed, count = _flipped(members["model.weights.h5"], value, bit)
    with zipfile.ZipFile(path, "w") as again:
        for name, content in (members | {"model.weights.h5": changed}).items():
            again.writestr(name, content)
    return count


def _flipped(content: bytes, value: np.float32, bit: int) -> tuple[bytes, int]:
    good = np.float32(value).tobytes()
    return content.replace(good, good[:3] + bytes([good[3] ^ bit])), content.count(good)
