"""Mutants and sound copies put before Roundtrip and before the second judge, and what became of each."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.evidence import Evidence
from core.library import Library, Run
from core.settings import PROJECT
from core.worker import Worker
from tests.oracle import graph_mutants, judge, product
from tests.oracle.bases import BASES, FORMATS, named_inputs
from tests.oracle.mutants import KINDS, SOUND_WAYS, Kind, SoundWay

assert graph_mutants.ARRAY_FORMATS  # its kinds are rows of KINDS now
WORDS_COUNT_IN = ("weights", "optimizer")  # columns whose words say which tensors came back


class Base(NamedTuple):
    """A saved run: its copies' folders and what the matrix says of them, by format."""

    name: str
    run: Run
    folders: dict[str, Path]
    said: dict[str, product.Said]


class Trial(NamedTuple):
    """One changed copy: where it lies, what was changed, and the columns that now say something else.

    `seen_in` are the columns of which one must; none must for a sound copy.
    """

    key: str
    base: str
    format: str
    what: str
    folder: Path
    seen_in: tuple[str, ...]
    told: tuple[str, ...]
    evidence: Evidence


class Figures(NamedTuple):
    """How many were tried, and the trials that went wrong; `below` are below resolution, `equal` are no mutants."""

    tried: int
    unnoticed: list[str]
    misplaced: list[str]
    below: list[str]
    equal: list[str]


def save_base(library: Library, worker: Worker, name: str) -> Base:
    """Build a base, and save it in its formats by Roundtrip."""
    module, function = BASES[name]
    built = getattr(import_module(module), function)()
    results = library.add(built.model, inputs=named_inputs(built), formats=FORMATS[name], worker=worker)
    failed = {result.format: result.error for result in results if result.artifact is None}
    assert not failed, failed
    folders = {each.format: library.verified_folder(each.artifact.id) for each in results if each.artifact}
    run = library.run(next(each.artifact.run for each in results if each.artifact))
    base = Base(name, run, folders, {})
    for format_key, folder in folders.items():
        evidence = gather(library, worker, base, format_key, folder)
        base.said[format_key] = product.describe_evidence(run, format_key, evidence)
    return base


def gather(library: Library, worker: Worker, base: Base, format_key: str, folder: Path) -> Evidence:
    architecture = base.folders["architecture"]
    return product.gather_copy_evidence(library, worker, base.run, format_key, folder, architecture)


def draw_kinds(random: np.random.Generator, base: str, count: int, kinds: Iterable[Kind] = KINDS) -> list[Kind]:
    """Kinds that fit a base's formats: each once in a drawn order, then again."""
    fitting = [each for each in kinds if each.format in FORMATS[base] and _fits(base, each)]
    order: list[Kind] = []
    while len(order) < count:
        order += [fitting[at] for at in random.permutation(len(fitting))]
    return order[:count]


def _fits(base: str, each: Kind) -> bool:
    return (each.name == "vocabulary_entry") == (base == "words")


def try_mutants(library: Library, worker: Worker, base: Base, kinds: list[Kind], work: Path, seed: int) -> list[Trial]:
    trials = []
    for at, each in enumerate(kinds):
        folder = _copy(base.folders[each.format], work / f"{base.name}-{each.format}-{each.name}-{at}")
        what = each.change(folder, np.random.default_rng([seed, at]))
        if what:
            trials.append(_try(library, worker, base, each, folder, what))
    return trials


def try_sound_copies(library: Library, worker: Worker, base: Base, ways: Iterable[SoundWay], work: Path) -> list[Trial]:
    trials = []
    for at, way in enumerate(ways):
        if way.format in base.folders:
            folder = _copy(base.folders[way.format], work / f"{base.name}-{way.format}-sound-{at}")
            way.write(folder)
            trials.append(_try(library, worker, base, Kind(way.format, way.name, lambda *_: "", ()), folder, way.name))
    return trials


def _copy(folder: Path, into: Path) -> Path:
    return Path(shutil.copytree(folder, into))


def _try(library: Library, worker: Worker, base: Base, each: Kind, folder: Path, what: str) -> Trial:
    evidence = gather(library, worker, base, each.format, folder)
    told = list_changed_columns(base.said[each.format], product.describe_evidence(base.run, each.format, evidence))
    return Trial(folder.name, base.name, each.format, what, folder, each.seen_in, told, evidence)


def list_changed_columns(sound: product.Said, said: product.Said) -> tuple[str, ...]:
    """The columns of the matrix that say of a copy something else than of the sound one."""
    changed = [
        column
        for column, state in said["cells"].items()
        if state != sound["cells"][column]
        or (column in WORDS_COUNT_IN and said["words"][column] != sound["words"][column])
    ]
    if said["verdict"] != sound["verdict"]:
        changed += ["code"] if said["verdict"] == "does-not-load" else ["answers"]
    return tuple(dict.fromkeys(changed))


def judge_trials(trials: Iterable[Trial], bases: dict[str, Base], work: Path) -> dict[str, judge.Judgement]:
    """What the second judge says of each, by its key, beside the sound copy that it was made from."""
    copies = [
        judge.Copy(
            key=each.key,
            builder=(*BASES[each.base], []),
            format=each.format,
            folder=str(each.folder),
            beside=str(bases[each.base].folders[each.format]),
        )
        for each in trials
    ]
    return run_judge(copies, work)


def run_judge(copies: list[judge.Copy], work: Path) -> dict[str, judge.Judgement]:
    """Have the second judge look at copies, in a process of its own; another one goes on where it was brought down."""
    request, reply = work / "request.json", work / "reply.jsonl"
    reply.touch()
    waiting = copies
    while waiting:
        request.write_text(json.dumps(waiting))
        command = [sys.executable, "-m", "tests.oracle.judge", str(request), str(reply)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        known = {line["key"]: line for line in map(json.loads, reply.read_text().splitlines())}
        waiting = [each for each in copies if each["key"] not in known]
        if waiting:
            lost = waiting[0]["key"]
            assert ended.returncode, ended.stderr
            nothing = dict.fromkeys(judge.PARTS)
            words = ended.stderr.strip().splitlines()[-1:] or ["it was brought down"]
            line = judge.Judgement(key=lost, error=words[0], answers="none", max_abs=0.0, own=0.0, **nothing)
            with reply.open("a") as file:
                file.write(json.dumps(line) + "\n")
    return {line["key"]: line for line in map(json.loads, reply.read_text().splitlines())}


def sum_up(trials: list[Trial], judged: dict[str, judge.Judgement]) -> Figures:
    """Count the mutants by what the product told of them; the second judge says which are mutants at all."""
    figures = Figures(len(trials), [], [], [], [])
    for each in trials:
        judgement = judged[each.key]
        words = f"{each.key}: {each.what}; told {', '.join(each.told) or 'nothing'}"
        if not judge.is_damaged(judgement):
            (figures.equal if judgement["answers"] == "identical" else figures.below).append(words)
        elif not each.told:
            figures.unnoticed.append(words)
        elif not set(each.told) & set(each.seen_in):
            figures.misplaced.append(words)
    return figures


def accused(trials: list[Trial]) -> list[str]:
    """The sound copies of which the matrix says something else than of the copy that they were made from."""
    return [f"{each.key}: {each.what}; told {', '.join(each.told)}" for each in trials if each.told]


def count_kinds(words: list[str]) -> Counter[str]:
    """How many of each format and kind."""
    return Counter(word.split(":")[0].rsplit("-", 1)[0] for word in words)


__all__ = ["KINDS", "SOUND_WAYS", "Base", "Figures", "Trial"]
