"""Names of runs and artifacts for people: by format, number and run; an id tells nobody what it is of."""

from core.errors import RoundtripError
from core.formats import label_format
from core.library.library import Library
from core.library.records import Artifact, Query
from core.text.labels import mark_imported, short_labels


def name_entry(library: Library, id_: str, is_numbered: bool = True) -> str:
    """Name a run or an artifact in a sentence, as in "Keras file (.keras) #2 of “Read a digit”".

    By its id where its record cannot be read.

    Args:
        is_numbered: Whether copies of one run in one format are numbered, which costs a query of the catalog.
    """
    try:
        if id_.startswith("r"):
            return f"“{library.run_names().get(id_) or library.run(id_).name}”"
        artifact = library.artifact(id_)
        copy = _number_copy(library, artifact) if is_numbered else _label(artifact)
        return f"{copy} of {name_entry(library, artifact.run)}"
    except RoundtripError:
        return id_


def _number_copy(library: Library, artifact: Artifact) -> str:
    """Return the format, numbered where the run was saved in it several times, the oldest first."""
    query = Query(run=artifact.run, formats=(artifact.format,), size=None)
    entries = {entry.id: entry for entry in library.page(query).entries if not entry.problem}
    if artifact.id not in entries:
        return _label(artifact)
    return short_labels(entries, entries)[artifact.id]


def _label(artifact: Artifact) -> str:
    return mark_imported(label_format(artifact.format), artifact)
