"""Searches of a query in SQL: by words, tags, runs and ids, each found by an index where there is one."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sql

from core.library.catalog.schema import ENTRIES, HASHES, TAGS, WORDS, matches_word
from core.library.records import Query

Condition = sql.ColumnElement[bool]
Keys = sql.Select[int]
HASH_PREFIX_PATTERN = re.compile(r"[0-9a-f]{6,64}")
INDEXED_HASH_DIGITS = 12  # that SQLite looks up: few texts have them, and all 64 are five times the work


class SearchCondition(NamedTuple):
    """A condition that no index of a sort order covers.

    `test` is for a row that is walked past; `keys` selects all rows that fit, where an index can; `indexed` is the same
    as a condition, by which a database chooses among the indexes of all conditions by itself.
    """

    test: Condition
    keys: Keys | None
    indexed: Condition


def list_searches(query: Query, full_text: str) -> Iterator[SearchCondition]:
    """The searches of a query; `full_text` is the dialect whose index finds words, empty where there is none."""
    for word in dict.fromkeys(query.search.lower().replace("\0", "").split()):
        yield _word_condition(word, full_text)
    for tag in dict.fromkeys(query.tags):
        test = ENTRIES.c.tags.contains(f"\n{tag}\n", autoescape=True)
        keys = sql.select(TAGS.c.key).where(TAGS.c.tag == tag)
        yield SearchCondition(test, keys, ENTRIES.c.key.in_(keys))
    if query.run:
        yield _keyed(ENTRIES.c.run == query.run)
    if query.ids:
        yield _keyed(ENTRIES.c.id.in_(query.ids))


def _keyed(test: Condition) -> SearchCondition:
    return SearchCondition(test, sql.select(ENTRIES.c.key).where(test), test)


def _word_condition(word: str, full_text: str) -> SearchCondition:
    test = indexed = ENTRIES.c.text.contains(word, autoescape=True)
    keys: Keys | None = None
    if full_text and len(word) >= 3:
        keys = _select_word(word) if full_text == "sqlite" else sql.select(ENTRIES.c.key).where(test)
    if HASH_PREFIX_PATTERN.fullmatch(word):
        hashes = sql.select(HASHES.c.key).where(HASHES.c.sha256 >= word, HASHES.c.sha256 < f"{word}g")
        test = sql.or_(test, ENTRIES.c.key.in_(hashes))
        keys = sql.select(sql.union(keys, hashes).subquery().c.key) if keys is not None else None
        indexed = ENTRIES.c.key.in_(keys) if keys is not None else test
    return SearchCondition(test, keys, indexed)


def _select_word(word: str) -> Keys:
    """The keys of the rows that have a word, by SQLite's index."""
    keys = sql.select(WORDS.c.rowid.label("key"))
    if not HASH_PREFIX_PATTERN.fullmatch(word):
        return keys.where(matches_word(word))
    return keys.where(matches_word(word[:INDEXED_HASH_DIGITS]), WORDS.c.text.contains(word, autoescape=True))
