"""Mutants and sound copies put before Roundtrip and before the second judge, and what became of each."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.evidence.records import Evidence
from core.formats import get_format
from core.library import Library, Run
from core.settings import PROJECT
from core.worker import Worker
from tests.oracle import config_mutants, graph_mutants, judge, product
from tests.oracle.bases import BASES, FORMATS, named_inputs
from tests.oracle.mutants import KINDS, Kind
from tests.oracle.sound_ways import SOUND_WAYS, SoundWay

assert config_mutants.CONFIGS, graph_mutants.GRAPHS  # their kinds are rows of KINDS now
WORDS_COUNT_IN = ("weights", "optimizer", "signatures", "compile")  # columns whose words say what came back


class Base(NamedTuple):
    """A saved run: its copies' ids and folders and what the matrix says of them, by format."""

    name: str
    number: int
    run: Run
    ids: dict[str, str]
    folders: dict[str, Path]
    said: dict[str, product.Said]

    @property
    def builder(self) -> tuple[str, str, list[int]]:
        return (*BASES[self.name], [self.number])


class Trial(NamedTuple):
    """One changed copy: where it lies, what was changed, and the columns that now say something else.

    `seen_in` are the columns of which one must; none must for a sound copy.
    """

    key: str
    base: Base
    kind: str
    format: str
    what: str
    folder: Path
    seen_in: tuple[str, ...]
    told: tuple[str, ...]
    evidence: Evidence


class Figures(NamedTuple):
    """How many mutants and sound copies were tried, and the trials that went wrong, in words.

    `below` are mutants below resolution, `equal` are changes without an effect: no mutants.
    """

    tried: int
    unnoticed: list[str]
    misplaced: list[str]
    below: list[str]
    equal: list[str]
    sound: int = 0
    accused: list[str] = []  # which nothing changes

    @property
    def mutants(self) -> int:
        """How many changes have an effect that can be told."""
        return self.tried - len(self.below) - len(self.equal)


NO_FIGURES: dict[str, Any] = {name: 0 if name in ("tried", "sound") else [] for name in Figures._fields}


def save_base(
    library: Library, worker: Worker, name: str, number: int = 0, formats: Iterable[str] | None = None
) -> Base:
    """Build a base, and save it in its formats by Roundtrip."""
    module, function = BASES[name]
    built = getattr(import_module(module), function)(number)
    chosen = list(formats or FORMATS[name])
    results = library.add(built.model, inputs=named_inputs(built), formats=chosen, worker=worker)
    artifacts = {each.format: each.artifact for each in results if each.artifact}
    assert list(artifacts) == chosen, [each.error for each in results if each.error]
    folders = {key: library.verified_folder(artifact.id) for key, artifact in artifacts.items()}
    ids = {key: artifact.id for key, artifact in artifacts.items()}
    base = Base(name, number, library.run(artifacts[chosen[0]].run), ids, folders, {})
    for key, folder in folders.items():
        base.said[key] = product.describe_evidence(base.run, key, gather(library, worker, base, key, folder))
    return base


def gather(library: Library, worker: Worker, base: Base, format_key: str, folder: Path) -> Evidence:
    architecture = base.folders.get("architecture")
    return product.gather_copy_evidence(library, worker, base.run, format_key, folder, architecture)


def draw_kinds(random: np.random.Generator, base: Base) -> Iterator[Kind]:
    """Kinds that fit a base, without an end: each once in a drawn order, then again."""
    fitting = [each for each in KINDS if each.format in base.folders and _fits(base, each)]
    while True:
        yield from (fitting[at] for at in random.permutation(len(fitting)))


def _fits(base: Base, each: Kind) -> bool:
    return base.name == "words" or each.name != "vocabulary_entry"


def try_mutants(
    library: Library, worker: Worker, base: Base, kinds: Iterable[Kind], count: int, work: Path, seed: int
) -> list[Trial]:
    """Change a copy of a base's copy for each kind that finds a place, and see what the matrix says of it."""
    trials: list[Trial] = []
    for at, each in enumerate(kinds):
        if len(trials) == count:
            break
        folder = _copy(base, each.format, work / f"{base.name}{base.number}-{each.format}-{each.name}-{at}")
        if what := each.change(folder, np.random.default_rng([seed, at])):
            trials.append(_try(library, worker, base, each, folder, what))
    return trials


def try_sound_copies(library: Library, worker: Worker, base: Base, ways: Iterable[SoundWay], work: Path) -> list[Trial]:
    """Write a copy of a base's copy anew in each way, and see what the matrix says of it."""
    trials = []
    for at, way in enumerate(ways):
        if way.format in base.folders:
            folder = _copy(base, way.format, work / f"{base.name}{base.number}-{way.format}-sound-{at}")
            way.write(folder)
            trials.append(_try(library, worker, base, Kind(way.format, way.name, _nothing, ()), folder, way.name))
    return trials


def try_base(library: Library, worker: Worker, number: int, count: int, work: Path) -> tuple[list[Trial], list[Trial]]:
    """So many mutants and sound copies of the base of a number; every third one has a vocabulary."""
    base = save_base(library, worker, "words" if number % 3 == 2 else "numbers", number)
    random = np.random.default_rng(number)
    mutants = try_mutants(library, worker, base, draw_kinds(random, base), count, work, number)
    return mutants, try_sound_copies(library, worker, base, draw_ways(random, base, count), work)


def measure_base(library: Library, worker: Worker, number: int, count: int) -> Figures:
    """The figures of the mutants and sound copies of one base, whose files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-oracle-") as folder:
        mutants, sound = try_base(library, worker, number, count, Path(folder))
        judged = judge_trials([*mutants, *sound], Path(folder))
    really_sound = [each for each in sound if not judge.is_damaged(judged[each.key])]
    return sum_up(mutants, judged)._replace(sound=len(really_sound), accused=accused(really_sound))


def add_figures(parts: Iterable[Figures]) -> Figures:
    """The figures of several bases together."""
    each = list(parts)
    return Figures(*(sum((getattr(part, name) for part in each), start) for name, start in NO_FIGURES.items()))


def draw_ways(random: np.random.Generator, base: Base, count: int) -> list[SoundWay]:
    """Ways to write a base's copies anew, one after another in a drawn order."""
    fitting = [way for way in SOUND_WAYS if way.format in base.folders]
    drawn = []
    for _ in range(count):
        format_key = fitting[int(random.integers(len(fitting)))].format
        own = [way for way in fitting if way.format == format_key]
        chosen = [own[at] for at in random.permutation(len(own))[: random.integers(1, len(own) + 1)]]
        drawn.append(SoundWay(format_key, ", then ".join(way.name for way in chosen), partial(_write_each, chosen)))
    return drawn


def _write_each(ways: list[SoundWay], folder: Path) -> None:
    for way in ways:
        way.write(folder)


def _nothing(folder: Path, random: np.random.Generator) -> str:
    return ""


def _copy(base: Base, format_key: str, into: Path) -> Path:
    return Path(shutil.copytree(base.folders[format_key], into))


def _try(library: Library, worker: Worker, base: Base, each: Kind, folder: Path, what: str) -> Trial:
    evidence = gather(library, worker, base, each.format, folder)
    said = product.describe_evidence(base.run, each.format, evidence)
    told = list_changed_columns(base.said[each.format], said)
    return Trial(folder.name, base, each.name, each.format, what, folder, each.seen_in, told, evidence)


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


def judge_trials(trials: Iterable[Trial], work: Path) -> dict[str, judge.Judgement]:
    """What the second judge says of each, by its key, beside the sound copy that it was made from."""
    judged = run_judge([copy_of_trial(each) for each in trials], work)
    blind = {key: each["error"] for key, each in judged.items() if each["error"].startswith(judge.SOUND)}
    assert not blind, blind
    return judged


def copy_of_trial(each: Trial) -> judge.Copy:
    sound = str(each.base.folders[each.format])
    return judge.Copy(
        key=each.key, builder=each.base.builder, format=each.format, folder=str(each.folder), beside=sound
    )


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
            line = judge.Judgement(
                key=lost, error=words[0], answers="none", max_abs=0.0, own=0.0, surplus=[], **nothing
            )
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


def commit_trial(library: Library, each: Trial) -> str:
    """Seal a changed copy with right hashes, as a copy of its run; returns its id."""
    is_half = get_format(each.format).needs_architecture  # then the evidence was gathered inside an architecture
    evidence = library.evidence(each.base.ids[each.format]) if is_half else each.evidence
    with library.staging() as staged:
        shutil.copytree(each.folder, staged / "files")
        return library.commit_artifact(staged, each.base.run.id, evidence, format=each.format, seconds=0.0).id


def has_other_numbers(judgement: judge.Judgement) -> bool:
    """Whether a copy has other answers or weights than the sound one, which Compare must tell."""
    return judge.is_damaged({**judgement, "optimizer": None, "settings": None, "structure": None, "resumes": None})


def is_told_apart(outcomes: dict[str, Any], id_: str, sound: str) -> bool:
    """Whether Compare says of a copy another verdict or order than of the sound one, or counts other weights."""
    left, right = outcomes[id_], outcomes[sound]
    is_same = all(left[key] == right[key] for key in ("verdict", "reordered"))
    return not is_same or _count_weights(left) != _count_weights(right)


def _count_weights(outcome: dict[str, Any]) -> tuple[int, ...]:
    """How many tensors came back, and how many numbers stand in all: their names are for people."""
    weights = outcome["weights"] or {}
    return tuple(weights.get(key, 0) for key in ("found", "values"))
