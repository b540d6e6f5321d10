"""Questions to the catalog in SQL: so put that the first page costs the same however many rows there are."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sql

from core.compare import Verdict
from core.errors import InputError
from core.library.access import EVERYBODY
from core.library.entries import SORTS, UNREADABLE, Entry, Page, Query
from core.library.tables import COUNTS, ENTRIES, HASHES, KINDS_INDEX, ORDERS, TAGS, WORDS, index_name

FOUND = sql.table(WORDS, sql.column("rowid", sql.Integer), sql.column(WORDS))  # the index of words, as SQL knows it
FEW = 1000  # rows that are sorted rather than walked to in order
RARE = 20  # times as many rows in all as fit
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
    if wrong := [one for one in query.verdicts if one not in RANKS]:
        raise InputError("There is no such verdict.", received=wrong[0], cure=f"Choose from {', '.join(RANKS)}.")
    for name in ("page", "size"):
        if (number := getattr(query, name)) is not None and number < 1:
            raise InputError(f"The {name} is a whole number from 1.", received=number, cure="Begin at 1.")
    return query


def ask(connection: sql.Connection, query: Query, full_text: bool) -> Page:
    """One page of what fits, and how much there is on all pages."""
    plain, narrow = list(_plain(ENTRIES.c, query)), list(_narrow(query, full_text))
    few = [one for one in narrow if one.keys is not None and _count(connection, one.keys) <= FEW]
    where = [*plain, *(ENTRIES.c.key.in_(one.keys) if one in few else one.test for one in narrow)]
    if not narrow:
        total, size = _sums(connection, COUNTS.c, sql.func.sum(COUNTS.c["count"]), _plain(COUNTS.c, query))
        index = _index(query, _is_rare(connection, total))
    elif few:
        (total, size), index = _sums(connection, ENTRIES.c, sql.func.count(), where), ""
    else:
        (total, size), index = _at_least(connection, narrow, plain), _index(query, rare=False)
    keys = sql.select(ENTRIES.c.key).where(*where)
    if index:
        keys = keys.with_hint(ENTRIES, f"INDEXED BY {index}", "sqlite")
    entries = _entries(connection, keys, query) if total else []
    return _page(query, entries, total, size)


def _page(query: Query, entries: list[Entry], total: int, size: int | None) -> Page:
    """Where only some rows were counted, the one beyond the page says whether there are more."""
    if query.size is None:
        return Page(entries, len(entries), sum(one.bytes or 0 for one in entries))
    if size is not None:
        return Page(entries[: query.size], total, size)
    seen = (query.page - 1) * query.size + len(entries)
    if entries and len(entries) <= query.size:
        return Page(entries, seen, None)
    return Page(entries[: query.size], max(total, seen) if entries else total, None, more=True)


def _entries(connection: sql.Connection, keys: sql.Select, query: Query) -> list[Entry]:
    if query.size is not None:
        first = (query.page - 1) * query.size
        keys = keys.order_by(*_order(query)).limit(query.size + 1).offset(first)
    found = sql.select(ENTRIES.c.entry).where(ENTRIES.c.key.in_(keys.scalar_subquery())).order_by(*_order(query))
    return [_entry(text) for text in connection.execute(found).scalars()]


def _count(connection: sql.Connection, keys: sql.Select) -> int:
    """How many there are, up to one more than few."""
    return connection.execute(sql.select(sql.func.count()).select_from(keys.limit(FEW + 1).subquery())).scalar_one()


def _sums(connection: sql.Connection, columns: Any, count: Any, where: Iterable) -> tuple[int, int]:
    """How many rows fit, and their bytes."""
    total, size = connection.execute(sql.select(count, sql.func.sum(columns["bytes"])).where(*where)).one()
    return int(total or 0), int(size or 0)


def _at_least(connection: sql.Connection, narrow: list[Narrow], plain: list) -> tuple[int, int | None]:
    """How many rows fit, up to one more than few, and the bytes of so few: by the keys of one condition, where there
    are any."""
    by_keys = next((one for one in narrow if one.keys is not None), None)
    if by_keys and len(narrow) == 1 and not plain:
        return FEW + 1, None
    tests = [ENTRIES.c.key.in_(one.keys) if one is by_keys else one.test for one in narrow]
    some = sql.select(ENTRIES.c.bytes).where(*tests, *plain).limit(FEW + 1).subquery()
    total, size = connection.execute(sql.select(sql.func.count(), sql.func.sum(some.c.bytes))).one()
    return total, None if total > FEW else int(size or 0)


def _is_rare(connection: sql.Connection, total: int) -> bool:
    """Whether so few rows fit that a walk in order would pass too many others before it came to a page of them."""
    if total > FEW:
        return False
    whole, _ = _sums(connection, COUNTS.c, sql.func.sum(COUNTS.c["count"]), ())
    return whole > RARE * total


def _index(query: Query, rare: bool) -> str:
    """The index to walk: SQLite knows nothing of how often a value is there, and the counts do."""
    single = [name for name, asked in (("format", query.formats), ("demo", query.demos)) if len(asked) == 1]
    if rare:
        return KINDS_INDEX if len(single) == 2 else ""
    if single and query.sort in ("created", "bytes"):
        return index_name(single[0], query.sort)
    return index_name(*ORDERS[query.sort][:2])


def _order(query: Query) -> list[sql.ColumnElement]:
    columns = [ENTRIES.c[name] for name in ORDERS[query.sort]]
    return [column.desc() if query.descending else column.asc() for column in columns]


def _plain(columns: Any, query: Query) -> Iterator[sql.ColumnElement[bool]]:
    """The conditions that the columns of a kind hold, in either table."""
    ranks = [RANKS[one] for one in query.verdicts]
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
    yield from seen(columns, query.me)
    if query.whose and query.me:
        yield columns.owner == query.me if query.whose == "mine" else columns.owner != query.me


def seen(columns: Any, me: str | None) -> Iterator[sql.ColumnElement[bool]]:
    """What that person sees; None sees all."""
    if me is not None:
        yield columns.only.in_([EVERYBODY, me])


def _narrow(query: Query, full_text: bool) -> Iterator[Narrow]:
    for word in dict.fromkeys(query.search.lower().replace("\0", "").split()):
        yield _word(word, full_text)
    for tag in dict.fromkeys(query.tags):
        test = ENTRIES.c.tags.contains(f"\n{tag}\n", autoescape=True)
        yield Narrow(test, sql.select(TAGS.c.key).where(TAGS.c.tag == tag))
    if query.run:
        yield Narrow(ENTRIES.c.run == query.run, sql.select(ENTRIES.c.key).where(ENTRIES.c.run == query.run))


def _word(word: str, full_text: bool) -> Narrow:
    test, keys = ENTRIES.c.text.contains(word, autoescape=True), None
    if full_text and len(word) >= 3:
        keys = sql.select(FOUND.c.rowid.label("key")).where(FOUND.c[WORDS].op("MATCH")(_phrase(word)))
    if HASH.fullmatch(word):
        hashed = sql.select(HASHES.c.key).where(HASHES.c.sha256 >= word, HASHES.c.sha256 < f"{word}g")
        test = sql.or_(test, ENTRIES.c.key.in_(hashed))
        keys = sql.select(sql.union(keys, hashed).subquery().c.key) if keys is not None else None
    return Narrow(test, keys)


def _phrase(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def tags_in_use(connection: sql.Connection, me: str | None) -> dict[str, int]:
    """Every tag, and how many have it."""
    asked = sql.select(TAGS.c.tag, sql.func.count()).group_by(TAGS.c.tag).order_by(TAGS.c.tag)
    if me is not None:
        asked = asked.join(ENTRIES, ENTRIES.c.key == TAGS.c.key).where(*seen(ENTRIES.c, me))
    return dict(connection.execute(asked).tuples().all())


def kinds_in_use(connection: sql.Connection, name: str, me: str | None) -> dict[Any, int]:
    """Every value of one column of a kind, and how many have it."""
    column = COUNTS.c[name]
    asked = sql.select(column, sql.func.sum(COUNTS.c["count"])).where(*seen(COUNTS.c, me))
    asked = asked.group_by(column).order_by(column)
    return {value: int(count) for value, count in connection.execute(asked)}


def ids_where(connection: sql.Connection, column: str, values: Iterable[str], me: str | None) -> list[str]:
    """The ids of entries of one run, or that were converted from one artifact."""
    asked = sql.select(ENTRIES.c.id).where(ENTRIES.c[column].in_(list(values)), *seen(ENTRIES.c, me))
    asked = asked.order_by(ENTRIES.c.id)
    return list(connection.execute(asked).scalars())


def _entry(text: str) -> Entry:
    found = json.loads(text)
    return Entry(**{**found, "tags": tuple(found["tags"]), "aliases": tuple(found["aliases"])})
