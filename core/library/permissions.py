"""Who may see and change what: the one check through which everything that is read or written for a person goes.

Entries from before people signed in and from the command line are nobody's: everybody sees and changes them. Somebody's
are theirs alone until they share them; a copy is seen only by who may see its run, too.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from core.library.annotations import marks_or_none
from core.library.records import ID
from core.record import BROKEN

EVERYBODY = ""
NO_PERSON = "nobody"  # the only one who sees what cannot be told whose it is
PLACES = {"a": ("artifacts", "artifact.json"), "r": ("runs", "run.json")}


class Viewer(NamedTuple):
    """A person who signed in: an id of ours, and what they are called."""

    id: str
    name: str = ""

    @classmethod
    def of(cls, issuer: str, subject: str, name: str = "") -> "Viewer":
        """The person whom a provider calls `subject`. An e-mail address may be given to somebody else later, and is no
        part of it."""
        return cls("p" + hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:24], name)


def only(owner: str | None, shared: bool) -> str:
    """The id of the only person who sees an entry, taken by itself; EVERYBODY."""
    return EVERYBODY if shared or not owner else owner


def both(one: str, other: str) -> str:
    """The only person who sees what two conditions hide."""
    return one if one == other or other == EVERYBODY else other if one == EVERYBODY else NO_PERSON


class _Facts(NamedTuple):
    """Of a record: whose it is, and its run."""

    owner: str | None
    run: str | None = None


class Access:
    """What `viewer` may see and change in the library at `home`; all of it where that is None."""

    def __init__(self, home: Path, viewer: Viewer | None = None, known: dict[str, _Facts] | None = None):
        self.viewer = viewer
        self._home = home
        self._known = {} if known is None else known  # records never change

    def of(self, viewer: Viewer) -> "Access":
        """The same for a person. Nobody becomes another one by it."""
        return Access(self._home, viewer if self.viewer is None else self.viewer, self._known)

    @property
    def me(self) -> str | None:
        """The id of the person; None where there is none, who sees all."""
        return self.viewer and self.viewer.id

    def sees(self, folder: Path) -> bool:
        """Whether an entry is shown; what is not is as if it were not there."""
        return self.me is None or self.only(folder) in (EVERYBODY, self.me)

    def owns(self, folder: Path) -> bool:
        """Whether an entry may be changed, and taken back from the trash."""
        return self.me is None or self._facts(folder).owner in (None, self.me)

    def owner(self, folder: Path) -> str | None:
        return self._facts(folder).owner

    def only(self, folder: Path) -> str:
        """The id of the only person who sees an entry; EVERYBODY, or NO_PERSON."""
        facts = self._facts(folder)
        alone = only(facts.owner, marks_or_none(folder).shared)
        run = self._folder(facts.run, "r") if folder.name.startswith("a") and facts.run else None
        return both(alone, self.only(run)) if run else alone

    def admits(self, owner: str | None, named: Any = ()) -> bool:
        """Whether something that is made from entries is shown: a job, a set of inputs. `named` is anything that JSON
        can hold; every id in it must be one that may be seen, or be gone for good."""
        if self.me is None:
            return True
        if owner not in (None, self.me):
            return False
        return all(self._may_name(id_) for id_ in set(ID.findall(json.dumps(named, default=str))))

    def _may_name(self, id_: str) -> bool:
        folder = self._folder(id_)
        return folder is None or self.sees(folder)

    def _folder(self, id_: str, kinds: str = "ar") -> Path | None:
        """Where a run or an artifact lies, kept or in the trash; None for what is neither."""
        if not ID.fullmatch(id_) or id_[0] not in kinds:
            return None
        folders = (self._home / PLACES[id_[0]][0] / id_, self._home / "trash" / id_)
        return next((one for one in folders if one.is_dir()), None)

    def _facts(self, folder: Path) -> _Facts:
        if folder.name not in self._known:
            try:
                found = json.loads((folder / PLACES[folder.name[0]][1]).read_text(encoding="utf-8"))
                self._known[folder.name] = _Facts(found.get("owner") or None, found.get("run"))
            except (OSError, *BROKEN):
                return _Facts(NO_PERSON)
        return self._known[folder.name]
