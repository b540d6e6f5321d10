"""The models in a folder: which of its files belong together, before one of them is opened."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError
from core.validation.file_types import FILE_TYPES, SYSTEM_FILE_PATTERN, display_file_name, is_plain_name

MAX_FILES = 20_000  # that are looked at in one folder
MAX_MODELS = 2_000
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
SAVED_MODEL_FOLDERS = ("variables", "assets", "assets.extra")
SHARED_FOLDER = "A SavedModel is a folder, and other models lie in this one. Put it into a folder or zip of its own."
WEIGHTS_ENDINGS = (".weights.h5",)
ARCHITECTURE_NAMES = ("architecture.json", "model.json", "config.json")
# Endings of models that no environment is asked, and why.
NOT_ASKED = {
    ".index": "A TensorFlow checkpoint is values alone, and needs the code that built its model.",
    ".pkl": "A pickle runs code of its own where it is opened, so it is not opened.",
    ".pickle": "A pickle runs code of its own where it is opened, so it is not opened.",
    ".joblib": "A pickle runs code of its own where it is opened, so it is not opened.",
    ".safetensors": "A safetensors file is values alone, and needs the code that built its model.",
}


class Candidate(NamedTuple):
    """What may be a model: its name within the folder, its path, the architecture beside it, why it is not asked."""

    name: str
    path: Path
    architecture: Path | None = None
    not_asked: str = ""


class FoundFiles(NamedTuple):
    """The candidates by name, and how many other files there are."""

    candidates: list[Candidate]
    others: int


def find_candidates(path: Path) -> FoundFiles:
    """Find what may be models in a folder, or the one that a file is.

    Raises InputError where there is none, or too much to look at.
    """
    if not path.exists() or path.is_symlink():
        raise InputError("There is no such file or folder.", received=path.name, cure="Check its name and place.")
    files = _find_in_folder(path) if path.is_dir() else FoundFiles([Candidate(path.name, path)], 0)
    if not files.candidates:
        cure = "Models end in .keras, .h5, .weights.h5, .onnx or .tflite, or are SavedModel folders."
        raise InputError("There is no model in it.", received=f"{files.others:,} other files", cure=cure)
    if len(files.candidates) > MAX_MODELS:
        cure = "Ask in smaller folders."
        raise InputError("There are too many models in it.", received=f"{len(files.candidates):,}", cure=cure)
    return FoundFiles(sorted(files.candidates), files.others)


def _find_in_folder(folder: Path) -> FoundFiles:
    return find_in_walk(folder, os.walk(folder), _is_own_folder, _is_own_file)


def find_in_walk(
    folder: Path,
    walk: Iterable[tuple[str, list[str], list[str]]],
    is_own_folder: Callable[[Path], bool],
    is_own_file: Callable[[Path], bool],
) -> FoundFiles:
    """Find what may be models in a tree of names, which need not lie on the disk.

    Args:
        folder: its top.
        walk: as `os.walk` gives it; folders that are taken out of a list are not walked.
        is_own_folder: whether a folder is to be looked into.
        is_own_file: whether a file counts.

    Raises InputError where there is too much to look at.
    """
    candidates: list[Candidate] = []
    files, claimed = 0, 0
    for root, folders, names in walk:
        files += len(names)
        if files > MAX_FILES:
            cure = "Ask in smaller folders."
            raise InputError("There are too many files in it.", received=f"more than {MAX_FILES:,}", cure=cure)
        here = Path(root)
        folders[:] = sorted(name for name in folders if is_plain_name(name) and is_own_folder(here / name))
        found, used = _find_files(folder, here, [name for name in names if is_own_file(here / name)])
        if packed := [name for name in names if name in SAVED_MODEL_FILES]:
            folders[:] = [name for name in folders if name not in SAVED_MODEL_FOLDERS]
            saved_model, its_files = _find_saved_model(folder, here, packed[0], found, len(names) - used)
            found, used = [*found, saved_model], used + its_files
        candidates += found
        claimed += used
    return FoundFiles(candidates, files - claimed)


def _find_saved_model(
    folder: Path, here: Path, name: str, beside: list[Candidate], files: int
) -> tuple[Candidate, int]:
    """Return the SavedModel of a folder, and how many of the `files` that are no other model are its own."""
    if beside:
        path = here / name
        return Candidate(_name_within(folder, path), path, not_asked=SHARED_FOLDER), 1
    return Candidate(_name_within(folder, here), here), files


def _is_own_folder(path: Path) -> bool:
    return not path.is_symlink()


def _is_own_file(path: Path) -> bool:
    """Whether it is a file that a person put there: no link, and none of a system's own."""
    is_file = is_plain_name(path.name) and path.is_file() and not path.is_symlink()
    return is_file and not SYSTEM_FILE_PATTERN.match(path.name)


def _name_within(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else display_file_name(folder.name)


def _find_files(folder: Path, here: Path, names: list[str]) -> tuple[list[Candidate], int]:
    """Return the candidates among the files of one folder, and how many files they are."""
    found, used = [], set()
    for name in names:
        ending = _ending_of(name, NOT_ASKED)
        if ending:
            found.append(Candidate(_name_within(folder, here / name), here / name, not_asked=NOT_ASKED[ending]))
        elif not (ending := _ending_of(name, FILE_TYPES)) or ending in (".json", ".zip"):
            continue
        elif architecture := _find_architecture(name, names):
            found.append(Candidate(_name_within(folder, here / name), here / name, here / architecture))
            used.add(architecture)
        else:
            found.append(Candidate(_name_within(folder, here / name), here / name))
        used.add(name)
    return found, len(used)


def count_models(names: Iterable[str]) -> int:
    """Return how many models the files of one folder are, as their names tell; a zip counts as one."""
    listed = list(names)
    candidates, _ = _find_files(Path(), Path(), listed)
    return len(candidates) + sum(bool(_ending_of(name, (".zip",))) for name in listed)


def _ending_of(name: str, endings: Iterable[str]) -> str:
    return next((ending for ending in endings if name.casefold().endswith(ending)), "")


def _find_architecture(name: str, names: list[str]) -> str:
    """Return the name of the architecture of weights: the same name, or that which stands for the folder."""
    ending = _ending_of(name, WEIGHTS_ENDINGS)
    if not ending:
        return ""
    stem = name[: -len(ending)]
    wanted = [f"{stem}.json", f"{stem}.architecture.json", *ARCHITECTURE_NAMES]
    return next((each for each in wanted if each in names), "")
