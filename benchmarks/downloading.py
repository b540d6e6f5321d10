"""Memory of the server during a download of 1 GB, and the time to its first byte."""

import os
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.measure import Row, Sample
from benchmarks.serving import ours
from core.compare import Verdict
from core.evidence.records import Evidence, ReloadOutcome
from core.library import Library
from tests.browser.server import Server
from tests.factories.library_entries import make_run
from ui.routes import download_url

GIGABYTE = 10**9
BLOCK = 4 * 2**20
REPEATS = 3


class Download(NamedTuple):
    """Growth of the server's memory at its peak, in MiB; seconds to the first byte; seconds in all."""

    grown: float
    first: float
    whole: float


def measure() -> list[Row]:
    """A single file and a zip of two, after a small download that imports the modules of downloads."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        library = Library(Path(folder) / "store")
        run = make_run(library).id
        small, large = _add_artifact(library, run, 1000), _add_artifact(library, run, GIGABYTE)
        with ours(library.home) as server:
            _download(server, [small])
            single = [_download(server, [large]) for _ in range(REPEATS)]
            packed = [_download(server, [small, large]) for _ in range(REPEATS)]
    return [
        Row("server memory grown by a download of 1 GB", _sample(single, "grown"), unit="MiB", at_most=16),
        Row("server memory grown by a zip of 1 GB", _sample(packed, "grown"), unit="MiB", at_most=16),
        Row("first byte of 1 GB, every byte hashed before", Sample((single[0].first,))),
        Row("first byte of 1 GB, its hash known", Sample(tuple(download.first for download in single[1:]))),
        Row("download of 1 GB", _sample(single, "whole")),
    ]


def _sample(downloads: list[Download], field: str) -> Sample:
    return Sample(tuple(getattr(download, field) for download in downloads))


def _add_artifact(library: Library, run: str, size: int) -> str:
    """Add an artifact of a run: one file of `size` bytes, a repeated block dated a minute back. Returns its id."""
    block = os.urandom(min(size, BLOCK))
    with library.staging() as staged:
        (staged / "files").mkdir()
        path = staged / "files" / "model.bin"
        with path.open("wb") as file:
            for start in range(0, size, BLOCK):
                file.write(block[: size - start])
        os.utime(path, (time.time() - 60,) * 2)
        evidence = Evidence(without_code=ReloadOutcome(verdict=Verdict.BIT_IDENTICAL))
        return library.commit_artifact(staged, run, evidence, format="keras", seconds=0.0).id


def _download(server: Server, ids: list[str]) -> Download:
    process = psutil.Process(server.process.pid)
    before, most, started = process.memory_info().rss, 0, time.perf_counter()
    with urllib.request.urlopen(server.url + download_url(ids)) as reply:
        reply.read(1)
        first = time.perf_counter() - started
        while reply.read(BLOCK):
            most = max(most, process.memory_info().rss)
    return Download((max(most, before) - before) / 2**20, first, time.perf_counter() - started)
