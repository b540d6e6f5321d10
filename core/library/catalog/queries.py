"""Queries to the catalog in SQL: what a person may see; the first page costs the same however many rows there are."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sql

from core.compare import Verdict
from core.errors import InputError
from core.library.annotation_files import MAX_TAGS
from core.library.catalog.schema import COLUMNS_BY_SORT, COUNTS, ENTRIES, index_name
from core.library.catalog.searches import Condition, Keys, list_searches
from core.library.permissions import EVERYONE
from core.library.records import SORT_ORDERS, UNREADABLE, Entry, Page, Query


def visibility_conditions(columns: Any, viewer_id: str | None) -> Iterator[Condition]:
    """What that person sees; None sees all."""
    if viewer_id is not None:
        yield columns.only.in_([EVERYONE, viewer_id])


MAX_SORTED_ROWS = 1000  # rows that are sorted rather than walked to in order
KEYS_PER_STATEMENT = 500
MAX_STATEMENTS = 100  # of each kind that are kept: a person's page asks the same at each click
# More than these are no query, and databases refuse statements of a thousand conditions as they refuse broken files.
MAX_SEARCH_LENGTH = 10_000  # characters: SQLite takes 50,000 bytes of a pattern
MAX_SEARCH_WORDS = 50
MAX_PAGE = 10**9
RANK_BY_VERDICT = {**{verdict.value: verdict.rank for verdict in Verdict}, UNREADABLE: len(Verdict)}

Select = sql.Select[*tuple[Any, ...]]


def validate_query(query: Query) -> None:
    """Raises InputError."""
    if query.sort not in SORT_ORDERS:
        raise InputError("There is no such order.", received=query.sort, cure=f"Choose from {', '.join(SORT_ORDERS)}.")
    if unknown := [verdict for verdict in query.verdicts if verdict not in RANK_BY_VERDICT]:
        raise InputError(
            "There is no such verdict.", received=unknown[0], cure=f"Choose from {', '.join(RANK_BY_VERDICT)}."
        )
    for name, number in (("page", query.page), ("size", query.size)):
        if number is not None and not 1 <= number <= MAX_PAGE:
            raise InputError(f"The {name} is a whole number from 1.", received=str(number)[:80], cure="Begin at 1.")
    if len(query.search) > MAX_SEARCH_LENGTH or len(query.search.split()) > MAX_SEARCH_WORDS:
        raise InputError(
            f"A search has at most {MAX_SEARCH_WORDS} words and {MAX_SEARCH_LENGTH:,} characters.",
            received=query.search[:80],
            cure="Search for less.",
        )
    if len(query.tags) > MAX_TAGS:
        raise InputError(f"No entry has more than {MAX_TAGS} tags.", received=len(query.tags), cure="Ask for fewer.")
    texts = (query.search, query.trust, query.run, *query.demos, *query.formats, *query.tags)
    if any(text != text.encode("utf-8", "ignore").decode() for text in texts):
        raise InputError("The search holds half a letter, which no text has.", cure="Type it again.")


def query_page(connection: sql.Connection, query: Query, full_text: str) -> Page:
    """One page of the entries that fit, and the totals of all pages; `full_text` is as `create_tables` returned it."""
    counts = _select_counts(query, full_text)
    if counts is None:
        return _page_with_counts(connection, query)
    if _is_read_at_once(connection, query):
        page = _read_at_once(connection, _select_page_of_few(query, full_text, MAX_SORTED_ROWS))
        if page.total <= MAX_SORTED_ROWS:
            return page
        return _page_in_sort_order(connection, query, _list_tests(query, full_text))
    few = tuple(count <= MAX_SORTED_ROWS for count in connection.execute(counts).one())
    if any(few):
        return _page_of_few(connection, query, _list_conditions(query, full_text, few))
    return _page_in_sort_order(connection, query, _list_tests(query, full_text))


@lru_cache(MAX_STATEMENTS)
def _select_counts(query: Query, full_text: str) -> Select | None:
    """How many rows an index finds for each search of a query, in one statement; None for a query without any."""
    counts = [_count_keys(search.keys) for search in list_searches(query, full_text)]
    return sql.select(*counts) if counts else None


def _list_conditions(query: Query, full_text: str, few: tuple[bool, ...]) -> list[Condition]:
    """The conditions of all columns and searches; those of which an index finds few rows by these."""
    searches = zip(list_searches(query, full_text), few, strict=True)
    tests = (
        ENTRIES.c.key.in_(each.keys) if is_few and each.keys is not None else each.test for each, is_few in searches
    )
    return [*_column_conditions(ENTRIES.c, query), *tests]


def _list_tests(query: Query, full_text: str) -> list[Condition]:
    """The conditions of all columns and searches, for rows that are walked past."""
    return [*_column_conditions(ENTRIES.c, query), *(each.test for each in list_searches(query, full_text))]


def _count_keys(keys: Keys | None) -> sql.ColumnElement[int]:
    """How many there are, at most one more than are sorted; so many, too, where no index finds them."""
    if keys is None:
        return sql.literal(MAX_SORTED_ROWS + 1)
    limited = keys.limit(MAX_SORTED_ROWS + 1).subquery()
    return sql.select(sql.func.count()).select_from(limited).scalar_subquery()


def _page_of_few(connection: sql.Connection, query: Query, where: list[Condition]) -> Page:
    """Sort the few rows that fit, found by their keys alone: any other index of SQLite's would pass more of them."""
    select = _select_sorted(query, where).with_hint(ENTRIES, "NOT INDEXED", "sqlite")
    rows = connection.execute(select).all()
    return Page(_read_page(connection, query, rows), len(rows), sum(row.bytes for row in rows))


def _page_in_sort_order(connection: sql.Connection, query: Query, where: list[Condition]) -> Page:
    """Walk past many rows in order as far as the page goes; of the others it says only that there are."""
    last = None if query.size is None else query.page * query.size
    select = _select_sorted(query, where).limit(last and last + 1)
    rows = connection.execute(_walk_in_order(select, query)).all()
    has_more = last is not None and len(rows) > last
    total_bytes = None if has_more else sum(row.bytes for row in rows)
    return Page(_read_page(connection, query, rows), len(rows), total_bytes, has_more)


def _page_with_counts(connection: sql.Connection, query: Query) -> Page:
    """A page of what the counts know the totals of."""
    if _is_read_at_once(connection, query):
        return _read_at_once(connection, _select_page_with_counts(query))
    total, total_bytes = (int(number or 0) for number in connection.execute(_select_totals(query)).one())
    keys: Select = sql.select(ENTRIES.c.key).where(*_column_conditions(ENTRIES.c, query))
    if query.size is not None:
        keys = keys.order_by(*_sort_columns(query)).limit(query.size).offset(_page_slice(query).start)
    if total > MAX_SORTED_ROWS:  # else a walk in order would pass too many others before it came to a page of them
        keys = _walk_in_order(keys, query)
    return Page(_read_entries(connection, keys, query) if total else [], total, total_bytes)


def _is_read_at_once(connection: sql.Connection, query: Query) -> bool:
    """Whether one statement reads a page: to a server each costs a way there and back, and the page is near."""
    is_near = query.size is not None and query.page * query.size <= MAX_SORTED_ROWS
    return is_near and connection.dialect.name == "postgresql"  # which joins texts in an order


def _select_texts(query: Query, columns: Any) -> Select:
    """Entries as JSON, with what they are sorted by, from a table that has both."""
    return sql.select(columns.entry, *(columns[name] for name in COLUMNS_BY_SORT[query.sort]))


def _select_totals(query: Query) -> Select:
    """How many entries fit, and their bytes, as the counts know them."""
    totals = sql.select(sql.func.sum(COUNTS.c["count"]), sql.func.sum(COUNTS.c["bytes"]))
    return totals.where(*_column_conditions(COUNTS.c, query))


@lru_cache(MAX_STATEMENTS)
def _select_page_with_counts(query: Query) -> Select:
    texts = _select_texts(query, ENTRIES.c).where(*_column_conditions(ENTRIES.c, query))
    return _join_page(query, texts, _select_totals(query))


@lru_cache(MAX_STATEMENTS)
def _select_page_of_few(query: Query, full_text: str, most: int) -> Select:
    """The page and the totals of the rows that fit, if they are not more than `most`; of more, one more is counted."""
    texts = _select_texts(query, ENTRIES.c).add_columns(ENTRIES.c.bytes.label("size"))
    searched = (each.indexed for each in list_searches(query, full_text))
    fitting = texts.where(*_column_conditions(ENTRIES.c, query), *searched).limit(most + 1).cte()
    totals = sql.select(sql.func.count(), sql.func.sum(fitting.c.size)).select_from(fitting)
    return _join_page(query, _select_texts(query, fitting.c), totals)


def _join_page(query: Query, texts: Select, totals: Select) -> Select:
    """Select with the count and the bytes of `totals` the page among texts, joined to one."""
    cut = texts.order_by(*_sort_columns(query, texts.selected_columns))
    page = cut.limit(query.size).offset(_page_slice(query).start).subquery()
    joined = sql.func.aggregate_strings(page.c.entry, ",").aggregate_order_by(*_sort_columns(query, page.c))
    return totals.add_columns(sql.select(joined).scalar_subquery())


def _read_at_once(connection: sql.Connection, statement: Select) -> Page:
    total, total_bytes, texts = connection.execute(statement).one()
    return Page(_parse_entries(texts or ""), int(total or 0), int(total_bytes or 0))


def _select_sorted(query: Query, where: list[Condition]) -> sql.Select[int, int]:
    return sql.select(ENTRIES.c.key, ENTRIES.c.bytes).where(*where).order_by(*_sort_columns(query))


def _page_slice(query: Query) -> slice:
    return slice(None) if query.size is None else slice((query.page - 1) * query.size, query.page * query.size)


def _read_page(connection: sql.Connection, query: Query, rows: Sequence[Any]) -> list[Entry]:
    """The entries of the page, of all rows that fit in order."""
    keys = [row.key for row in rows[_page_slice(query)]]
    return [
        entry
        for start in range(0, len(keys), KEYS_PER_STATEMENT)
        for entry in _read_entries(connection, keys[start : start + KEYS_PER_STATEMENT], query)
    ]


def _read_entries(connection: sql.Connection, keys: Select | list[int], query: Query) -> list[Entry]:
    select = sql.select(ENTRIES.c.entry).where(ENTRIES.c.key.in_(keys)).order_by(*_sort_columns(query))
    return _parse_entries(",".join(connection.execute(select).scalars()))


def _parse_entries(texts: str) -> list[Entry]:
    """Entries as JSON with commas between them, which are read at once: twice as fast as one by one."""
    documents = json.loads(f"[{texts}]")
    return [Entry(**row | {"tags": tuple(row["tags"]), "aliases": tuple(row["aliases"])}) for row in documents]


def _walk_in_order(select: Select, query: Query) -> Select:
    """Hint SQLite at the index of the sort order, which it would leave for any that a filter begins."""
    if (len(query.formats) == 1 or len(query.demos) == 1) and query.sort in ("created", "bytes"):
        return select  # that index has the same order
    return select.with_hint(ENTRIES, f"INDEXED BY {index_name(*COLUMNS_BY_SORT[query.sort][:2])}", "sqlite")


def _sort_columns(query: Query, columns: Any = ENTRIES.c) -> list[sql.ColumnElement[Any]]:
    sorted_by = [columns[name] for name in COLUMNS_BY_SORT[query.sort]]
    return [column.desc() if query.descending else column.asc() for column in sorted_by]


def _column_conditions(columns: Any, query: Query) -> Iterator[Condition]:
    """The conditions on the group columns, of either table."""
    filters: tuple[tuple[Any, Sequence[Any]], ...] = (
        (columns.demo, query.demos),
        (columns.format, query.formats),
        (columns["rank"], [RANK_BY_VERDICT[verdict] for verdict in query.verdicts]),
        (columns.trust, [query.trust] if query.trust else []),
    )
    for column, values in filters:
        if values:  # one value by "=": only then an index gives its rows in order
            yield column == values[0] if len(values) == 1 else column.in_(values)
    for column, flag in ((columns.pinned, query.pinned), (columns.aliased, query.alias)):
        if flag is not None:
            yield column == sql.literal(flag)
    yield from visibility_conditions(columns, query.viewer_id)
    if query.owner_filter and query.viewer_id:
        yield columns.owner == query.viewer_id if query.owner_filter == "mine" else columns.owner != query.viewer_id


def ids_where(connection: sql.Connection, column: str, values: Iterable[str], viewer_id: str | None) -> list[str]:
    """The ids of the entries whose column has one of these values, in order."""
    where = ENTRIES.c[column].in_(list(values)), *visibility_conditions(ENTRIES.c, viewer_id)
    return list(connection.execute(sql.select(ENTRIES.c.id).where(*where).order_by(ENTRIES.c.id)).scalars())
