"""`SharedEntries`: where the entries of a library are kept, in the folders of its home or in a store that others share.

The home has one layout for both: the folders are the entries themselves, or what this machine has fetched of a store.
"""

import contextlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from core.errors import Damaged, RoundtripError
from core.library.annotation_files import AliasChange, Aliases
from core.library.catalog.catalog import Catalog
from core.library.records import FileEntry, Page, Query
from core.library.storage import BytesReadCallback

TextChange = Callable[[str | None], str | None]  # from the text of a document to its next one; None where there is none
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class Hold:
    """The right to commit, while it lasts; this one cannot be lost."""

    def require(self) -> None:
        """Raise Cancelled or StorageFailed where it was lost."""

    def add(self, id_: str, withdraw: Callable[[], object]) -> None:
        """Note that an entry was put, and what withdraws it, should it turn out that the right was lost before and that
        nobody who has it now needs the entry."""


Fence = Callable[[], AbstractContextManager[Hold]]


@contextlib.contextmanager
def unfenced() -> Iterator[Hold]:
    """The fence of who commits for nobody else."""
    yield Hold()


class RowSync(Protocol):
    """Keeps the rows of a catalog in step with the entries."""

    def query(self, method: Callable[Concatenate[Catalog, P], ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
        """Call a method of the catalog once its rows are in step. Raises StorageFailed."""

    def rebuild(self) -> None:
        """Read every entry again. Raises StorageFailed."""

    def page_afresh(self, query: Query) -> Page:
        """A page as a new catalog would give it, read from the entries alone. Raises StorageFailed."""


class StoreState(NamedTuple):
    """What a machine sees of the store that it shares with others.

    `problem` is why it does not answer, empty where it does; `cached_bytes` is what lies in the home of the
    `cache_limit` that may; `unshared` are runs and artifacts of the home that are not in the store.
    """

    address: str
    problem: str
    seconds: float
    cached_bytes: int
    cache_limit: int
    unshared: list[str]


class Freed(NamedTuple):
    """Contents that were deleted from a store, and their bytes."""

    contents: int = 0
    bytes: int = 0


class SharedEntries(Protocol):
    """The entries of a library. What a store does not give raises StorageFailed, what is broken in it Damaged."""

    is_shared: bool  # with other machines

    @property
    def catalog(self) -> Catalog:
        """The catalog of these entries."""

    @property
    def rows(self) -> RowSync:
        """What keeps the rows of the catalog."""

    def locate(self, id_: str) -> Path | None:
        """The folder of an entry with its records and documents as they are now, in its place or in the trash.

        None where there is no such entry.
        """

    def locate_all(self, ids: Iterable[str]) -> dict[str, Path]:
        """The same of many at once; those that are missing or damaged are left out."""

    def fetch(self, id_: str, names: Collection[str] = ()) -> None:
        """See that the files and folders of these names, or all, lie in the entry's folder, each whole."""

    def refetch(self, id_: str, names: Collection[str]) -> bool:
        """Replace what is damaged in the entry's folder; whether there is a place from which it can be."""

    def list_damage(
        self, id_: str, folder: Path, files: Iterable[FileEntry], on_read: BytesReadCallback
    ) -> list[Damaged]:
        """What is wrong with files of an entry, whose paths are relative to `folder`, where they are kept."""

    def find_missing(self, folder: Path, files: Sequence[FileEntry]) -> list[str]:
        """The paths of those that are not where they are kept, or have another size there; none of them is read."""

    def ids(self, kinds: str) -> list[str]:
        """The ids of the entries of these kinds that are in their places; in a folder also names that are no ids."""

    def trash_ids(self) -> list[str]:
        """The ids of what can be restored, what was removed last first."""

    def stamp(self) -> Hashable:
        """Something that changes with every change of an entry that was logged."""

    def find_unshared(self) -> list[str]:
        """The ids of runs and artifacts that lie in the home and that others do not have."""

    def check_store(self) -> StoreState | None:
        """Ask the store; None where there is none."""

    def find_foreign(self) -> dict[str, RoundtripError]:
        """What calls itself an entry where others see it and cannot be read as one, with why."""

    def commit(self, staged: Mapping[str, Path], fence: Fence) -> list[str]:
        """Make staged folders, by id and all in one staging folder, entries: all of them or none.

        They appear inside `fence()`, and not at all where that raises. Returns the ids of which others had stored
        something else, which stays; nothing that is committed with one of them appears.
        """

    def change_document(self, id_: str, name: str, change: TextChange) -> None:
        """Write the next text of a document of an entry. What `change` raises leaves it as it is."""

    def put_in_trash(self, id_: str) -> None:
        """Move an entry into the trash, and note when."""

    def restore(self, id_: str) -> None:
        """Move an entry out of the trash into its place."""

    def delete(self, id_: str) -> bool:
        """Delete for good what is in the trash; whether it was still there."""

    def collect_if_due(self, days: int) -> Freed:
        """Delete what no entry has used for so many days, once a day in all of a team; nothing where an entry's files
        are its own."""

    def aliases(self) -> Aliases:
        """The aliases with their history. Raises UnreadableRecord."""

    def change_alias(self, aliases: Aliases, change: AliasChange) -> bool:
        """Change an alias that is as in `aliases`; False where another writer was faster."""

    def write_lock(self) -> AbstractContextManager[None]:
        """One writer at a time, where what was read is written back. Raises StorageFailed after a minute."""
