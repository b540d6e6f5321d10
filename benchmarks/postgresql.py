"""The first page of 50 out of 100,000 artifacts on PostgreSQL, beside SQLite: the same rows, the same queries."""

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Row, in_turn, seconds
from core.compare import Verdict
from core.library.catalog.catalog import Catalog
from core.library.records import Entry, IndexedEntry, Query
from tests.postgresql_server import new_database, run_server

COUNT, REPEATS = 100_000, 15
FORMATS, DEMOS = ("keras", "h5", "saved_model", "onnx", "litert"), ("digits-mlp", "tips", "digits-cnn", None)
QUERIES = {
    "newest": Query(),
    "one format, largest first": Query(formats=("onnx",), sort="bytes"),
    "a word": Query("run 4711"),
}


def measure() -> list[Row]:
    """A row for each query; both catalogs are filled from the same made entries first."""
    with ExitStack() as stack:
        server, folder = stack.enter_context(run_server()), stack.enter_context(tempfile.TemporaryDirectory())
        if server is None:
            return []
        ours = fill_catalog(Catalog(stack.enter_context(new_database(server))))
        theirs = fill_catalog(Catalog(f"sqlite:///{Path(folder) / 'catalog.sqlite'}"))
        return [_measure_query(name, query, ours, theirs) for name, query in QUERIES.items()]


def _measure_query(name: str, query: Query, ours: Catalog, theirs: Catalog) -> Row:
    assert ours.page(query).entries == theirs.page(query).entries
    pair = in_turn(REPEATS, lambda: seconds(lambda: ours.page(query)), lambda: seconds(lambda: theirs.page(query)))
    return Row(f"first page of 100,000 on PostgreSQL: {name}", *pair, "SQLite", at_most=1.5)


def fill_catalog(catalog: Catalog) -> Catalog:
    """Fill a catalog with the made entries; returns it."""
    entries = {f"a{number:010x}": _make_entry(number) for number in range(COUNT)}
    catalog.sync(entries, lambda id_, run: 1, entries.get)
    return catalog


def _make_entry(number: int) -> IndexedEntry:
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    verdicts = list(Verdict)
    entry = Entry(
        f"a{number:010x}",
        run=f"r{number // 5:010x}",
        run_name=f"Run {number // 5}",
        demo=DEMOS[number % len(DEMOS)],
        format=FORMATS[number % len(FORMATS)],
        created=created.isoformat(timespec="milliseconds"),
        bytes=1000 + number * 7919 % 1_000_003,
        verdict=verdicts[number % len(verdicts)].value,
        needs_code=False,
        trust="ours",
    )
    return IndexedEntry(entry, hashes=(f"{number:064x}",))
