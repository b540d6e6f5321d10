"""The record of one upload: whose it is, how large it is to be, and how much of it has come."""

import re
from datetime import UTC, datetime, timedelta

from pydantic import Field

from core.record import Record, now

ID = re.compile(r"u[0-9a-f]{32}")


class Upload(Record):
    """One file on its way, or come whole.

    Attributes:
        id: Which nobody can guess; it is in no list.
        owner: The id of the person; None where nobody signs in.
        name: What its owner calls the file, as it came; never part of a path.
        bytes: How large it is, as it was stated before anything was sent.
        offset: How many bytes have come and are kept.
        changed: When the last of them came.
        sha256: Of the whole; empty until it is.
    """

    id: str
    owner: str | None = None
    name: str
    bytes: int = Field(ge=0)
    offset: int = Field(0, ge=0)
    changed: str = Field(default_factory=now)
    sha256: str = ""

    @property
    def is_whole(self) -> bool:
        return bool(self.sha256)

    def expires(self, hours: float) -> datetime:
        """When it is deleted unless more of it comes, `hours` after the last that did."""
        return datetime.fromisoformat(self.changed) + timedelta(hours=hours)

    def has_expired(self, hours: float) -> bool:
        return self.expires(hours) < datetime.now(UTC)
