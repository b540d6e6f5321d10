"""Model code, architecture and weights that a copy lacks, from what its run stores."""

import contextlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.demos import get_demo
from core.demos.base import Demo
from core.errors import Damaged, InputError
from core.exports.bundler import bundle_functions
from core.exports.vocabularies import fill_vocabularies
from core.library import Library, Run
from core.runtimes.keras_changes import require_present_meaning
from core.size_breakdown.tensor_search import load_run_tensors
from core.validation.keras_allowlist import is_allowed_class, is_allowed_function
from core.worker.model_loading import demo_of_source

ARCHITECTURE_FILE = "architecture.json"
STORED_MODEL_FILE = "model.keras"  # in the snapshot of a person's own Keras model
WEIGHTS_FILE = "model.weights.h5"  # in that file

ARCHITECTURE_SCRIPT = '''"""Makes the untrained model from the architecture beside this file."""

from pathlib import Path


def untrained():
    import keras

    text = (Path(__file__).resolve().parent / "architecture.json").read_text(encoding="utf-8")
    return keras.models.model_from_json(text, custom_objects={classes})
'''
CLASSES_SCRIPT = '''"""Your own classes, which are in no file of this format: write them here, or import them from
your program."""


def classes():
    """The classes by name: {names}."""
    raise SystemExit("model.py must give the classes {names}: put them in, and return them by name.")
'''


class ModelScript(NamedTuple):
    """A `model.py`: its text, the packages that it imports, and the classes that a person must add."""

    text: str
    packages: frozenset[str] = frozenset()
    missing_classes: tuple[str, ...] = ()


def make_model_script(run: Run, needed: set[str], library: Library, needs_code: bool) -> ModelScript | None:
    """Return the `model.py` of a kit whose loader takes `classes` or `build` (`needed`); None where it needs none."""
    if key := demo_of_source(run.code_source):
        demo = get_demo(key)
        return _make_demo_script(demo, run, needed) if "build" in needed or (demo.has_classes and needed) else None
    own = tuple(list_custom_classes(library, run)) if needs_code or "build" in needed else ()
    text = CLASSES_SCRIPT.format(names=", ".join(own)) if own else ""
    if "build" in needed:
        build = ARCHITECTURE_SCRIPT.format(classes="classes()" if own else "{}")
        text = build + "\n\n" + text.partition("\n\n\n")[2] if own else build
    return ModelScript(text, frozenset({"keras"}), own) if text else None


def _make_demo_script(demo: Demo, run: Run, needed: set[str]) -> ModelScript:
    has_build = "build" in needed
    source = bundle_functions(*([demo.classes] if demo.has_classes else []), *([demo.build] if has_build else []))
    imports = [*source.imports, *(["from types import SimpleNamespace"] if has_build else [])]
    parts = [f'"""The code of the model: {demo.model_description}."""\n\n' + "\n".join(imports), source.body]
    if has_build:
        chosen = run.settings or run.brought["settings"] or {}
        settings = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        parts.append(f"SETTINGS = SimpleNamespace({settings})")
        parts.append('def untrained():\n    """The model before its training."""\n    return build(SETTINGS)')
    return ModelScript("\n\n\n".join(part.strip() for part in parts) + "\n", source.packages)


def list_custom_classes(library: Library, run: Run) -> list[str]:
    """Return the names of the classes and functions in a person's own Keras model that are not of Keras, sorted."""
    try:
        config = json.loads(read_architecture(library, run))
    except InputError:
        return []
    return sorted(set(_find_custom_names(config)))


def _find_custom_names(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module")
        if name == "function" and not is_allowed_function(config["config"], module):
            yield config["config"]
        elif name != "function" and "module" in config and _is_custom_class(str(name), module):
            yield str(name)
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _find_custom_names(item)


def _is_custom_class(name: str, module: str | None) -> bool:
    """Whether a class is not of Keras; Keras notes no module where it was written into the program itself."""
    if module is None:
        return not (name.startswith("__") or is_allowed_class(name, module))
    return module.partition(".")[0] not in ("keras", "builtins")


def read_architecture(library: Library, run: Run) -> bytes:
    """Return the architecture of a person's own Keras model as JSON, its vocabularies included.

    Raises InputError where the run has none, or its words fit into none.
    """
    with _open_stored_model(library, run) as archive:
        require_present_meaning(archive.read("metadata.json"))
        assets = {name: archive.read(name) for name in archive.namelist() if name.startswith("assets/")}
        return fill_vocabularies(archive.read("config.json"), assets)


def write_weights(library: Library, run: Run, folder: Path) -> Path:
    """Write the weights of a run into a new file of `folder`, and return its path. Raises Damaged, InputError."""
    if run.demo is None:
        path = folder / WEIGHTS_FILE
        with path.open("wb") as file:
            file.writelines(_read_member(library, run, WEIGHTS_FILE))
        return path
    path = folder / "weights.npz"
    weights = [tensor.values for tensor in load_run_tensors(library.snapshot(run.id), run) if tensor.group == "weights"]
    with zipfile.ZipFile(path, "w") as archive:
        for at, values in enumerate(weights):
            with archive.open(zipfile.ZipInfo(f"{at}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values, order="C"), allow_pickle=False)
    return path


def _read_member(library: Library, run: Run, name: str) -> Iterator[bytes]:
    """Yield the bytes of a zip member of the .keras file in the snapshot of a person's own model."""
    with _open_stored_model(library, run) as archive, archive.open(name) as member:
        while chunk := member.read(2**20):
            yield chunk


@contextlib.contextmanager
def _open_stored_model(library: Library, run: Run) -> Iterator[zipfile.ZipFile]:
    path = library.snapshot(run.id) / STORED_MODEL_FILE
    if not path.is_file():
        raise InputError(
            "This copy is half a model, and its run has kept no other half.",
            cure="Save the model whole (.keras or SavedModel), and take the kit of that copy.",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (KeyError, zipfile.BadZipFile) as error:
        raise Damaged("What this run kept of its model cannot be read.", detail=str(error)) from error
