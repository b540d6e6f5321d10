"""What environments answered to the rows of a proof kit, as further members of it."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from core.arrays import Arrays, encode_npz
from core.compare import Verdict, compare, to_jsonable
from core.environments import get_environment
from core.environments.judge import ElsewhereOutcome, EnvironmentAnswer
from core.errors import InputError
from core.text.verdicts import verdict_label

FOLDER = "elsewhere"  # of the kit
SOURCE_NOTE = "Its answers are what this kit expects."
INTRODUCTION = (
    "This copy was also asked the rows of this kit with other packages. `elsewhere` holds what they answered, and the "
    "lock of each: every package with its hashes. `verify.py` says how far these answers are from what is expected, "
    "and from what is answered where it runs."
)


class KitAnswerJson(TypedDict):
    """What one environment answered, in `kit.json`; `predictions` is a member of the kit, None where it gave none."""

    environment: str
    label: str
    verdict: str
    max_abs: float | str | None
    changed_rows: int | None
    rows: int | None
    error: str
    versions: dict[str, str]
    device: str
    notes: list[str]
    lock: str
    predictions: str | None
    is_source: bool


def find_source(answers: Iterable[EnvironmentAnswer]) -> EnvironmentAnswer | None:
    """Return the answers with the best verdict beside the model's own, which a kit may expect; None where there are
    none at all.

    Raises InputError where none of them are the model's.
    """
    given = sorted((answer for answer in answers if answer.predictions), key=lambda answer: answer.outcome.verdict.rank)
    if given and given[0].outcome.verdict.rank > Verdict.SAME_ANSWERS.rank:
        best = given[0].outcome
        raise InputError(
            "No environment gave the model's own answers with this copy, so a kit would prove nothing.",
            received=f"{get_environment(best.environment).label}: {best.verdict.label}",
            cure="Ask it in another environment, or take a copy in another format.",
        )
    return given[0] if given else None


def judge_against(answers: Iterable[EnvironmentAnswer], expected: Arrays) -> list[EnvironmentAnswer]:
    """Return answers with their verdicts anew: beside what one of the environments answered."""
    judged = []
    for outcome, predictions in answers:
        if predictions:
            beside = compare(expected, predictions, None)
            update = {
                "verdict": beside.verdict,
                "max_abs": to_jsonable(beside.max_abs),
                "output": beside.farthest_output,
            }
            update |= {"changed_rows": beside.changed_rows, "mismatched": sum(beside.mismatches.values())}
            outcome = outcome.model_copy(update=update)
        judged.append(EnvironmentAnswer(outcome, predictions))
    return judged


def list_answer_members(answers: Iterable[EnvironmentAnswer]) -> dict[str, bytes]:
    """Return predictions and locks by their path in the kit."""
    members = {}
    for outcome, predictions in answers:
        if predictions:
            members[_predictions_path(outcome.environment)] = encode_npz(predictions)
        environment = get_environment(outcome.environment)
        if environment.lock_sha256 == outcome.lock:
            members[f"{FOLDER}/{outcome.environment}.lock.txt"] = environment.lock_path.read_bytes()
    return members


def _predictions_path(environment: str) -> str:
    return f"{FOLDER}/{environment}.npz"


def require_same_rows(answers: Iterable[EnvironmentAnswer], inputs_sha256: str) -> None:
    """Raise InputError where an environment was asked other rows than those of the kit."""
    for outcome, _ in answers:
        if outcome.inputs_sha256 != inputs_sha256:
            cure = "Ask the copy there once more, on the Elsewhere page or with `roundtrip elsewhere`."
            label = get_environment(outcome.environment).label
            raise InputError("It was asked other rows there than this kit holds.", received=label, cure=cure)


def describe_answers(answers: Iterable[EnvironmentAnswer], source: str = "") -> list[KitAnswerJson]:
    """Return what `kit.json` says of each answer; `source` is the key of the environment whose answers are expected."""
    return [
        {
            "environment": outcome.environment,
            "label": get_environment(outcome.environment).label,
            "verdict": outcome.verdict.value,
            "max_abs": outcome.max_abs,
            "changed_rows": outcome.changed_rows,
            "rows": outcome.rows,
            "error": (outcome.error or {}).get("sentence", ""),
            "versions": outcome.versions,
            "device": outcome.device,
            "notes": outcome.notes,
            "lock": outcome.lock,
            "predictions": _predictions_path(outcome.environment) if predictions else None,
            "is_source": outcome.environment == source,
        }
        for outcome, predictions in answers
    ]


def list_answer_rows(answers: Sequence[EnvironmentAnswer], source: str = "") -> list[tuple[str, ...]]:
    """Return a row of a table for each answer: environment, verdict, cause, packages, lock; of the `source` none."""
    return [
        (
            get_environment(outcome.environment).label,
            *(("–", SOURCE_NOTE) if outcome.environment == source else _verdict_and_cause(outcome)),
            ", ".join(f"{name} {number}" for name, number in outcome.versions.items() if number) or "–",
            outcome.lock[:12],
        )
        for outcome, _ in answers
    ]


def _verdict_and_cause(outcome: ElsewhereOutcome) -> tuple[str, str]:
    verdict = verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
    return verdict, outcome.cause or "–"
