"""Whether the library has a model already that was imported just now."""

from core.evidence.content_hash import ContentHash
from core.library import Library
from core.library.entry_names import name_entry
from core.library.listing import find_same_content

KNOWN_CHECK = "The library has this model already: a copy whose tensors and graph are equal"


def describe_known(library: Library, content: ContentHash | None, besides: str) -> tuple[str, str] | None:
    """That the library has copies with the same content, and which; None where it has none.

    Args:
        content: of the files that are imported.
        besides: the artifact whose files these are, if it was stored already.
    """
    if not (known := find_same_content(library, content, besides)):
        return None
    others = f" and {len(known) - 1:,} more" if len(known) > 1 else ""
    return KNOWN_CHECK, f"{name_entry(library, known[-1])}{others}."
