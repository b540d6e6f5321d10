"""How much memory a job takes at least, by the models that it loads: it goes only to a worker that allows so much."""

import contextlib
from collections.abc import Iterator

from core.errors import RoundtripError
from core.jobs.execution.driver import Requirements
from core.jobs.execution.given_files import GivenFiles
from core.library import Library
from core.library.storage import list_files, size_on_disk

CHILD_BYTES = 8 * 10**8  # of a process that has imported TensorFlow
TIMES_ITS_SIZE = 2  # the file and what is made of it: see findings/keras_file_takes_six_times_its_size_to_load.sh


def estimate_memory(library: Library | None, needs: Requirements, given: GivenFiles) -> int:
    """Return the bytes that the process of the largest model takes at least; what cannot be read counts nothing.

    Args:
        library: None where nothing of it is loaded.
        given: of a folder the largest file is looked at.
    """
    sizes = [*_list_given_sizes(given)] if needs.has_given_model else []
    sizes += _list_sizes(library, needs) if library else ()
    return CHILD_BYTES + TIMES_ITS_SIZE * max(sizes, default=0)


def _list_given_sizes(given: GivenFiles) -> Iterator[int]:
    for path in given.paths.values():
        yield from map(size_on_disk, [path] if path.is_file() else list_files(path))
    yield from (remote.file.bytes for remote in given.remote)


def _list_sizes(library: Library, needs: Requirements) -> Iterator[int]:
    for id_ in needs.copies:
        with contextlib.suppress(RoundtripError):
            yield library.artifact(id_).bytes
    for id_ in needs.runs:
        with contextlib.suppress(RoundtripError):
            yield library.run(id_).weight_bytes
