"""Files from a browser, in pieces that are kept as they come: resumed after a lost connection, a reload, or a restart,
and in a team installation at any of its servers."""

from core.uploads.named_file import NamedFile, RemoteContent, place_file
from core.uploads.piece import Piece
from core.uploads.record import Upload
from core.uploads.store import Uploads, open_uploads

__all__ = ["NamedFile", "Piece", "RemoteContent", "Upload", "Uploads", "open_uploads", "place_file"]
