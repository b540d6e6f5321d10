"""The files of a swept model, laid out as an import or an upgrade takes them, and those that a person sent."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError, Refused
from core.jobs.service import Jobs
from core.jobs.uploads import MODELS, StoredUpload, place_architecture, place_model
from core.library import Library
from core.library.job_store import Job
from core.library.storage import compute_sha256, list_files, translate_disk_errors
from core.object_store import RemoteFile
from core.settings import MB, Settings
from core.sweep.models import SweptModel, list_files_below, list_named_files, refuse_lone_file
from core.text.labels import pluralize
from core.upgrade.candidates import Candidate
from core.validation.archives import unpack_all
from core.validation.rules import refusal


@contextlib.contextmanager
def fetched_candidate(library: Library, model: SweptModel, config: Settings) -> Iterator[Candidate]:
    """The files of a model on the disk, brought there first where they are in a bucket.

    Raises as its `fetch`, and Refused before it for more than may be imported.
    """
    assert model.candidate is not None
    if model.fetch is None:
        yield model.candidate
        return
    if model.bytes > (most := max(config.upload_mb, config.unpacked_mb) * MB):
        raise refusal("too-large", f"{model.bytes:,} bytes, of at most {most:,}")
    with library.staging() as folder:
        yield model.fetch(folder)


@contextlib.contextmanager
def placed_files(library: Library, model: SweptModel, config: Settings) -> Iterator[Path]:
    """The path of a model's file or folder; with an architecture a folder in which nothing but the two lies."""
    with fetched_candidate(library, model, config) as candidate:
        if candidate.architecture is None:
            yield candidate.path
            return
        with library.staging() as folder:
            for path in (candidate.path, candidate.architecture):
                _link_or_copy(path, folder / path.name)
            yield folder


def list_uploads(uploads: StoredUpload, max_bytes: int) -> list[SweptModel]:
    """Return the models among uploaded files, of which zips are unpacked to at most `max_bytes`; a zip that is refused
    is a model that is not asked.

    Raises InputError where there is none.
    """
    assert uploads.temporary_folder is not None
    folder = uploads.path
    with translate_disk_errors():
        if folder.is_file():
            folder = uploads.temporary_folder / "models"
            folder.mkdir()
            uploads.path.rename(folder / uploads.name)
        staged = uploads.temporary_folder / "staged"
        staged.mkdir()
        refused = unpack_all(folder, staged, max_bytes)
        names = os.listdir(folder)
    models = [] if refused and not names else list_files_below(folder)
    models = [refuse_lone_file(model, folder, names) for model in models]
    return [*models, *(_refused_model(name, folder, error) for name, error in refused.items())]


def _refused_model(name: str, folder: Path, error: Refused) -> SweptModel:
    candidate = Candidate(name, folder / name, not_asked=error.sentence)
    return SweptModel(name, (), 0, candidate=candidate, refusal=error)


def _link_or_copy(source: Path, target: Path) -> None:
    with translate_disk_errors():
        try:
            os.link(source, target)
        except OSError:  # another disk
            shutil.copyfile(source, target)


def hash_candidate(candidate: Candidate) -> str:
    """Return the SHA-256 of a file, as an import records it; of several files and of folders one of ours.

    Raises StorageFailed.
    """
    with translate_disk_errors():
        if candidate.path.is_file() and candidate.architecture is None:
            return compute_sha256(candidate.path)
        is_folder = candidate.path.is_dir()
        root = candidate.path if is_folder else candidate.path.parent  # a folder's own name may be one that we gave it
        paths = [*list_files(candidate.path)] if is_folder else [candidate.path]
        paths += [candidate.architecture] if candidate.architecture else []
        return hash_listed((compute_sha256(path), os.path.relpath(path, root)) for path in paths)


def hash_listed(files: Iterable[tuple[str, str]]) -> str:
    """Return one hash of several files, of which each is given by its SHA-256 and its name."""
    lines = [f"{sha256}  {name}\n" for sha256, name in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def name_kept(job: Job) -> str:
    """Return a name for the files of one start of a sweep: what the same job was given by another start lies apart."""
    return f"{job.id}/{secrets.token_hex(8)}"


class SentModels(NamedTuple):
    """Models among sent files, and what makes the job of their sweep: a record that says where these files are kept."""

    models: list[SweptModel]
    create: Callable[[Job], Job]


def keep_sent_models(jobs: Jobs, kept_as: str, files: Iterable[RemoteFile]) -> SentModels:
    """Return the models among sent files, which stay in the store under a name until `discard_sent_models`.

    Raises InputError where there is none, or a file was deleted meanwhile; StorageFailed.
    """
    from core.queue import DatabaseJobStore  # which an installation on one machine need not import

    store = jobs.job_store
    assert isinstance(store, DatabaseJobStore)
    files = list(files)
    named = list_named_files({file.called: file.bytes for file in files})
    if not named:
        cure = "Models end in .keras, .h5, .weights.h5, .onnx or .tflite, or are zips of SavedModel folders."
        raise InputError("There is no model among these files.", received=pluralize(len(files), "file"), cure=cure)
    kept = {file.called: file for file in store.files.keep_remote(kept_as, files)}
    given = store.files.describe_kept(kept_as, kept.values())
    return SentModels([_with_files(model, kept) for model in named], partial(store.create, given=given))


def find_sent_files(jobs: Jobs, job_id: str) -> list[RemoteFile]:
    """Return the files of a sweep whose server is gone; none of one that has ended, or where not all are still kept.

    Raises UnknownName, UnreadableRecord, StorageFailed.
    """
    if not jobs.config.is_team:
        return []
    from core.queue import DatabaseJobStore  # which an installation on one machine need not import

    assert isinstance(jobs.job_store, DatabaseJobStore)
    return jobs.job_store.files.read_kept(jobs.job_store.read_given(job_id))


def _with_files(model: SweptModel, files: dict[str, RemoteFile]) -> SweptModel:
    assert model.candidate is not None
    paths = [path for path in (model.candidate.path, model.candidate.architecture) if path]
    return replace(model, remote=tuple(files[path.name] for path in paths))


def discard_sent_models(jobs: Jobs, kept_as: str) -> None:
    """Delete the files that a start of a sweep was sent, as far as the store answers."""
    from core.queue import DatabaseJobStore  # which an installation on one machine need not import

    if isinstance(jobs.job_store, DatabaseJobStore):
        jobs.job_store.files.delete_given(kept_as)


def hash_sent_model(files: tuple[RemoteFile, ...]) -> str:
    """Return what `hash_candidate` does of the same files on the disk."""
    if len(files) == 1:
        return files[0].sha256
    return hash_listed((file.sha256, file.called) for file in files)


def give_to_import(files: tuple[RemoteFile, ...]) -> list[RemoteFile]:
    """The files of a model as an import takes them: it, and its architecture where it has one."""
    model, *architecture = files
    return [place_model(model), *map(place_architecture, architecture)]


def give_to_upgrade(files: tuple[RemoteFile, ...]) -> list[RemoteFile]:
    """The files of a model as an upgrade takes them: it, or a folder of it and its architecture."""
    if len(files) == 1:
        return [files[0]._replace(name=files[0].called, path="")]
    return [each._replace(name=MODELS, path=each.called) for each in files]
