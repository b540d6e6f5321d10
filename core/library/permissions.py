"""Who may see and change what: the one check through which everything that is read or written for a person goes.

Entries from before people signed in and from the command line have no owner: everybody sees and changes them. Others
are seen by their owner alone until that one shares them; a copy is seen only by who may see its run, too.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.library.annotation_files import read_annotations_or_empty
from core.library.ids import ID_PATTERN
from core.library.records import FOLDER_BY_KIND
from core.record import INVALID_JSON_ERRORS

EVERYONE = ""
NOBODY = "nobody"  # the only viewer of what has an unknown owner
RECORD_BY_KIND = {"a": "artifact.json", "r": "run.json"}


class Viewer(NamedTuple):
    """A person who signed in: an id of ours, and what they are called."""

    id: str
    name: str = ""

    @classmethod
    def from_identity(cls, issuer: str, subject: str, name: str = "") -> "Viewer":
        """The person whom a provider calls `subject`. An e-mail address may be given to somebody else later, and is no
        part of the id."""
        return cls("p" + hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:24], name)


def sole_viewer(owner: str | None, shared: bool) -> str:
    """The id of the only person who sees an entry, taken by itself; EVERYONE."""
    return EVERYONE if shared or not owner else owner


def combine_sole_viewers(first: str, second: str) -> str:
    """The only person who sees what two conditions hide."""
    return first if first == second or second == EVERYONE else second if first == EVERYONE else NOBODY


class _Ownership(NamedTuple):
    """The owner and the run of a record."""

    owner: str | None
    run: str | None = None


FindFolder = Callable[[str], Path | None]


def find_entry_folder(home: Path, id_: str) -> Path | None:
    """Where a run or an artifact lies in a home, in its place or in the trash; None where it is in neither."""
    if id_[0] not in FOLDER_BY_KIND:
        return None
    folders = (home / FOLDER_BY_KIND[id_[0]] / id_, home / "trash" / id_)
    return next((folder for folder in folders if folder.is_dir()), None)


class AccessControl:
    """What `viewer` may see and change in the library at `home`; all of it where that is None.

    `locate` says where an entry lies, in its place or in the trash.
    """

    def __init__(
        self,
        home: Path,
        viewer: Viewer | None = None,
        ownership_cache: dict[str, _Ownership] | None = None,
        locate: FindFolder | None = None,
    ):
        self.viewer = viewer
        self._home = home
        self._locate: FindFolder = locate or partial(find_entry_folder, home)
        self._ownership_cache = {} if ownership_cache is None else ownership_cache  # records never change

    def for_viewer(self, viewer: Viewer) -> "AccessControl":
        """The same for a person. Nobody becomes another one by it."""
        return AccessControl(self._home, self.viewer or viewer, self._ownership_cache, self._locate)

    @property
    def viewer_id(self) -> str | None:
        """The id of the person; None where there is none, who sees all."""
        return self.viewer and self.viewer.id

    def can_see(self, folder: Path) -> bool:
        """Whether an entry is shown; what is not is as if it were not there."""
        return self.viewer_id is None or self.sole_viewer(folder) in (EVERYONE, self.viewer_id)

    def can_change(self, folder: Path) -> bool:
        """Whether an entry may be changed, and restored from the trash."""
        return self.viewer_id is None or self.owner(folder) in (None, self.viewer_id)

    def owner(self, folder: Path) -> str | None:
        """The id of an entry's owner; None where it has none, NOBODY where that is unknown."""
        return self._read_ownership(folder).owner

    def sole_viewer(self, folder: Path) -> str:
        """The id of the only person who sees an entry; EVERYONE, or NOBODY."""
        ownership = self._read_ownership(folder)
        viewer_id = sole_viewer(ownership.owner, read_annotations_or_empty(folder).shared)
        run = self._find_folder(ownership.run, "r") if folder.name.startswith("a") and ownership.run else None
        return combine_sole_viewers(viewer_id, self.sole_viewer(run)) if run else viewer_id

    def run_of(self, folder: Path) -> str | None:
        """The id of the run of an artifact; None for a run, and where the record cannot be read."""
        return self._read_ownership(folder).run if folder.name.startswith("a") else None

    def can_see_derived(self, owner: str | None, references: Any = ()) -> bool:
        """Whether something that is made from entries is shown: a job, an input set.

        `references` is anything that JSON can hold; every id in it must be one that may be seen, or be gone for good.
        """
        if self.viewer_id is None:
            return True
        if owner not in (None, self.viewer_id):
            return False
        folders = map(self._find_folder, set(ID_PATTERN.findall(json.dumps(references, default=str))))
        return all(folder is None or self.can_see(folder) for folder in folders)

    def _find_folder(self, id_: str, kinds: str = "ar") -> Path | None:
        """Where a run or an artifact lies, in its place or in the trash; None for what is neither."""
        if not ID_PATTERN.fullmatch(id_) or id_[0] not in kinds:
            return None
        return self._locate(id_)

    def _read_ownership(self, folder: Path) -> _Ownership:
        if folder.name not in self._ownership_cache:
            try:
                record = json.loads((folder / RECORD_BY_KIND[folder.name[0]]).read_text(encoding="utf-8"))
                self._ownership_cache[folder.name] = _Ownership(record.get("owner") or None, record.get("run"))
            except (OSError, *INVALID_JSON_ERRORS):
                return _Ownership(NOBODY)
        return self._ownership_cache[folder.name]
