"""How many entries and bytes there are in each group of the catalog, kept beside the rows."""

import json
from collections import Counter

import sqlalchemy as sql

from core.library.catalog.schema import COUNTS, ENTRIES, GROUP_COLUMNS, in_batches, insert_rows

CountChange = tuple[str, int, int]  # a group, and how many entries and bytes more it has
NewRow = dict[str, str | int]  # by column
Row = NewRow | sql.RowMapping


def update_counts(connection: sql.Connection, changes: list[CountChange]) -> None:
    """Write the counts of all groups at once, of which there are a thousand in a thousand entries."""
    counts, sizes = Counter[str](), Counter[str]()
    for group, count, size in changes:
        counts[group] += count
        sizes[group] += size
    for batch in in_batches(list(counts)):
        where = COUNTS.c.kind.in_(batch)
        for row in connection.execute(COUNTS.select().where(where)).mappings().all():
            counts[row["kind"]] += row["count"]
            sizes[row["kind"]] += row["bytes"]
        connection.execute(COUNTS.delete().where(where))
    insert_rows(
        connection, COUNTS, [_count_row(group, count, sizes[group]) for group, count in counts.items() if count]
    )


def _count_row(group: str, count: int, size: int) -> NewRow:
    values = dict(zip(GROUP_COLUMNS, json.loads(group), strict=True))
    return values | {"kind": group, "count": count, "bytes": size}


def group_key(row: Row) -> str:
    return json.dumps([row[name] for name in GROUP_COLUMNS])


def rebuild_counts(connection: sql.Connection) -> None:
    columns = [ENTRIES.c[name] for name in GROUP_COLUMNS]
    select = sql.select(*columns, sql.func.count().label("count"), sql.func.sum(ENTRIES.c.bytes).label("bytes"))
    rows = connection.execute(select.group_by(*columns)).mappings().all()
    connection.execute(COUNTS.delete())
    insert_rows(connection, COUNTS, [{"kind": group_key(row), **row} for row in rows])
