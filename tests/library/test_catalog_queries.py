"""The catalog answers as a plain loop over all entries would, however it finds its way; and it notices every change."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.compare import Verdict
from core.errors import InputError
from core.library import Query
from core.library.catalog import queries, schema
from core.library.catalog.catalog import Catalog
from core.library.records import SORT_ORDERS, UNREADABLE, Entry, IndexedEntry
from tests.postgresql_server import new_database

ENTRY_COUNT = 300
DEMOS, FORMATS, TAGS = ("digits-mlp", "tips", None), ("keras", "h5", "onnx"), ("prod", "try", "ünïcode")
SEARCH_WORDS = (
    "digit",
    "tips",
    "h5",
    "keras note",
    "NOTE 7",
    "prod",
    "nothing here",
    "e",
    "abcdef",
    "abcdef00070007",
    "abcdef00070008",
    "note 0123456789abcdef",
    "0123456789abcdee",
    "%",
    "note",
    "ünï",
    '"x',
    "champion",
)


def make_indexed_entries() -> list[IndexedEntry]:
    chance = random.Random(0)
    return [_make_indexed_entry(number, chance) for number in range(ENTRY_COUNT)]


def _make_indexed_entry(number: int, chance: random.Random) -> IndexedEntry:
    id_ = f"a{number:010x}"
    tags = tuple(sorted(tag for tag in TAGS if chance.random() < 0.4))
    marked = {"tags": tags, "pinned": chance.random() < 0.1, "aliases": ("champion",) if number == 7 else ()}
    if number % 50 == 3:
        return IndexedEntry(Entry(id_, problem="It cannot be read.", **marked))
    demo, verdict = chance.choice(DEMOS), chance.choice(list(Verdict))
    return IndexedEntry(
        Entry(
            id_,
            run=f"r{number % 7:010x}",
            run_name=f"Run {number % 7}",
            demo=demo,
            format=chance.choice(FORMATS),
            created=f"2026-01-{1 + chance.randrange(28):02}",
            bytes=chance.randrange(5),
            verdict=verdict.value,
            needs_code=False,
            trust=chance.choice(("ours", "ours", "brought in")),
            **marked,
        ),
        note=f"Note {number} 0123456789abcdef" if number % 3 else "",
        hashes=(f"{number:06x}" * 10, "abcdef" + f"{number:04d}" * 14),
    )


INDEXED_ENTRIES = make_indexed_entries()


LOOKUPS = ["all words looked up", "few rows looked up", "no words looked up", "few rows of PostgreSQL", "PostgreSQL"]


@pytest.fixture(scope="module", params=LOOKUPS)
def catalog(request) -> Catalog:
    """A catalog of `INDEXED_ENTRIES`, which finds rows by its index of words, by walking, or without such an index."""
    with pytest.MonkeyPatch.context() as patched, contextlib.ExitStack() as stack:
        few = 5 if request.param.startswith("few") else 1000
        patched.setattr(queries, "MAX_SORTED_ROWS", few)
        if request.param.endswith("PostgreSQL"):
            url = stack.enter_context(new_database(request.getfixturevalue("postgresql")))
        item = Catalog(url if request.param.endswith("PostgreSQL") else "sqlite://")
        if request.param == "no words looked up":
            item._full_text = ""
        result = {source.entry.id: source for source in INDEXED_ENTRIES}
        item.sync(result, lambda id_, run: 1, result.get)
        yield item


def matches_query(source: IndexedEntry, query: Query) -> bool:
    entry = source.entry
    output = "\n".join(
        text or ""
        for text in (
            entry.id,
            entry.run,
            entry.run_name,
            entry.demo,
            entry.format,
            *entry.tags,
            *entry.aliases,
            source.note,
        )
    ).lower()
    return (
        all(
            word in output or (len(word) >= 6 and any(hashe.startswith(word) for hashe in source.hashes))
            for word in query.search.lower().split()
        )
        and (not query.demos or (entry.demo or "") in query.demos)
        and (not query.formats or entry.format in query.formats)
        and set(query.tags) <= set(entry.tags)
        and (not query.verdicts or (entry.verdict or UNREADABLE) in query.verdicts)
        and query.trust in ("", entry.trust)
        and query.pinned in (None, entry.pinned)
        and query.alias in (None, bool(entry.aliases))
        and query.run in ("", entry.run)
        and (not query.ids or entry.id in query.ids)
    )


def sort_key(query: Query) -> Callable[[Entry], tuple]:
    rank = {verdict.value: verdict.rank for verdict in Verdict}
    of = {
        "created": lambda entry: (entry.created or "",),
        "bytes": lambda entry: (entry.bytes or 0,),
        "name": lambda entry: (entry.run_name or "", entry.created or ""),
        "format": lambda entry: (entry.format or "", entry.created or ""),
        "demo": lambda entry: (entry.demo or "", entry.created or ""),
        "verdict": lambda entry: (rank.get(entry.verdict, len(rank)), entry.created or ""),
    }[query.sort]
    return lambda entry: (*of(entry), entry.id)


def subsets_of(values) -> st.SearchStrategy:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple))


QUERIES = st.builds(
    Query,
    search=st.lists(st.sampled_from(SEARCH_WORDS), max_size=2).map(" ".join),
    demos=subsets_of(("digits-mlp", "tips", "", "no-such")),
    formats=subsets_of((*FORMATS, "no-such")),
    tags=subsets_of((*TAGS, "no-such")),
    verdicts=subsets_of((*(verdict.value for verdict in Verdict), UNREADABLE)),
    trust=st.sampled_from(("", "", "ours", "brought in")),
    pinned=st.sampled_from((None, None, True, False)),
    alias=st.sampled_from((None, None, None, True, False)),
    run=st.sampled_from(("", "", "", "r0000000003")),
    ids=subsets_of([f"a{number:010x}" for number in (3, 7, 8, 9, ENTRY_COUNT + 1)]),
    sort=st.sampled_from(SORT_ORDERS),
    descending=st.booleans(),
    page=st.integers(1, 4),
    size=st.sampled_from((10, 50, None)),
)


@settings(max_examples=60, deadline=None)
@given(query=QUERIES)
def test_page_equals_filtering_all_entries(catalog, query):
    fitting = [source.entry for source in INDEXED_ENTRIES if matches_query(source, query)]
    wanted = sorted(fitting, key=sort_key(query), reverse=query.descending)
    first = 0 if query.size is None else (query.page - 1) * query.size
    page = catalog.page(query)
    shown = (
        page.entries if query.size is not None else sorted(page.entries, key=sort_key(query), reverse=query.descending)
    )
    assert shown == (wanted if query.size is None else wanted[first : first + query.size])
    if page.has_more:
        assert (page.total <= len(fitting), page.bytes) == (True, None)
    elif first < len(fitting):
        assert page.total == len(fitting)
        assert page.bytes in (None, sum(entry.bytes or 0 for entry in fitting))


@pytest.mark.parametrize("word", ["abcdef00070007", "abcdef00070008", "0123456789abcdef", "0123456789abcdee"])
def test_long_hexadecimal_word_is_compared_to_its_end(catalog, word):
    matching = {source.entry.id for source in INDEXED_ENTRIES if matches_query(source, Query(word))}
    assert {entry.id for entry in catalog.page(Query(word, size=None)).entries} == matching


def test_count_values_counts_runs_of_readable_artifacts(catalog):
    entries = [source.entry for source in INDEXED_ENTRIES if not source.entry.problem]
    assert catalog.count_values("run") == Counter(entry.run for entry in entries)


@pytest.mark.trust
@pytest.mark.parametrize("text", ["' OR 1=1 --", '"', "NEAR(a b)", "*", "note*", "a AND b", "(", "x" * 5000, "🙂🙂🙂"])
def test_search_text_is_never_executed(catalog, text):
    query = Query(text)
    assert [entry.id for entry in catalog.page(query).entries] == [
        item.entry.id for item in INDEXED_ENTRIES if matches_query(item, query)
    ]


def test_search_ignores_null_character(catalog):
    assert catalog.page(Query("\0", size=None)).total == ENTRY_COUNT
    assert catalog.page(Query("ti\0ps")) == catalog.page(Query("tips"))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (Query(sort="colour"), "There is no such order. Received: colour."),
        (Query(page=0), "The page is a whole number from 1."),
        (Query(size=-1), "The size is a whole number from 1."),
        (Query(page=10**30), "The page is a whole number from 1."),
        (Query(verdicts=("good",)), "There is no such verdict. Received: good."),
        (Query(" ".join(f"w{n}" for n in range(1200))), "A search has at most 50 words and 10,000 characters."),
        (Query("x" * 60_000), "A search has at most 50 words and 10,000 characters."),
        (Query(tags=tuple(f"t{n}" for n in range(1200))), "No entry has more than 30 tags. Received: 1200."),
        (Query("half \ud800"), "The search holds half a letter"),
        (Query(formats=("\ud800",)), "The search holds half a letter"),
    ],
)
def test_invalid_query_raises_input_error_and_keeps_catalog(catalog, query, sentence):
    before = catalog._engine
    with pytest.raises(InputError) as caught:
        catalog.page(query)
    assert str(caught.value).startswith(sentence)
    assert catalog._engine is before


def test_longest_allowed_search_returns_page(catalog):
    for longest in (" ".join(f"{n}%{'_' * 190}" for n in range(50)), "%" * 10_000, "数" * 10_000, "🙂" * 10_000):
        assert catalog.page(Query(longest, tags=tuple(f"tag {n}" for n in range(30)))).total == 0


def test_stored_counts_equal_rows_after_changes():
    item, present = Catalog("sqlite://"), {source.entry.id: source for source in INDEXED_ENTRIES}
    item.sync(present, lambda id_, run: 1, present.get)
    for id_ in list(present)[::3]:
        del present[id_]
    item.refresh([source.entry.id for source in INDEXED_ENTRIES], lambda id_, run: 2, present.get)
    stored = [source.entry for source in present.values()]
    assert item.page(Query(size=1))[1:3] == (len(stored), sum(entry.bytes or 0 for entry in stored))
    formats = sorted({entry.format or "" for entry in stored})
    assert item.count_values("format") == {key: sum((entry.format or "") == key for entry in stored) for key in formats}
    assert item.count_tags() == {tag: sum(tag in entry.tags for entry in stored) for tag in sorted(TAGS)}


def test_word_index_equals_rows_after_changes():
    catalog, notes = Catalog("sqlite://"), {f"a{number}": "harbour" for number in range(700)}
    catalog.sync(notes, lambda id_, run: 1, lambda id_: IndexedEntry(Entry(id_), notes[id_]))
    changed = dict.fromkeys(list(notes)[:600], "meadow")
    read = {id_: IndexedEntry(Entry(id_), note) for id_, note in changed.items()}.get
    catalog.refresh(list(notes), lambda id_, run: 2, read)
    assert [catalog.page(Query(word)).total for word in ("harbour", "meadow")] == [0, 600]
    words = schema.WORDS.name
    with catalog._engine.begin() as connection:  # raises where the index is not that of the rows
        connection.exec_driver_sql(f"INSERT INTO {words}({words}, rank) VALUES ('integrity-check', 1)")


def test_rows_older_than_word_index_are_found_by_it(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    with monkeypatch.context() as patched:
        patched.setattr(schema, "FULL_TEXT_STATEMENTS", {})
        Catalog(url).sync(["a1"], lambda id_, run: 1, lambda id_: IndexedEntry(Entry(id_), "harbour"))
    later = Catalog(url)
    assert later._full_text == "sqlite"
    assert [entry.id for entry in later.page(Query("harbour")).entries] == ["a1"]
