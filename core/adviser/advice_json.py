"""The advice in `--json`: nothing in it but what JSON knows."""

from typing import TypedDict, cast

from core.adviser.advice import Advice, Choice


class LossJson(TypedDict):
    """As `Loss`."""

    finding: str
    state: str
    words: str


class ChoiceJson(TypedDict):
    """As `Choice`; `bytes` of all files of the copy."""

    format: str
    label: str
    artifact: str
    bytes: int
    verdict: str
    changed_rows: int | None
    rows: int | None
    reasons: list[str]
    losses: list[LossJson]
    cautions: list[str]


class RejectionJson(TypedDict):
    """As `Rejection`."""

    format: str
    label: str
    artifact: str | None
    obstacles: list[str]


class CodeJson(TypedDict):
    """As `Code`."""

    save: str
    load: str


class AdviceJson(TypedDict):
    """The needs and the fields of `Advice`, with the choices and losses as objects."""

    where: str
    trains_on: bool
    has_code: bool
    max_changed: int
    headline: str
    choice: ChoiceJson | None
    runner_up: ChoiceJson | None
    why_second: str
    others: list[str]
    rejected: list[RejectionJson]
    unmeasured: list[str]
    unsaved: dict[str, str]
    code: CodeJson | None


def advice_to_json(advice: Advice) -> AdviceJson:
    """Return the advice as it is printed by `advise --json`."""
    return {
        "where": advice.needs.where.value,
        "trains_on": advice.needs.trains_on,
        "has_code": advice.needs.has_code,
        "max_changed": advice.needs.max_changed,
        "headline": advice.headline,
        "choice": _choice_to_json(advice.choice) if advice.choice else None,
        "runner_up": _choice_to_json(advice.runner_up) if advice.runner_up else None,
        "why_second": advice.why_second,
        "others": advice.others,
        "rejected": [cast(RejectionJson, rejection._asdict()) for rejection in advice.rejected],
        "unmeasured": advice.unmeasured,
        "unsaved": advice.unsaved,
        "code": cast(CodeJson, advice.code._asdict()) if advice.code else None,
    }


def _choice_to_json(choice: Choice) -> ChoiceJson:
    fields = {"verdict": choice.verdict.value, "losses": [loss._asdict() for loss in choice.losses]}
    return cast(ChoiceJson, choice._asdict() | fields)
