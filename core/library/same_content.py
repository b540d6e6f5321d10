"""Which copies of a library say the same as another, in whatever bytes."""

from core.evidence.content_hash import ContentHash
from core.library.listing import ListingMixin
from core.library.records import Query


def find_same_content(library: ListingMixin, content: ContentHash | None, besides: str = "") -> list[str]:
    """The ids of the copies, that this person sees, with a content hash; `besides` is a copy that is left out.

    None is found where there is no hash.
    """
    if content is None:
        return []
    entries = library.page(Query(search=content.sha256, size=None)).entries
    return [entry.id for entry in entries if entry.content == content.sha256 and entry.id != besides]
