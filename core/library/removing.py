"""Into the trash and back; what lies there long enough is deleted for good."""

from collections.abc import Iterable

from core.errors import InputError
from core.library.aliases import read_aliases
from core.library.entries import ID, KINDS, unknown
from core.library.files import disk
from core.library.marks import read_marks
from core.library.opened import Opened
from core.library.trash import Thrown


class Removing(Opened):
    """Removes entries and brings them back, one at a time in all processes."""

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash; gives the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        wanted = list(dict.fromkeys(one for id_ in ids for one in self._with_artifacts(id_)))
        with self._alone():
            for one in wanted:
                self._require_free(one)
            for one in wanted:
                self._trash.throw(self._own(one))
                self._lookout.changed(one)
        return wanted

    def _with_artifacts(self, id_: str) -> list[str]:
        self._own(id_)
        copies = self._lookout.ask(lambda catalog: catalog.ids_where("run", [id_])) if id_.startswith("r") else []
        if not all(self.access.owns(self.home / "artifacts" / one) for one in copies):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_free(self, id_: str) -> None:
        """Raises InputError, and UnreadableRecord where nobody can tell."""
        names = [name for name, target in read_aliases(self.home).items() if target == id_]
        if names:
            raise InputError(
                f"The alias '{names[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Point the alias to another artifact, or drop it first.",
            )
        if read_marks(self._folder(id_)).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run; gives the ids that came back."""
        with self._alone():
            ids = self._trash.with_run(id_)
            if not all(self._may_take_back(one) for one in ids):
                raise unknown(id_)
            for one in ids:
                self._trash.take_back(one, self.home / KINDS[one[0]] / one)
                self._lookout.changed(one)
        return ids

    @disk()
    def trash(self) -> list[str]:
        """Ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._may_take_back(id_)]

    def _may_take_back(self, id_: str) -> bool:
        return self.access.me is None or (bool(ID.fullmatch(id_)) and self.access.owns(self.home / "trash" / id_))

    @disk()
    def trashed(self, most: int | None = None) -> list[Thrown]:
        """What can be restored, with what its record says of it, in the order of `trash`; at most so many."""
        return [self._trash.thrown(id_) for id_ in self.trash()[:most]]

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed so many days ago or earlier, and is not pinned; gives the ids.

        Raises StorageFailed.
        """
        with self._alone():
            return self._trash.empty(days, self._may_take_back)
