"""Questions to the catalog in SQL: so put that the first page costs the same however many rows there are."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sql

from core.compare import Verdict
from core.errors import InputError
from core.library import annotations
from core.library.catalog.schema import (
    COLUMNS_BY_SORT,
    COUNTS,
    ENTRIES,
    FULL_TEXT_TABLE,
    GROUP_INDEX,
    HASHES,
    TAGS,
    index_name,
)
from core.library.permissions import EVERYONE
from core.library.records import SORT_ORDERS, UNREADABLE, Entry, Page, Query

FULL_TEXT_INDEX = sql.table(
    FULL_TEXT_TABLE, sql.column("rowid", sql.Integer), sql.column(FULL_TEXT_TABLE)
)  # the index of words, as SQL knows it
MAX_SORTED_ROWS = 1000  # rows that are sorted rather than walked to in order
KEYS_PER_STATEMENT = 500  # keys in one statement
# More than these are no question, and databases refuse statements of a thousand conditions as they refuse broken files.
MAX_SEARCH_LENGTH = 10_000  # characters: SQLite takes 50,000 bytes of a pattern
MAX_SEARCH_WORDS = 50
MAX_PAGE = 10**9  # page
RARE_FACTOR = 20  # times as many rows in all as fit
HASH_PREFIX_PATTERN = re.compile(r"[0-9a-f]{6,64}")
RANK_BY_VERDICT = {**{verdict.value: verdict.rank for verdict in Verdict}, UNREADABLE: len(Verdict)}


class SearchCondition(NamedTuple):
    """A condition that no index of an order holds: `test` for a row that is walked past, and `keys`, where there is
    such a query, of all rows that fit."""

    test: sql.ColumnElement[bool]
    keys: sql.Select | None


def validate_query(query: Query) -> Query:
    """The query itself. Raises InputError."""
    if query.sort not in SORT_ORDERS:
        raise InputError("There is no such order.", received=query.sort, cure=f"Choose from {', '.join(SORT_ORDERS)}.")
    if wrong := [one for one in query.verdicts if one not in RANK_BY_VERDICT]:
        raise InputError(
            "There is no such verdict.", received=wrong[0], cure=f"Choose from {', '.join(RANK_BY_VERDICT)}."
        )
    for name in ("page", "size"):
        if (number := getattr(query, name)) is not None and not 1 <= number <= MAX_PAGE:
            raise InputError(f"The {name} is a whole number from 1.", received=str(number)[:80], cure="Begin at 1.")
    _require_searchable(query)
    return query


def _require_searchable(query: Query) -> None:
    """Raises InputError for a search that no database is asked."""
    if len(query.search) > MAX_SEARCH_LENGTH or len(query.search.split()) > MAX_SEARCH_WORDS:
        raise InputError(
            f"A search has at most {MAX_SEARCH_WORDS} words and {MAX_SEARCH_LENGTH:,} characters.",
            received=query.search[:80],
            cure="Search for less.",
        )
    if len(query.tags) > annotations.MAX_TAGS:
        raise InputError(
            f"No entry has more than {annotations.MAX_TAGS} tags.", received=len(query.tags), cure="Ask for fewer."
        )
    texts = (query.search, query.trust, query.run, *query.demos, *query.formats, *query.tags)
    if any(text != text.encode("utf-8", "ignore").decode() for text in texts):
        raise InputError("The search holds half a letter, which no text has.", cure="Type it again.")


def query_page(connection: sql.Connection, query: Query, has_full_text: bool) -> Page:
    """One page of what fits, and how much there is on all pages."""
    plain, narrow = list(_column_conditions(ENTRIES.c, query)), list(_search_conditions(query, has_full_text))
    few = [one for one in narrow if one.keys is not None and _count_keys(connection, one.keys) <= MAX_SORTED_ROWS]
    where = [*plain, *(ENTRIES.c.key.in_(one.keys) if one in few else one.test for one in narrow)]
    if narrow and not few:
        return _page_in_sort_order(connection, query, where)
    if narrow:
        (total, size), index = _count_rows_and_bytes(connection, sql.select(ENTRIES.c.bytes).where(*where)), ""
    else:
        total, size = _sum_counts(connection, query)
        index = _choose_index(query, _is_rare(connection, total))
    keys = sql.select(ENTRIES.c.key).where(*where)
    if query.size is not None:
        keys = keys.order_by(*_sort_columns(query)).limit(query.size).offset(_page_offset(query))
    return Page(_read_entries(connection, _use_index(index, keys), query) if total else [], total, size)


def _page_in_sort_order(connection: sql.Connection, query: Query, where: list) -> Page:
    """What many rows fit, walked past in order as far as the page goes; of the others it says only that there are."""
    rows = sql.select(ENTRIES.c.key, ENTRIES.c.bytes).where(*where).order_by(*_sort_columns(query))
    most = None if query.size is None else _page_offset(query) + query.size
    found = connection.execute(_use_index(_choose_index(query, is_rare=False), rows.limit(most and most + 1))).all()
    shown = found if query.size is None else found[_page_offset(query) : _page_offset(query) + query.size]
    entries = [
        entry
        for start in range(0, len(shown), KEYS_PER_STATEMENT)
        for entry in _read_entries(connection, [row.key for row in shown[start : start + KEYS_PER_STATEMENT]], query)
    ]
    more = most is not None and len(found) > most
    return Page(entries, len(found), None if more else sum(row.bytes for row in found), more)


def _read_entries(connection: sql.Connection, keys: sql.Select | list[int], query: Query) -> list[Entry]:
    found = sql.select(ENTRIES.c.entry).where(ENTRIES.c.key.in_(keys)).order_by(*_sort_columns(query))
    texts = connection.execute(found).scalars().all()
    return [
        _decode_entry(line) for line in json.loads(f"[{','.join(texts)}]")
    ]  # read at once: twice as fast as one by one


def _use_index(index: str, rows: sql.Select) -> sql.Select:
    return rows.with_hint(ENTRIES, f"INDEXED BY {index}", "sqlite") if index else rows


def _page_offset(query: Query) -> int:
    return (query.page - 1) * query.size


def _count_keys(connection: sql.Connection, keys: sql.Select) -> int:
    """How many there are, up to one more than few."""
    return connection.execute(
        sql.select(sql.func.count()).select_from(keys.limit(MAX_SORTED_ROWS + 1).subquery())
    ).scalar_one()


def _sum_counts(connection: sql.Connection, query: Query) -> tuple[int, int]:
    """How many rows fit, and their bytes: from the counts."""
    asked = sql.select(sql.func.sum(COUNTS.c["count"]), sql.func.sum(COUNTS.c["bytes"]))
    total, size = connection.execute(asked.where(*_column_conditions(COUNTS.c, query))).one()
    return int(total or 0), int(size or 0)


def _is_rare(connection: sql.Connection, total: int) -> bool:
    """Whether so few rows fit that a walk in order would pass too many others before it came to a page of them."""
    return 0 < total <= MAX_SORTED_ROWS and _sum_counts(connection, Query())[0] > RARE_FACTOR * total


def _count_rows_and_bytes(connection: sql.Connection, rows: sql.Select) -> tuple[int, int]:
    """How many rows there are, and their bytes, which is what they have."""
    some = rows.subquery()
    total, size = connection.execute(sql.select(sql.func.count(), sql.func.sum(some.c[0]))).one()
    return total, int(size or 0)


def _choose_index(query: Query, is_rare: bool) -> str:
    """The index to walk: SQLite knows nothing of how often a value is there, and the counts do."""
    single = [name for name, asked in (("format", query.formats), ("demo", query.demos)) if len(asked) == 1]
    if is_rare:
        return GROUP_INDEX if len(single) == 2 else ""
    if single and query.sort in ("created", "bytes"):
        return index_name(single[0], query.sort)
    return index_name(*COLUMNS_BY_SORT[query.sort][:2])


def _sort_columns(query: Query) -> list[sql.ColumnElement]:
    columns = [ENTRIES.c[name] for name in COLUMNS_BY_SORT[query.sort]]
    return [column.desc() if query.descending else column.asc() for column in columns]


def _column_conditions(columns: Any, query: Query) -> Iterator[sql.ColumnElement[bool]]:
    """The conditions that the columns of a kind hold, in either table."""
    ranks = [RANK_BY_VERDICT[one] for one in query.verdicts]
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
    yield from visibility_conditions(columns, query.viewer_id)
    if query.owner_filter and query.viewer_id:
        yield columns.owner == query.viewer_id if query.owner_filter == "mine" else columns.owner != query.viewer_id


def visibility_conditions(columns: Any, viewer_id: str | None) -> Iterator[sql.ColumnElement[bool]]:
    """What that person sees; None sees all."""
    if viewer_id is not None:
        yield columns.only.in_([EVERYONE, viewer_id])


def _search_conditions(query: Query, has_full_text: bool) -> Iterator[SearchCondition]:
    for word in dict.fromkeys(query.search.lower().replace("\0", "").split()):
        yield _word_condition(word, has_full_text)
    for tag in dict.fromkeys(query.tags):
        test = ENTRIES.c.tags.contains(f"\n{tag}\n", autoescape=True)
        yield SearchCondition(test, sql.select(TAGS.c.key).where(TAGS.c.tag == tag))
    if query.run:
        yield SearchCondition(ENTRIES.c.run == query.run, sql.select(ENTRIES.c.key).where(ENTRIES.c.run == query.run))
    if query.ids:
        test = ENTRIES.c.id.in_(query.ids)
        yield SearchCondition(test, sql.select(ENTRIES.c.key).where(test))


def _word_condition(word: str, has_full_text: bool) -> SearchCondition:
    test, keys = ENTRIES.c.text.contains(word, autoescape=True), None
    if has_full_text and len(word) >= 3:
        keys = sql.select(FULL_TEXT_INDEX.c.rowid.label("key")).where(
            FULL_TEXT_INDEX.c[FULL_TEXT_TABLE].op("MATCH")(_quote_phrase(word))
        )
    if HASH_PREFIX_PATTERN.fullmatch(word):
        hashed = sql.select(HASHES.c.key).where(HASHES.c.sha256 >= word, HASHES.c.sha256 < f"{word}g")
        test = sql.or_(test, ENTRIES.c.key.in_(hashed))
        keys = sql.select(sql.union(keys, hashed).subquery().c.key) if keys is not None else None
    return SearchCondition(test, keys)


def _quote_phrase(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def count_tags(connection: sql.Connection, viewer_id: str | None) -> dict[str, int]:
    """Every tag, and how many have it."""
    asked = sql.select(TAGS.c.tag, sql.func.count()).group_by(TAGS.c.tag).order_by(TAGS.c.tag)
    if viewer_id is not None:
        asked = asked.join(ENTRIES, ENTRIES.c.key == TAGS.c.key).where(*visibility_conditions(ENTRIES.c, viewer_id))
    return dict(connection.execute(asked).tuples().all())


def count_column_values(connection: sql.Connection, column: str, viewer_id: str | None) -> dict[Any, int]:
    """Every value of one column of a kind, and how many have it."""
    column = COUNTS.c[column]
    asked = sql.select(column, sql.func.sum(COUNTS.c["count"])).where(*visibility_conditions(COUNTS.c, viewer_id))
    asked = asked.group_by(column).order_by(column)
    return {value: int(count) for value, count in connection.execute(asked)}


def count_runs(connection: sql.Connection, viewer_id: str | None) -> dict[str, int]:
    """Every run that has copies which can be read, and how many it has."""
    asked = sql.select(ENTRIES.c.run, sql.func.count()).where(
        ENTRIES.c["rank"] < len(Verdict), *visibility_conditions(ENTRIES.c, viewer_id)
    )
    return dict(connection.execute(asked.group_by(ENTRIES.c.run)).tuples().all())


def ids_where(connection: sql.Connection, column: str, values: Iterable[str], viewer_id: str | None) -> list[str]:
    """The ids of entries of one run, or that were converted from one artifact."""
    asked = sql.select(ENTRIES.c.id).where(
        ENTRIES.c[column].in_(list(values)), *visibility_conditions(ENTRIES.c, viewer_id)
    )
    asked = asked.order_by(ENTRIES.c.id)
    return list(connection.execute(asked).scalars())


def _decode_entry(line: dict[str, Any]) -> Entry:
    line["tags"], line["aliases"] = tuple(line["tags"]), tuple(line["aliases"])
    return Entry(**line)
