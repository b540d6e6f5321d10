"""The catalog answers as a plain loop over all entries would, however it finds its way; and it notices every change."""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.compare import Verdict
from core.errors import InputError
from core.library import Library, Query
from core.library.catalog import queries as asking_room
from core.library.catalog import sync as lookout_room
from core.library.catalog.catalog import Catalog
from core.library.records import SORT_ORDERS, UNREADABLE, Entry, IndexedEntry
from tests.library.conftest import keep_artifact, keep_run, spoil

COUNT = 300
DEMOS, FORMATS, TAGS = ("digits-mlp", "tips", None), ("keras", "h5", "onnx"), ("prod", "try", "ünïcode")
WORDS = (
    "digit",
    "tips",
    "h5",
    "keras note",
    "NOTE 7",
    "prod",
    "nothing here",
    "e",
    "abcdef",
    "%",
    "note",
    "ünï",
    '"x',
    "champion",
)


def made_sources() -> list[IndexedEntry]:
    chance = random.Random(0)
    return [_source(number, chance) for number in range(COUNT)]


def _source(number: int, chance: random.Random) -> IndexedEntry:
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
        note=f"Note {number}" if number % 3 else "",
        hashes=(f"{number:06x}" * 10, "abcdef" + f"{number:04d}" * 14),
    )


SOURCES = made_sources()


@pytest.fixture(scope="module", params=["all words looked up", "few rows looked up", "no words looked up"])
def catalog(request) -> Catalog:
    """A catalog of `SOURCES`, which finds rows by its index of words, by walking, or without such an index."""
    with pytest.MonkeyPatch.context() as patched:
        few = {"few rows looked up": 5}.get(request.param, 1000)
        patched.setattr(asking_room, "MAX_SORTED_ROWS", few)
        one = Catalog("sqlite://")
        one._has_full_text = one._has_full_text and request.param != "no words looked up"
        found = {source.entry.id: source for source in SOURCES}
        one.sync(found, lambda id_, run: 1, found.get)
        yield one


def fits(source: IndexedEntry, query: Query) -> bool:
    entry = source.entry
    said = "\n".join(
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
            word in said or (len(word) >= 6 and any(one.startswith(word) for one in source.hashes))
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


def order(query: Query) -> Callable[[Entry], tuple]:
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


def some(values) -> st.SearchStrategy:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple))


QUERIES = st.builds(
    Query,
    search=st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join),
    demos=some(("digits-mlp", "tips", "", "no-such")),
    formats=some((*FORMATS, "no-such")),
    tags=some((*TAGS, "no-such")),
    verdicts=some((*(verdict.value for verdict in Verdict), UNREADABLE)),
    trust=st.sampled_from(("", "", "ours", "brought in")),
    pinned=st.sampled_from((None, None, True, False)),
    alias=st.sampled_from((None, None, None, True, False)),
    run=st.sampled_from(("", "", "", "r0000000003")),
    ids=some([f"a{number:010x}" for number in (3, 7, 8, 9, COUNT + 1)]),
    sort=st.sampled_from(SORT_ORDERS),
    descending=st.booleans(),
    page=st.integers(1, 4),
    size=st.sampled_from((10, 50, None)),
)


@settings(max_examples=60, deadline=None)
@given(query=QUERIES)
def test_a_page_is_what_a_loop_over_everything_would_give(catalog, query):
    fitting = [source.entry for source in SOURCES if fits(source, query)]
    wanted = sorted(fitting, key=order(query), reverse=query.descending)
    first = 0 if query.size is None else (query.page - 1) * query.size
    page = catalog.page(query)
    shown = page.entries if query.size is not None else sorted(page.entries, key=order(query), reverse=query.descending)
    assert shown == (wanted if query.size is None else wanted[first : first + query.size])
    if page.has_more:
        assert (page.total <= len(fitting), page.bytes) == (True, None)
    elif first < len(fitting):
        assert page.total == len(fitting)
        assert page.bytes in (None, sum(entry.bytes or 0 for entry in fitting))


def test_runs_are_counted_by_the_copies_that_can_be_read(catalog):
    entries = [source.entry for source in SOURCES if not source.entry.problem]
    assert catalog.count_values("run") == Counter(entry.run for entry in entries)


@pytest.mark.trust
@pytest.mark.parametrize("text", ["' OR 1=1 --", '"', "NEAR(a b)", "*", "note*", "a AND b", "(", "x" * 5000, "🙂🙂🙂"])
def test_a_search_is_never_a_command(catalog, text):
    query = Query(text)
    assert [entry.id for entry in catalog.page(query).entries] == [one.entry.id for one in SOURCES if fits(one, query)]


def test_a_character_that_ends_strings_elsewhere_is_no_word(catalog):
    assert catalog.page(Query("\0", size=None)).total == COUNT
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
def test_what_cannot_be_asked_is_said_and_is_no_reason_to_make_the_catalog_anew(catalog, query, sentence):
    before = catalog._engine
    with pytest.raises(InputError) as caught:
        catalog.page(query)
    assert str(caught.value).startswith(sentence)
    assert catalog._engine is before


def test_the_longest_search_that_is_taken_is_answered(catalog):
    for longest in (" ".join(f"{n}%{'_' * 190}" for n in range(50)), "%" * 10_000, "数" * 10_000, "🙂" * 10_000):
        assert catalog.page(Query(longest, tags=tuple(f"tag {n}" for n in range(30)))).total == 0


def test_the_counts_are_those_of_the_rows_after_any_change():
    one, present = Catalog("sqlite://"), {source.entry.id: source for source in SOURCES}
    one.sync(present, lambda id_, run: 1, present.get)
    for id_ in list(present)[::3]:
        del present[id_]
    one.refresh([source.entry.id for source in SOURCES], lambda id_, run: 2, present.get)
    kept = [source.entry for source in present.values()]
    assert one.page(Query(size=1))[1:3] == (len(kept), sum(entry.bytes or 0 for entry in kept))
    formats = sorted({entry.format or "" for entry in kept})
    assert one.count_values("format") == {key: sum((entry.format or "") == key for entry in kept) for key in formats}
    assert one.count_tags() == {tag: sum(tag in entry.tags for entry in kept) for tag in sorted(TAGS)}


# In step with the folders


@pytest.fixture
def large(empty_library, monkeypatch) -> Library:
    """A library that counts as large, of three artifacts: not every list looks at all folders."""
    monkeypatch.setattr(lookout_room, "ALWAYS_SCANNED", 0)
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 1e6)
    monkeypatch.setattr(lookout_room, "MAX_FOREGROUND_SCAN", 1e6)
    run = keep_run(empty_library)
    for _ in range(3):
        keep_artifact(empty_library, run)
    assert len(empty_library.find()) == 3
    return empty_library


@pytest.fixture
def looks(monkeypatch) -> list[str]:
    """The folders that were looked at, all of them each time."""
    taken: list[str] = []
    real = lookout_room.fingerprint_all
    monkeypatch.setattr(
        lookout_room, "fingerprint_all", lambda home, *rest: (taken.append(str(home)), real(home, *rest))[1]
    )
    return taken


def test_what_our_own_writers_change_is_seen_without_a_look_at_all_folders(large, looks):
    first, *_ = ids = [entry.id for entry in large.find()]
    run = large.runs()[0]
    other = Library(large.home)
    changes = {
        "kept": lambda: keep_artifact(other, run, "h5"),
        "removed": lambda: other.remove(ids[1]),
        "restored": lambda: other.restore(ids[1]),
        "marked": lambda: other.annotate(first, pinned=True),
        "pointed": lambda: other.set_alias("champion", first),
        "renamed": lambda: other.annotate(run.id, name="Another"),
    }
    for change in changes.values():
        change()
        assert large.find() == large.find_on_disk()
        looks.clear()
        assert large.find() == other.find()
        assert looks == []
    assert {entry.run_name for entry in large.find()} == {"Another"}


def test_what_a_hand_takes_away_is_seen_at_once(large, looks):
    first = large.find()[0].id
    os.rename(large.home / "artifacts" / first, large.home / "elsewhere")
    assert first not in {entry.id for entry in large.find()}
    assert len(looks) == 1


def test_what_a_hand_changes_inside_is_seen_by_the_next_look(large, looks, monkeypatch):
    first, second, third = (entry.id for entry in large.find())
    spoil(large.home / "artifacts" / first / "artifact.json", "{")
    assert all(entry.problem is None for entry in large.find())
    assert looks == []
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 0)
    assert {entry.id for entry in large.find() if entry.problem} == {first}
    spoil(large.home / "runs" / large.runs()[0].id / "run.json", "{")
    assert {entry.id for entry in large.find() if entry.problem} == {first, second, third}


def test_a_run_that_is_mended_mends_its_artifacts(large, monkeypatch):
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 0)
    path = large.home / "runs" / large.runs()[0].id / "run.json"
    whole = path.read_text()
    spoil(path, "{")
    assert all(entry.problem for entry in large.find())
    spoil(path, whole + " " * 7)
    assert not any(entry.problem for entry in large.find())


def test_a_long_look_is_taken_in_the_background(large, monkeypatch):
    first = large.find()[0].id
    spoil(large.home / "artifacts" / first / "artifact.json", "{")
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 0)
    monkeypatch.setattr(lookout_room, "MAX_FOREGROUND_SCAN", -1)
    held, real = threading.Event(), lookout_room.fingerprint_all
    monkeypatch.setattr(lookout_room, "fingerprint_all", lambda *rest: (held.wait(30), real(*rest))[1])
    assert all(entry.problem is None for entry in large.find())  # and did not wait
    held.set()
    large._catalog_sync._scan_thread.join(30)
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 1e6)
    assert {entry.id for entry in large.find() if entry.problem} == {first}


def test_a_look_that_was_long_ago_is_waited_for(large, monkeypatch):
    first = large.find()[0].id
    spoil(large.home / "artifacts" / first / "artifact.json", "{")
    monkeypatch.setattr(lookout_room, "SCAN_INTERVAL_FACTOR", 0)
    monkeypatch.setattr(lookout_room, "MAX_FOREGROUND_SCAN", -1)
    later = time.time() + 2 * lookout_room.MAX_SCAN_AGE
    monkeypatch.setattr(lookout_room.time, "time", lambda: later)
    assert {entry.id for entry in large.find() if entry.problem} == {first}


def test_a_log_that_began_anew_or_went_is_no_loss(large, monkeypatch):
    run = large.runs()[0]
    monkeypatch.setattr("core.library.catalog.change_log.MAX_LOG_BYTES", 0)
    for _ in range(3):
        keep_artifact(large, run)
    assert (large.home / "changes.log").stat().st_size == 12
    assert len(large.find()) == 6
    (large.home / "changes.log").unlink()
    keep_artifact(large, run)
    assert len(large.find()) == 7


def test_nonsense_in_the_log_or_in_the_state_is_passed_over(large):
    with (large.home / "changes.log").open("a") as log:
        log.write("../../x\n\nnonsense\na0000000000\n")
    assert len(large.find()) == 3
    for state in ("", "x", "[]", '["1 2", 0, 0, 0]', json.dumps(["x y z w", "a", 0, 0])):
        large._catalog.save_sync_state(state)
        assert len(Library(large.home).find()) == 3


def test_a_list_during_a_rebuild_lacks_nothing(large, monkeypatch):
    seen, read = [], large._catalog_sync.read_entry

    def slow(id_: str) -> IndexedEntry | None:
        seen.append(len(Library(large.home)._catalog.find()))
        return read(id_)

    monkeypatch.setattr(large._catalog_sync, "read_entry", slow)
    large.rebuild()
    assert seen == [3, 3, 3]
