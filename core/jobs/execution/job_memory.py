"""How much memory a job takes at least, by the models that it loads: it goes only to a worker that allows so much."""

import contextlib
import re
from collections.abc import Iterator

from core.errors import RoundtripError
from core.jobs.execution.driver import Requirements
from core.jobs.execution.given_files import GivenFiles
from core.library import Library
from core.library.storage import list_files, size_on_disk

CHILD_BYTES = 8 * 10**8  # of a process that has imported TensorFlow
# The file and what is made of it, where that was measured (findings/keras_file_takes_six_times_its_size_to_load.sh);
# what may be mapped, or holds fewer bits of each number, takes its own size at least. A job that no worker has room for
# is refused at once, so nothing is guessed.
TIMES_ITS_SIZE = 2
MEASURED_FORMATS = ("keras", "h5", "saved_model", "keras_export")
MEASURED_FILES = re.compile(r".*\.(keras|h5|hdf5)|variables\.data-.*", re.IGNORECASE)  # the last is of a SavedModel


def estimate_memory(library: Library | None, needs: Requirements, given: GivenFiles) -> int:
    """Return the bytes that the process of the largest model takes at least; what cannot be read counts nothing, and of
    a zip its own size, whatever it is packed from.

    Args:
        library: None where nothing of it is loaded.
        given: of a folder the largest file is looked at.
    """
    sizes = [*_list_given_sizes(given)] if needs.has_given_model else []
    sizes += _list_sizes(library, needs) if library else ()
    return CHILD_BYTES + max(sizes, default=0)


def _list_given_sizes(given: GivenFiles) -> Iterator[int]:
    for path in given.paths.values():
        for file in [path] if path.is_file() else list_files(path):
            yield _loaded_size(size_on_disk(file), bool(MEASURED_FILES.fullmatch(file.name)))
    for remote in given.remote:
        yield _loaded_size(remote.bytes, bool(MEASURED_FILES.fullmatch(remote.called)))


def _list_sizes(library: Library, needs: Requirements) -> Iterator[int]:
    for id_ in needs.copies:
        with contextlib.suppress(RoundtripError):
            artifact = library.artifact(id_)
            yield _loaded_size(artifact.bytes, artifact.format in MEASURED_FORMATS)
    for id_ in needs.runs:
        with contextlib.suppress(RoundtripError):
            run = library.run(id_)
            yield _loaded_size(run.weight_bytes, run.kind == "keras")  # whose snapshot is a .keras


def _loaded_size(size: int, is_measured: bool) -> int:
    return size * TIMES_ITS_SIZE if is_measured else size
