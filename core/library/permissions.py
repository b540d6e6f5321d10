"""Who may see and change what: the one check through which everything that is read or written for a person goes.

Entries from before people signed in and from the command line are nobody's: everybody sees and changes them. Somebody's
are theirs alone until they share them; a copy is seen only by who may see its run, too.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from core.library.annotations import read_annotations_or_empty
from core.library.records import ID_PATTERN
from core.record import INVALID_JSON_ERRORS

EVERYONE = ""
NOBODY = "nobody"  # the only one who sees what cannot be told whose it is
RECORD_PATHS = {"a": ("artifacts", "artifact.json"), "r": ("runs", "run.json")}


class Viewer(NamedTuple):
    """A person who signed in: an id of ours, and what they are called."""

    id: str
    name: str = ""

    @classmethod
    def from_identity(cls, issuer: str, subject: str, name: str = "") -> "Viewer":
        """The person whom a provider calls `subject`. An e-mail address may be given to somebody else later, and is no
        part of it."""
        return cls("p" + hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:24], name)


def sole_viewer(owner: str | None, shared: bool) -> str:
    """The id of the only person who sees an entry, taken by itself; EVERYBODY."""
    return EVERYONE if shared or not owner else owner


def combine_sole_viewers(first: str, second: str) -> str:
    """The only person who sees what two conditions hide."""
    return first if first == second or second == EVERYONE else second if first == EVERYONE else NOBODY


class _Ownership(NamedTuple):
    """Of a record: whose it is, and its run."""

    owner: str | None
    run: str | None = None


class AccessControl:
    """What `viewer` may see and change in the library at `home`; all of it where that is None."""

    def __init__(self, home: Path, viewer: Viewer | None = None, ownership_cache: dict[str, _Ownership] | None = None):
        self.viewer = viewer
        self._home = home
        self._ownership_cache = {} if ownership_cache is None else ownership_cache  # records never change

    def for_viewer(self, viewer: Viewer) -> "AccessControl":
        """The same for a person. Nobody becomes another one by it."""
        return AccessControl(self._home, viewer if self.viewer is None else self.viewer, self._ownership_cache)

    @property
    def viewer_id(self) -> str | None:
        """The id of the person; None where there is none, who sees all."""
        return self.viewer and self.viewer.id

    def can_see(self, folder: Path) -> bool:
        """Whether an entry is shown; what is not is as if it were not there."""
        return self.viewer_id is None or self.sole_viewer(folder) in (EVERYONE, self.viewer_id)

    def can_change(self, folder: Path) -> bool:
        """Whether an entry may be changed, and taken back from the trash."""
        return self.viewer_id is None or self._read_ownership(folder).owner in (None, self.viewer_id)

    def owner(self, folder: Path) -> str | None:
        return self._read_ownership(folder).owner

    def sole_viewer(self, folder: Path) -> str:
        """The id of the only person who sees an entry; EVERYBODY, or NO_PERSON."""
        facts = self._read_ownership(folder)
        alone = sole_viewer(facts.owner, read_annotations_or_empty(folder).shared)
        run = self._find_folder(facts.run, "r") if folder.name.startswith("a") and facts.run else None
        return combine_sole_viewers(alone, self.sole_viewer(run)) if run else alone

    def can_see_derived(self, owner: str | None, references: Any = ()) -> bool:
        """Whether something that is made from entries is shown: a job, a set of inputs. `named` is anything that JSON
        can hold; every id in it must be one that may be seen, or be gone for good."""
        if self.viewer_id is None:
            return True
        if owner not in (None, self.viewer_id):
            return False
        return all(self._can_reference(id_) for id_ in set(ID_PATTERN.findall(json.dumps(references, default=str))))

    def _can_reference(self, id_: str) -> bool:
        folder = self._find_folder(id_)
        return folder is None or self.can_see(folder)

    def _find_folder(self, id_: str, kinds: str = "ar") -> Path | None:
        """Where a run or an artifact lies, kept or in the trash; None for what is neither."""
        if not ID_PATTERN.fullmatch(id_) or id_[0] not in kinds:
            return None
        folders = (self._home / RECORD_PATHS[id_[0]][0] / id_, self._home / "trash" / id_)
        return next((one for one in folders if one.is_dir()), None)

    def _read_ownership(self, folder: Path) -> _Ownership:
        if folder.name not in self._ownership_cache:
            try:
                found = json.loads((folder / RECORD_PATHS[folder.name[0]][1]).read_text(encoding="utf-8"))
                self._ownership_cache[folder.name] = _Ownership(found.get("owner") or None, found.get("run"))
            except (OSError, *INVALID_JSON_ERRORS):
                return _Ownership(NOBODY)
        return self._ownership_cache[folder.name]
