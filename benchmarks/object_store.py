"""A copy of 84 MB brought into an object store, beside the same bytes put there by obstore itself, in several parts."""

import logging
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.measure import Row, in_turn, seconds
from core.library import Library
from core.migration.transfer import SeenVersions, Transfer
from core.object_store import open_object_store
from core.object_store.local_entry import LocalEntry

SIZE = 84_000_000
REPEATS = 5
PART_BYTES = 5 * 2**20  # of a multipart upload, as obstore's default


def measure() -> list[Row]:
    """A row for a whole entry (hashed, its manifest last), beside a bare multipart put; the server runs in here."""
    with _bucket() as address, tempfile.TemporaryDirectory() as folder:
        names = count()
        library, store = Library(Path(folder) / "home"), open_object_store(address)

        def push() -> float:
            entry = _make_entry(Path(folder) / str(next(names)))
            transfer = Transfer(library, store, lambda size: None, False, SeenVersions.model_validate({}))
            return seconds(lambda: transfer.push(entry))

        def put() -> float:
            entry = _make_entry(Path(folder) / str(next(names)))
            return seconds(lambda: store.put_stream(f"bare/{entry.id}", _read_parts(entry.folder / "files" / "model")))

        ours, theirs = in_turn(REPEATS, push, put)
    return [Row("an 84 MB copy into the store, hashed", ours, theirs, "a bare multipart put", at_most=1.3)]


def _make_entry(parent: Path) -> LocalEntry:
    id_ = f"a{int.from_bytes(os.urandom(5), 'big'):010x}"
    path = parent / id_ / "files" / "model"
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(SIZE))
    return LocalEntry(id_, parent / id_)


def _read_parts(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while part := file.read(PART_BYTES):
            yield part


@contextmanager
def _bucket() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "roundtrip", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
    os.environ.update(keys, AWS_ENDPOINT_URL=endpoint, AWS_ALLOW_HTTP="true")
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/models", method="PUT")).read()
    try:
        yield "s3://models/roundtrip"
    finally:
        server.stop()
