"""The record of an input set: what was asked, kept once, and named by what it holds."""

import hashlib
import json
from typing import Any

from pydantic import Field

from core.library.records import FileEntry
from core.record import Record

RECORD = "inputs.json"
# What of an origin makes another question of the same numbers: which run's rows they are decides what they are held
# against, and whose they are, so that nobody learns that another asked the same. Seeds and file names are news, and the
# same numbers are the same inputs however they came about.
IDENTIFYING = ("kind", "run", "index", "owner")


class InputSet(Record):
    """Inputs that can be asked of any artifact, in the same order.

    `origin` says in `kind` how they came about ("held-out", "random", "file", "typed", "drawn", "found"), and what is
    needed to make them again; of held-out rows, `run` and `index` are the run and the rows of its reference. `words`
    says the same for people, and `notes` what was changed or found on the way. `columns` and `targets` name each array
    with its dtype ("object" is text) and its shape without the rows. Array number n of each is `input-n.npy` and
    `target-n.npy` in `files`.
    """

    id: str
    origin: dict[str, Any]
    words: str
    notes: list[str] = Field(default_factory=list)
    columns: list[dict[str, Any]]
    targets: list[dict[str, Any]] = Field(default_factory=list)
    rows: int
    files: list[FileEntry] = Field(default_factory=list)

    @property
    def owner(self) -> str | None:
        """The id of the person who alone sees it; None where it was nobody who signed in."""
        return self.origin.get("owner")

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.files)

    @property
    def kind(self) -> str:
        return self.origin["kind"]

    def members(self) -> dict[str, str]:
        """For each array its name with its role ("input:pixels"), and the file that holds it."""
        named = {f"input:{one['name']}": f"input-{at}.npy" for at, one in enumerate(self.columns)}
        return named | {f"target:{one['name']}": f"target-{at}.npy" for at, one in enumerate(self.targets)}


def identity(columns: list[dict], targets: list[dict], entries: list[FileEntry], origin: dict[str, Any]) -> str:
    """ "i" and ten digits of a SHA-256 over names, arrays (dtype, shape, bytes) and origin: same inputs, same id."""
    kept = {key: origin[key] for key in IDENTIFYING if key in origin}
    hashes = {one.path: one.sha256 for one in entries}
    text = json.dumps([columns, targets, hashes, kept], sort_keys=True)
    return "i" + hashlib.sha256(text.encode()).hexdigest()[:10]
