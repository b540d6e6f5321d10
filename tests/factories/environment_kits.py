"""Small kits, locks and engines of our own, for tests of environments."""

import hashlib
import json
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np

from core.environments.base import Environment
from core.environments.build import RECORD, VENV, BuiltEnvironment
from core.environments.kits import Kit, read_arrays

ENGINES = Path(__file__).parent.parent / "environments" / "engines"
X = np.arange(8, dtype="float32").reshape(4, 2)
EXPECTED = {"twice": 2 * X}
# A package of one small wheel, of which nothing else is needed.
SMALL_REQUIREMENT = "six==1.17.0"
SMALL_LOCK = (
    "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274 "
    "--hash=sha256:ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81\n"
)


class EngineEnvironment(Environment):
    """An environment whose script is one of ours for tests."""

    @property
    def script_path(self) -> Path:
        return ENGINES / f"{self.script}.py"


class LockedEnvironment(Environment):
    """An environment whose lock is the text in its remark."""

    @property
    def lock_path(self) -> Path:
        return Path(self.remark)


def make_engine(script: str, **changes: object) -> Environment:
    facts = {"key": script, "label": script, "requirements": (), "takes": frozenset({"onnx"}), "script": script}
    more = {"megabytes": 1, "good_for": "Tests.", "lock": "tract"}  # any that there is
    return EngineEnvironment(**{**facts, **more, **changes})  # type: ignore[arg-type]


def make_locked(folder: Path, lock: str = SMALL_LOCK, **changes: object) -> Environment:
    """An environment with this lock."""
    path = folder / "small.txt"
    path.write_text(lock)
    facts = {"key": "small", "label": "Small", "requirements": (SMALL_REQUIREMENT,), "takes": frozenset({"onnx"})}
    more = {"script": "onnx_tract", "megabytes": 1, "good_for": "Tests.", "remark": str(path)}
    return LockedEnvironment(**{**facts, **more, **changes})  # type: ignore[arg-type]


def borrow_own_packages(folder: Path) -> BuiltEnvironment:
    """An environment as if it were built, with the packages of the tests themselves."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VENV).symlink_to(sys.prefix)
    (folder / RECORD).write_text(json.dumps({"seconds": 0, "bytes": 0, "files": ""}))
    return BuiltEnvironment(folder, 0.0, 0)


def write_kit(folder: Path, expected: dict[str, np.ndarray] = EXPECTED) -> Path:
    """A kit whose model doubles its input."""
    (folder / "artifact").mkdir(parents=True)
    (folder / "artifact" / "model.onnx").write_bytes(b"doubles")
    np.savez(folder / "inputs.npz", x=X)
    np.savez(folder / "expected.npz", **expected)
    names = ("artifact/model.onnx", "inputs.npz", "expected.npz")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    facts = {"schema": 1, "format": "onnx", "trust": "ours", "tolerance": {"twice": [0.0, 0.0]}, "files": files}
    (folder / "kit.json").write_text(json.dumps(facts))
    return folder


def make_kit(folder: Path, is_untrusted: bool = False, identity: str = "kit") -> Kit:
    written = folder if folder.exists() else write_kit(folder)
    expected = read_arrays(written / "expected.npz")
    write = partial(shutil.copytree, written)
    return Kit(identity, "onnx", expected, write, bytes=4096, is_untrusted=is_untrusted, classes=False)
