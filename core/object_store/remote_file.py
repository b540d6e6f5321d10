"""`RemoteFile`: a file that a job is given, of which no byte lies on this machine."""

from typing import NamedTuple

from core.object_store.contents import StoredPart


class RemoteFile(NamedTuple):
    """A file of what a job is given that lies in the team's store.

    Attributes:
        argument: Which argument of the job it belongs to.
        name: What that is called there.
        path: Its place in it; empty where it is a file.
        called: What its owner calls it.
        parts: The objects that it is joined of, in order.
    """

    argument: str
    name: str
    path: str
    called: str
    bytes: int
    sha256: str
    parts: list[StoredPart]
