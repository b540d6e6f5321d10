"""The content hash of a copy, and which other copies have the same."""

from collections.abc import Iterator

from core.library.entry_names import name_entry
from core.library.listing import find_same_content
from core.library.records import Artifact
from ui.session import current_jobs

MAX_NAMED = 5  # copies of the same content that are named


def content_facts(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each fact about what a copy says; nothing where its record has no content hash."""
    if artifact.content is None:
        return
    library = current_jobs().library
    yield "Content hash", artifact.content.sha256
    if equal := find_same_content(library, artifact.content, artifact.id):
        names = [name_entry(library, id_) for id_ in equal[:MAX_NAMED]]
        more = [f"{len(equal) - MAX_NAMED:,} more"] if len(equal) > MAX_NAMED else []
        yield "The same content", "; ".join([*names, *more])
