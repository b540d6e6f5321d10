"""Model code, architecture, weights and vocabularies that a copy lacks, from what its run stores.

An adapted vocabulary is in the assets of a .keras file alone; in an architecture it is put where the layer reads it.
"""

import contextlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.demos import get_demo
from core.demos.base import Demo
from core.errors import Damaged, InputError
from core.exports.bundler import bundle_functions
from core.library import Library, Run
from core.runtimes.keras_changes import changes_since, read_metadata_version
from core.size_breakdown.tensor_search import load_run_tensors
from core.validation.keras_allowlist import is_allowed_class, is_allowed_function
from core.worker.model_loading import demo_of_source

LOOKUP_LAYERS = ("StringLookup", "IntegerLookup", "TextVectorization")
ASSET_PATTERN = re.compile(r"assets/(?P<layer>.+)/vocabulary\.txt")
INNER_LAYER = "/_lookup_layer"  # of TextVectorization, which stores the same words once more

Config = dict[str, Any]


def fill_vocabularies(architecture: bytes, assets: Mapping[str, bytes]) -> bytes:
    """Return an architecture with the words of its lookup layers in their configs, where Keras reads them as well.

    `assets` are the members of the .keras file. Raises InputError where words are left over, or weighted.
    """
    words = {match["layer"]: text.decode() for name, text in assets.items() if (match := ASSET_PATTERN.fullmatch(name))}
    words = {layer: text for layer, text in words.items() if not layer.endswith(INNER_LAYER)}
    if not words:
        return architecture
    document = json.loads(architecture)
    for path, config in _walk_layers(document, ""):
        if path in words and config.get("output_mode") != "tf_idf":
            config["vocabulary"] = _parse_words(words.pop(path), config)
    if words:
        raise InputError(
            "The words of this model cannot be put into a kit of half a model.",
            received=", ".join(sorted(words)),
            cure="Take the kit of a copy that holds them: .keras or SavedModel.",
        )
    return json.dumps(document, indent=2).encode()


def _parse_words(text: str, config: Config) -> list[Any]:
    lines = text.splitlines()
    while lines and not lines[-1]:
        lines.pop()
    return list(lines) if config.get("vocabulary_dtype", "string") == "string" else [int(line) for line in lines]


def _walk_layers(entry: Config, path: str) -> Iterator[tuple[str, Config]]:
    """Yield the config of each lookup layer with the path under which Keras stores its assets."""
    if entry.get("class_name") in LOOKUP_LAYERS:
        yield path, entry["config"]
    counts: Counter[str] = Counter()
    for layer in entry.get("config", {}).get("layers") or ():
        name = _to_snake_case(layer["class_name"])
        number = f"_{counts[name]}" if counts[name] else ""
        counts[name] += 1
        yield from _walk_layers(layer, f"{path}/layers/{name}{number}".lstrip("/"))


def _to_snake_case(name: str) -> str:
    """As Keras names the parts of a model in a file, by their classes."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


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


def require_present_meaning(metadata: bytes) -> None:
    """Raise InputError where a file's layers were written by a Keras whose words mean something else in Keras 3."""
    if (version := read_metadata_version(metadata)) and any(changes_since(version)):
        raise InputError(
            "The layers of this model were written by an older Keras, and a kit of half a model keeps its words.",
            received=f"Keras {version}",
            cure="Take the kit of the file itself, or of a copy as SavedModel.",
        )


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
