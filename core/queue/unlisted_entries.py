"""Entries of the store that no job lists: they were just made, or are about to be deleted.

What a job made stands in this table from before its manifest is put until the job's end is recorded, and again from
when its job is deleted until its manifest is. So what a process leaves in the store that is killed in between is found,
and deleted.
"""

from collections.abc import Iterable

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from core.queue.schema import UNLISTED_ENTRIES as ENTRIES


def note(connection: Connection, entry: str) -> None:
    """Note an entry that is about to be put; one that is noted already, its answer lost, stays as it is."""
    connection.execute(insert(ENTRIES).values(entry=entry).on_conflict_do_nothing())


def take(connection: Connection, entry: str) -> bool:
    """Take out an entry, for a job that lists it from now on; False where it was withdrawn, or is listed already."""
    taken = delete(ENTRIES).where(ENTRIES.c.entry == entry, ~ENTRIES.c.is_withdrawn)
    return connection.execute(taken.returning(ENTRIES.c.entry)).one_or_none() is not None


def withdraw(connection: Connection, entries: Iterable[str]) -> None:
    """Have entries deleted from the store, which no job lists from now on."""
    if rows := [{"entry": entry, "is_withdrawn": True} for entry in entries]:
        statement = insert(ENTRIES).on_conflict_do_update(index_elements=["entry"], set_={"is_withdrawn": True})
        connection.execute(statement, rows)


def withdraw_old(connection: Connection, seconds: float) -> list[str]:
    """Withdraw what was noted so long ago that nobody is about to list it; returns all that is withdrawn by now."""
    is_old = ENTRIES.c.noted < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    connection.execute(update(ENTRIES).where(is_old).values(is_withdrawn=True))
    return list(connection.execute(select(ENTRIES.c.entry).where(ENTRIES.c.is_withdrawn)).scalars())


def remove(connection: Connection, entries: list[str]) -> None:
    """Forget entries that are in the store no more."""
    connection.execute(delete(ENTRIES).where(ENTRIES.c.entry.in_(entries)))
