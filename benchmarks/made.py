"""Libraries of any size, made without a model: folders with records that vary as those of a year would."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.compare import Verdict
from core.demos import DEMOS
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import all_formats
from core.library import Artifact, Library, Run
from core.library.annotation_files import Annotations
from core.library.ids import new_id
from core.library.records import FileEntry

TAGS = ("production", "nightly", "try again", "too large")
PER_RUN = 50  # artifacts
WORDS = ("quiet", "river", "amber", "lattice", "north", "window", "copper", "meadow", "signal", "harbour", "violet")


def made_library(home: Path, count: int, seed: int = 0) -> None:
    """Write `count` artifacts and their runs, in no order of time, size or format; every third has annotations."""
    Library(home)
    chance = random.Random(seed)
    runs = [_run(home, chance, number) for number in range(max(count // PER_RUN, 1))]
    formats, evidence = [format_.key for format_ in all_formats()], [_evidence(verdict) for verdict in Verdict]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        when = began + timedelta(seconds=chance.randrange(365 * 86_400))
        record = _artifact(chance, chance.choice(runs), chance.choice(formats), when)
        folder = home / "artifacts" / record.id
        folder.mkdir()
        (folder / "artifact.json").write_text(record.to_json_text(), encoding="utf-8")
        (folder / "evidence.json").write_text(chance.choice(evidence), encoding="utf-8")
        if number % 3 == 0:
            (folder / "marks.json").write_text(_marks(chance).to_json_text(), encoding="utf-8")


def _run(home: Path, chance: random.Random, number: int) -> str:
    demo = chance.choice(DEMOS)
    facts = {"parameters": 1, "summary": "", "inputs": [], "weights": [], "optimizer": []}
    name = f"{demo.label} · seed {number}"
    run = Run(id=new_id("r"), name=name, demo=demo.key, settings={"seed": number}, kind="keras", **facts)
    folder = home / "runs" / run.id
    folder.mkdir()
    (folder / "run.json").write_text(run.to_json_text(), encoding="utf-8")
    return run.id


def _evidence(verdict: Verdict) -> str:
    return Evidence(without_code=ReloadOutcome(verdict=verdict, rows=270)).to_json_text()


def _artifact(chance: random.Random, run: str, format_key: str, when: datetime) -> Artifact:
    names = ("model.bin", "variables/data")[: 1 + chance.randrange(2)]
    files = [FileEntry(path=name, bytes=chance.randrange(10**8), sha256=chance.randbytes(32).hex()) for name in names]
    created = when.isoformat(timespec="milliseconds")
    return Artifact(id=new_id("a"), created=created, run=run, format=format_key, seconds=0.5, files=files)


def _marks(chance: random.Random) -> Annotations:
    note = " ".join(chance.choices(WORDS, k=12))
    return Annotations(
        tags=sorted({chance.choice(TAGS), chance.choice(TAGS)}), note=note, pinned=chance.random() < 0.01
    )
