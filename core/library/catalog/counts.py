"""How many entries and bytes there are in each group of the catalog, kept beside the rows."""

import json
from collections import Counter
from typing import Any

import sqlalchemy as sql

from core.compare import Verdict
from core.library.catalog.queries import visibility_conditions
from core.library.catalog.schema import COUNTS, ENTRIES, GROUP_COLUMNS, TAGS, in_batches, insert_rows

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


def count_tags(connection: sql.Connection, viewer_id: str | None) -> dict[str, int]:
    """Every tag, and how many entries have it."""
    select = sql.select(TAGS.c.tag, sql.func.count()).group_by(TAGS.c.tag).order_by(TAGS.c.tag)
    if viewer_id is not None:
        select = select.join(ENTRIES, ENTRIES.c.key == TAGS.c.key).where(*visibility_conditions(ENTRIES.c, viewer_id))
    return dict(connection.execute(select).all())


def count_values(connection: sql.Connection, name: str, viewer_id: str | None) -> dict[Any, int]:
    """Every value of a group column, and how many entries have it; of "run" those that have readable copies."""
    if name == "run":
        column = ENTRIES.c.run
        select = sql.select(column, sql.func.count()).where(ENTRIES.c["rank"] < len(Verdict))
    else:
        column = COUNTS.c[name]
        select = sql.select(column, sql.func.sum(COUNTS.c["count"]))
    select = select.where(*visibility_conditions(column.table.c, viewer_id)).group_by(column).order_by(column)
    return {value: int(number) for value, number in connection.execute(select)}
