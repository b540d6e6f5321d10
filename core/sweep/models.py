"""The models of a plan: runs of the library, files on the disk, objects of a bucket that belong together."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Self

from core.errors import InputError, Refused
from core.library import Library
from core.library.ids import ID_PATTERN
from core.library.records import Entry, Run
from core.library.storage import size_on_disk, translate_disk_errors
from core.object_store import ObjectStore, RemoteFile, open_object_store
from core.sweep.plan import ALL_RUNS
from core.upgrade.candidates import SAVED_MODEL_FILES, Candidate, find_candidates, find_in_walk
from core.validation.file_types import FILE_TYPES, SYSTEM_FILE_PATTERN, display_file_name, is_plain_name

Walk = Iterator[tuple[str, list[str], list[str]]]
ADDRESS = re.compile(r"[a-z0-9]+://")  # of a bucket
MAX_MODELS = 10_000  # of one sweep
LONE_FILE = "A SavedModel is a folder: send it as a zip."


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


Fetch = Callable[[Path], Candidate]  # brings the files of a model into an empty folder


@dataclass(frozen=True)
class SweptModel:
    """One model.

    Attributes:
        formats: Those in which it lies there already.
        bytes: Of these.
        run: Its id in the library; empty for files.
        candidate: Its files on the disk, or their names in the bucket.
        fetch: Brings them here; None where they are on the disk, or in the team's store.
        remote: Its files in the team's store, which go to a worker from there.
        refusal: Why it was refused already, where it was.
    """

    name: str
    formats: tuple[str, ...]
    bytes: int
    run: str = ""
    candidate: Candidate | None = None
    fetch: Fetch | None = None
    remote: tuple[RemoteFile, ...] = ()
    refusal: Refused | None = None

    @property
    def not_asked(self) -> str:
        """Why it is not asked, in a sentence; empty where it is."""
        return self.candidate.not_asked if self.candidate else ""

    def with_name(self, name: str) -> Self:
        return replace(self, name=name)


def list_models(library: Library, names: Iterable[str], folder: Path) -> list[SweptModel]:
    """Return the models of a plan, under names of which none stands twice.

    Args:
        names: As in `SweepPlan.models`.
        folder: That of the plan.

    Raises InputError where one is not there, names no model, or there are too many; UnknownName, StorageFailed.
    """
    names = list(names)
    copies = _list_copies(library) if any(map(is_in_library, names)) else {}
    models = [model for name in names for model in _list_named(library, name, folder, copies)]
    if len(models) > MAX_MODELS:
        cure = f"Name at most {MAX_MODELS:,} in one plan."
        raise InputError("There are too many models in it.", received=f"{len(models):,}", cure=cure)
    if not models:
        raise InputError("There is no run in the library yet.", cure="Train, save or import a model first.")
    return _name_apart(models)


def is_in_library(name: str) -> bool:
    """Whether a name in a plan is that of a run, or of every run."""
    return name == ALL_RUNS or bool(ID_PATTERN.fullmatch(name) and name.startswith("r"))


def _list_named(library: Library, name: str, folder: Path, copies: dict[str, list[Entry]]) -> list[SweptModel]:
    if is_in_library(name):
        runs = [run for run in library.runs() if run.has_been_run] if name == ALL_RUNS else [library.run(name)]
        return [_take_run(run, copies.get(run.id, ())) for run in runs]
    if library.access.viewer_id is not None:
        sentence = "A person who signed in sweeps runs of the library."
        raise InputError(sentence, received=name, cure="Import the models first, then choose their runs.")
    return list(_list_objects(name)) if ADDRESS.match(name) else list_files_below(_find_path(name, folder))


def _find_path(name: str, folder: Path) -> Path:
    """Return where a name of a plan leads. Raises InputError where the system takes it for no path."""
    try:
        path = folder / Path(name).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # which is said of each name that leads nowhere
        return path
    except (OSError, RuntimeError, ValueError) as error:
        cure = "Check its name, and whether you may read it."
        raise InputError("This path cannot be read.", received=display_file_name(name)[:80], cure=cure) from error
    return path


def _take_run(run: Run, copies: Iterable[Entry]) -> SweptModel:
    readable = [copy for copy in copies if not copy.problem]
    formats = dict.fromkeys(str(copy.format) for copy in readable)
    return SweptModel(run.name, tuple(formats), sum(copy.bytes or 0 for copy in readable), run.id)


def _list_copies(library: Library) -> dict[str, list[Entry]]:
    """Return all copies by their runs, in one look at the catalog: a look for each of thousands takes seconds."""
    copies: dict[str, list[Entry]] = {}
    for entry in library.find():
        copies.setdefault(entry.run or "", []).append(entry)
    return copies


def list_files_below(path: Path) -> list[SweptModel]:
    """Return the models in a folder, or the one that a file is. Raises InputError as `find_candidates`."""
    return [
        SweptModel(
            candidate.name,
            _guess_formats(candidate, candidate.path.is_dir()),
            size_on_disk(candidate.path),
            candidate=candidate,
        )
        for candidate in find_candidates(path).candidates
    ]


def _list_objects(address: str) -> Iterator[SweptModel]:
    store = open_object_store(address)
    sizes = store.list_sizes()
    for candidate, keys in find_objects(sizes, address):
        size = sum(sizes[key] for key in keys)
        fetch = partial(fetch_candidate, store, candidate, keys)
        is_whole = candidate.path == Path()  # all that lies there is a single SavedModel
        name = address.rstrip("/").rpartition("/")[2] if is_whole else candidate.name
        formats = _guess_formats(candidate, candidate.path.as_posix() not in keys)
        yield SweptModel(name, formats, size, candidate=candidate, fetch=fetch)


def list_named_files(sizes: Mapping[str, int]) -> list[SweptModel]:
    """Return the models that files of one folder are, as their names tell, with their bytes; a zip counts as one."""
    sizes = {name: size for name, size in sizes.items() if not SYSTEM_FILE_PATTERN.match(name)}
    zips = [name for name in sizes if name.casefold().endswith(".zip")]
    unpacked = sum(size for name, size in sizes.items() if name not in zips)
    files = find_in_walk(Path(), [(".", [], list(sizes))], lambda path: True, lambda path: True)
    named = [
        SweptModel(each.name, _guess_formats(each, False), sizes.get(each.name, unpacked), candidate=each)
        for each in files.candidates
    ]
    return [
        *(refuse_lone_file(model, Path(), sizes) for model in named),
        *(SweptModel(name, (), sizes[name]) for name in zips),
    ]


def refuse_lone_file(model: SweptModel, folder: Path, names: Iterable[str]) -> SweptModel:
    """Return the model, not asked where it is a SavedModel whose files were sent into a folder without its own."""
    if model.candidate is None or model.candidate.path != folder:
        return model
    name = next(name for name in names if name in SAVED_MODEL_FILES)
    return replace(model, name=name, formats=(), candidate=Candidate(name, folder / name, not_asked=LONE_FILE))


def _guess_formats(candidate: Candidate, is_folder: bool) -> tuple[str, ...]:
    """Return the format that a name tells; a folder is a SavedModel."""
    name = candidate.path.name.casefold()
    if is_folder or candidate.not_asked:
        return () if candidate.not_asked else ("saved_model",)
    kind = next((file_type.kind for ending, file_type in FILE_TYPES.items() if name.endswith(ending)), "")
    kind = "weights" if kind == "h5" and candidate.architecture else kind
    return (kind,) if kind else ()


def _name_apart(models: list[SweptModel]) -> list[SweptModel]:
    """Number the second of a name, and those that follow."""
    own = {model.name for model in models}
    used: set[str] = set()
    seen: Counter[str] = Counter()
    named = []
    for model in models:
        name = model.name
        while name in used or (name in own and name != model.name):  # a number may be part of another's own name
            seen[model.name] += 1
            name = f"{model.name} ({seen[model.name] + 1})"
        used.add(name)
        named.append(model.with_name(name))
    return named
