"""Models among the objects of a bucket: which keys belong together, and how they come here."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from core.errors import InputError
from core.library.storage import translate_disk_errors
from core.object_store import ObjectStore
from core.upgrade.candidates import Candidate, find_in_walk
from core.validation.file_names import is_plain_name

Walk = Iterator[tuple[str, list[str], list[str]]]


def find_objects(keys: Iterable[str], address: str) -> list[tuple[Candidate, list[str]]]:
    """Return what may be models among the keys of a store, each with its keys. Raises InputError where there is none.

    The paths of a candidate are relative: its keys.
    """
    plain = [key for key in keys if all(is_plain_name(part) for part in PurePosixPath(key).parts)]
    files = find_in_walk(Path(), _walk(plain), lambda path: True, lambda path: True)
    if not files.candidates:
        cure = "Models end in .keras, .h5, .weights.h5, .onnx or .tflite, or are SavedModel folders."
        raise InputError("There is no model at this address.", received=address, cure=cure)
    return [(candidate, _keys_of(candidate, plain)) for candidate in sorted(files.candidates)]


def _walk(keys: Iterable[str]) -> Walk:
    """As `os.walk` over a tree of keys."""
    tree: dict[str, list[str]] = {".": []}
    for key in keys:
        parts = PurePosixPath(key)
        tree.setdefault(str(parts.parent), []).append(parts.name)
        for parent in parts.parents:
            tree.setdefault(str(parent), [])
    children: dict[str, list[str]] = {}
    for folder in tree:
        if folder != ".":
            children.setdefault(str(PurePosixPath(folder).parent), []).append(PurePosixPath(folder).name)
    yield from _walk_below(".", tree, children)


def _walk_below(folder: str, tree: dict[str, list[str]], children: dict[str, list[str]]) -> Walk:
    folders = list(children.get(folder, []))
    yield folder, folders, list(tree[folder])
    for name in folders:
        yield from _walk_below(str(PurePosixPath(folder) / name), tree, children)


def _keys_of(candidate: Candidate, keys: list[str]) -> list[str]:
    own = [path.as_posix() for path in (candidate.path, candidate.architecture) if path]
    if own[0] in keys:
        return [key for key in own if key in keys]
    top = "" if own[0] == "." else f"{own[0]}/"
    return [key for key in keys if key.startswith(top)]


def fetch_candidate(store: ObjectStore, candidate: Candidate, keys: list[str], folder: Path) -> Candidate:
    """Bring the objects of a model into an empty folder; returns it as it lies there.

    Raises StorageFailed, and InputError where one is gone.
    """
    for key in keys:
        path = folder / key
        with translate_disk_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.writelines(_stream(store, key))
    architecture = folder / candidate.architecture if candidate.architecture else None
    return candidate._replace(path=folder / candidate.path, architecture=architecture)


def _stream(store: ObjectStore, key: str) -> Iterator[bytes]:
    try:
        yield from store.stream(key)
    except FileNotFoundError as error:
        raise InputError("It was removed from the bucket meanwhile.", received=key, cure="Sweep again.") from error
