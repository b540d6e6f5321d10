"""All runs and artifacts that are stored: records, files on disk, and the catalog that is derived from them."""

from core.library.library import Library
from core.library.records import Artifact, Entry, Page, Query, Run

__all__ = ["Artifact", "Entry", "Library", "Page", "Query", "Run"]
