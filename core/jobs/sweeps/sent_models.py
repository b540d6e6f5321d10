"""Models of a sweep that a person sent and that lie in the team's store: they go to workers from there."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from core.errors import InputError
from core.jobs.service import Jobs
from core.jobs.sweeps.sweep_files import hash_listed
from core.jobs.uploads import MODELS, place_architecture, place_model
from core.library.job_store import Job
from core.object_store import RemoteFile
from core.sweep.models import SweptModel, list_named_files
from core.text.labels import pluralize


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
    """Return the files of a sweep whose server is gone, as far as they are still kept; none of one that has ended.

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
