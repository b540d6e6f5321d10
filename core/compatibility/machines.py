"""One copy over several machines, in a sentence."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.compare import Verdict
from core.environments.judge import ElsewhereOutcome
from core.environments.machines import THIS_MACHINE, WORKER, label_asked, label_machine, split_key
from core.environments.own import HERE
from core.text.labels import capitalize_first

WORDS = {
    Verdict.BIT_IDENTICAL: "bit-identical",
    Verdict.ROUNDING: "the same but for rounding",
    Verdict.SAME_ANSWERS: "same answers",
    Verdict.DIFFERENT: "different answers",
    Verdict.DOES_NOT_LOAD: "does not load",
    Verdict.NOT_COMPARABLE: "not comparable",
    Verdict.NOT_VERIFIED: "not verified",
}


class MachineVerdict(NamedTuple):
    """What became of a copy in an environment on a machine (keys), and how many of its rows changed."""

    place: str
    verdict: Verdict
    changed_rows: int | None = None
    rows: int | None = None


def describe_machines(verdicts: Iterable[MachineVerdict]) -> str:
    """Say of a copy how it answers on each machine, a sentence for each environment that was asked on another one.

    For example: "Bit-identical on this machine, the same but for rounding on arm-board, 3 of 500 changed on mac."
    """
    by_environment: dict[str, list[MachineVerdict]] = {}
    for each in verdicts:
        by_environment.setdefault(split_key(each.place)[0], []).append(each)
    return " ".join(
        _describe(environment, group)
        for environment, group in by_environment.items()
        if any(split_key(each.place)[1] != THIS_MACHINE for each in group)
    )


def describe_machines_asked(outcomes: Mapping[str, ElsewhereOutcome], here: MachineVerdict) -> str:
    """The same of what was found out elsewhere, by environment, beside what was here."""
    verdicts = [MachineVerdict(key, each.verdict, each.changed_rows, each.rows) for key, each in outcomes.items()]
    return describe_machines([here, *verdicts])


def _describe(environment: str, group: list[MachineVerdict]) -> str:
    machines: dict[str, list[str]] = {}
    for each in group:
        machines.setdefault(_say(each), []).append(_name(split_key(each.place)[1]))
    clauses = [f"{words} on {_join(names)}" for words, names in machines.items()]
    text = ", ".join(clauses)
    if environment == HERE:
        return f"{capitalize_first(text)}."
    return f"In {label_asked(environment)}: {text}."


def _say(each: MachineVerdict) -> str:
    if each.verdict is Verdict.SOME_CHANGED and each.rows:
        return f"{each.changed_rows or 0:,} of {each.rows:,} changed"
    return WORDS.get(each.verdict, each.verdict.label.lower())


def _name(key: str) -> str:
    label = label_machine(key)
    return key.removeprefix(WORKER) if key.startswith(WORKER) else f"{label[:1].lower()}{label[1:]}"


def _join(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
