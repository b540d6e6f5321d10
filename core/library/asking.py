"""Questions to the catalog in SQL: so put that the first page costs the same however many rows there are."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sql

from core.compare import Verdict
from core.errors import InputError
from core.library.entries import SORTS, UNREADABLE, Entry, Page, Query
from core.library.tables import COUNTS, ENTRIES, HASHES, ORDERS, TAGS, WORDS

FEW = 1000  # rows that are sorted rather than walked to in order
HASH = re.compile(r"[0-9a-f]{6,64}")
RANKS = {**{verdict.value: verdict.rank for verdict in Verdict}, UNREADABLE: len(Verdict)}


class Narrow(NamedTuple):
    """A condition that no index of an order holds: `test` for a row that is walked past, and `keys`, where there is
    such a query, of all rows that fit."""

    test: sql.ColumnElement[bool]
    keys: sql.Select | None


def checked(query: Query) -> Query:
    """The query itself. Raises InputError."""
    if query.sort not in SORTS:
        raise InputError("There is no such order.", received=query.sort, cure=f"Choose from {', '.join(SORTS)}.")
    for name in ("page", "size"):
        if (number := getattr(query, name)) is not None and number < 1:
            raise InputError(f"The {name} is a whole number from 1.", received=number, cure="Begin at 1.")
    return query


def ask(connection: sql.Connection, query: Query, full_text: bool) -> Page:
    """One page of what fits, and how much there is on all pages."""
    narrow = list(_narrow(query, full_text))
    few = [one for one in narrow if one.keys is not None and _is_few(connection, one.keys)]
    conditions = [ENTRIES.c.key.in_(one.keys) if one in few else one.test for one in narrow]
    keys = sql.select(ENTRIES.c.key).where(*_plain(ENTRIES.c, query), *conditions)
    total, count = _totals(connection, query, narrow)
    if query.size is not None:
        keys = keys.order_by(*_order(query)).limit(query.size).offset((query.page - 1) * query.size)
    found = sql.select(ENTRIES.c.entry).where(ENTRIES.c.key.in_(keys.scalar_subquery())).order_by(*_order(query))
    return Page([_entry(text) for text in connection.execute(found).scalars()], total, count)


def _is_few(connection: sql.Connection, keys: sql.Select) -> bool:
    counted = sql.select(sql.func.count()).select_from(keys.limit(FEW + 1).subquery())
    return connection.execute(counted).scalar_one() <= FEW


def _totals(connection: sql.Connection, query: Query, narrow: list[Narrow]) -> tuple[int, int]:
    """How many rows fit, and their bytes: from the counts where they tell."""
    if narrow:
        where = [one.test if one.keys is None else ENTRIES.c.key.in_(one.keys) for one in narrow]
        columns, count = ENTRIES.c, sql.func.count()
    else:
        where, columns, count = [], COUNTS.c, sql.func.sum(COUNTS.c["count"])
    asked = sql.select(count, sql.func.sum(columns["bytes"])).where(*_plain(columns, query), *where)
    total, size = connection.execute(asked).one()
    return int(total or 0), int(size or 0)


def _order(query: Query) -> list[sql.ColumnElement]:
    columns = [ENTRIES.c[name] for name in ORDERS[query.sort]]
    return [column.desc() if query.descending else column.asc() for column in columns]


def _plain(columns: Any, query: Query) -> Iterator[sql.ColumnElement[bool]]:
    """The conditions that the columns of a kind hold, in either table."""
    ranks = [RANKS[one] for one in query.verdicts if one in RANKS]
    for column, wanted, asked in (
        (columns.demo, query.demos, query.demos),
        (columns.format, query.formats, query.formats),
        (columns["rank"], ranks, query.verdicts),
        (columns.trust, [query.trust], query.trust),
    ):
        if asked:
            # One value is told apart from several: only then an index gives its rows in order.
            yield column == wanted[0] if len(wanted) == 1 else column.in_(wanted)
    for column, wanted in ((columns.pinned, query.pinned), (columns.aliased, query.alias)):
        if wanted is not None:
            yield column == sql.literal(wanted)


def _narrow(query: Query, full_text: bool) -> Iterator[Narrow]:
    for word in dict.fromkeys(query.search.lower().split()):
        yield _word(word, full_text)
    for tag in dict.fromkeys(query.tags):
        test = ENTRIES.c.tags.contains(f"\n{tag}\n", autoescape=True)
        yield Narrow(test, sql.select(TAGS.c.key).where(TAGS.c.tag == tag))
    if query.run:
        yield Narrow(ENTRIES.c.run == query.run, sql.select(ENTRIES.c.key).where(ENTRIES.c.run == query.run))


def _word(word: str, full_text: bool) -> Narrow:
    test, keys = ENTRIES.c.text.contains(word, autoescape=True), None
    if full_text and len(word) >= 3 and "\0" not in word:
        keys = sql.text(f"SELECT rowid AS key FROM {WORDS} WHERE {WORDS} MATCH :word").bindparams(word=_phrase(word))
        keys = sql.select(keys.columns(sql.column("key", sql.Integer)).subquery().c.key)
    if HASH.fullmatch(word):
        hashed = sql.select(HASHES.c.key).where(HASHES.c.sha256 >= word, HASHES.c.sha256 < f"{word}g")
        test = sql.or_(test, ENTRIES.c.key.in_(hashed))
        keys = sql.select(sql.union(keys, hashed).subquery().c.key) if keys is not None else None
    return Narrow(test, keys)


def _phrase(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def tags_in_use(connection: sql.Connection) -> dict[str, int]:
    """Every tag, and how many have it."""
    asked = sql.select(TAGS.c.tag, sql.func.count()).group_by(TAGS.c.tag).order_by(TAGS.c.tag)
    return dict(connection.execute(asked).tuples().all())


def kinds_in_use(connection: sql.Connection, name: str) -> dict[Any, int]:
    """Every value of one column of a kind, and how many have it."""
    column = COUNTS.c[name]
    asked = sql.select(column, sql.func.sum(COUNTS.c["count"])).group_by(column).order_by(column)
    return {value: int(count) for value, count in connection.execute(asked)}


def ids_where(connection: sql.Connection, column: str, values: Iterable[str]) -> list[str]:
    """The ids of entries of one run, or that were converted from one artifact."""
    asked = sql.select(ENTRIES.c.id).where(ENTRIES.c[column].in_(list(values))).order_by(ENTRIES.c.id)
    return list(connection.execute(asked).scalars())


def _entry(text: str) -> Entry:
    found = json.loads(text)
    return Entry(**{**found, "tags": tuple(found["tags"]), "aliases": tuple(found["aliases"])})
