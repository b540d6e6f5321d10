"""Files from a browser, in pieces that lie on the disk: resumed after a lost connection, a reload, or a restart."""

from core.uploads.named_file import NamedFile, place_file
from core.uploads.piece import Piece
from core.uploads.record import Upload
from core.uploads.store import Uploads

__all__ = ["NamedFile", "Piece", "Upload", "Uploads", "place_file"]
