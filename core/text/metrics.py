"""The numbers of a comparison in words: what each is called, how it is written, and what it means to anybody."""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Context
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """One number on one output: where it stands in an `OutputNumbers` as JSON, its name, its meaning, its writing."""

    key: str
    label: str
    description: str
    format_value: Callable[[Any], str]

    def format_from(self, metrics: Mapping[str, Any]) -> str:
        """The number as a person reads it; a dash where it makes no sense."""
        value: Any = metrics
        for part in self.key.split("."):
            value = None if value is None else value[part]
        return "–" if value is None else self.format_value(value)


def format_number(value: float | str) -> str:
    """Three digits, thousands apart; JSON's words for what is not finite become signs."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def format_exact(value: float) -> str:
    """The shortest digits that are read as this very number."""
    return repr(float(value)).removesuffix(".0")


def format_rounded_up(value: float | str) -> str:
    """Three digits that are no less than the number and can be typed in: a limit that is rounded down would fail."""
    value = float(value)
    if not math.isfinite(value):
        return format_number(value)
    upward = Context(prec=3, rounding=ROUND_CEILING).create_decimal(value)
    return f"{float(upward):.3g}".replace("e-0", "e-").replace("e+0", "e")


def format_count(value: float | str) -> str:
    """A whole number, thousands apart."""
    value = float(value)
    return f"{int(value):,}" if math.isfinite(value) else format_number(value)


def format_cosine(value: float | str) -> str:
    """Enough digits to tell it from 1, where it is further from it than the sums behind it are exact."""
    value = float(value)
    away = 1 - value
    return f"{value:.4g}" if away > 0.01 or away < 1e-12 else f"1\u00a0−\u00a0{format_number(away)}"


def format_decibels(value: float | str) -> str:
    value = float(value)
    return f"{value:.1f}\u00a0dB" if math.isfinite(value) else f"{format_number(value)}\u00a0dB"


def format_percent(value: float | str) -> str:
    return f"{float(value):.1%}"


def format_accuracy(value: Mapping[str, Any]) -> str:
    """The share of right answers, with its interval."""
    return f"{value['value']:.1%} ({value['low']:.1%} to {value['high']:.1%})"


def format_value(value: Any) -> str:
    """One value of an answer: a number with all the digits that float32 has, or a text."""
    if isinstance(value, float):
        return f"{value:.9g}"
    return value if value not in ("nan", "inf", "-inf") else format_number(value)


def format_position(worst: Mapping[str, Any]) -> str:
    """In which row and at which position, as in an index."""
    place = f", position {', '.join(str(one) for one in worst['index'])}" if worst["index"] else ""
    return f"row {worst['row']:,}{place}"


DISTANCE_METRICS = (
    Metric(
        "changed", "Answers changed", "Rows on which the copy answers something else than the baseline.", format_count
    ),
    Metric(
        "max_abs",
        "Largest",
        "The largest difference between a number of the copy and the same number of the baseline.",
        format_number,
    ),
    Metric("mean_abs", "Mean", "The difference of all numbers on average.", format_number),
    Metric("median_abs", "Median", "Half of all numbers differ by less than this.", format_number),
    Metric("p99_abs", "99th percentile", "99 of 100 numbers differ by less than this.", format_number),
    Metric(
        "atol_needed",
        "Absolute tolerance needed",
        "The smallest absolute tolerance that passes when the relative one is 0. Infinite: NaN or infinity on one side "
        "only, which no tolerance passes.",
        format_rounded_up,
    ),
    Metric(
        "rtol_needed",
        "Relative tolerance needed",
        "The smallest relative tolerance that passes when the absolute one is 0. Large or infinite where the value of "
        "the baseline is zero or nearly so.",
        format_rounded_up,
    ),
)
CLOSENESS_METRICS = (
    Metric(
        "max_rel",
        "Largest relative",
        "The largest difference as a part of the larger of the two numbers: 0.01 is one percent. Held against the "
        "larger one it does not explode near zero; 1 is a zero against anything else, 2 two numbers of opposite sign.",
        format_number,
    ),
    Metric("mean_rel", "Mean relative", "The relative difference on average.", format_number),
    Metric("median_rel", "Median relative", "Half of all relative differences are smaller.", format_number),
    Metric(
        "max_ulp",
        "Largest in last places",
        "How many numbers that the computer can write lie between the two, at most (units in the last place, ULP). 1: "
        "they are neighbours, nothing lies closer. Near zero such steps are tiny, so this may be huge for nothing.",
        format_count,
    ),
    Metric("mean_ulp", "Mean in last places", "The same on average.", format_number),
    Metric(
        "cosine",
        "Cosine",
        "Whether all numbers together point the same way: 1 is the same direction, 0 has nothing in common.",
        format_cosine,
    ),
    Metric(
        "snr_db",
        "Signal to noise",
        "How much stronger the answers are than what was changed in them. Every 20 dB are a factor of ten; infinite "
        "when nothing changed.",
        format_decibels,
    ),
    Metric(
        "kl",
        "KL divergence",
        "How much the probabilities of the copy surprise somebody who believes the baseline, in nats; 0 when they are "
        "the same, infinite where the copy rules out what the baseline does not. Only for probabilities.",
        format_number,
    ),
    Metric("reference_nan", "NaN, baseline", "Numbers of the baseline that are no number (NaN).", format_count),
    Metric("answer_nan", "NaN, copy", "Numbers of the copy that are no number (NaN).", format_count),
    Metric("reference_inf", "Infinite, baseline", "Numbers of the baseline that are infinite.", format_count),
    Metric("answer_inf", "Infinite, copy", "Numbers of the copy that are infinite.", format_count),
)
WORST_VALUE_METRICS = (
    Metric(
        "worst", "Largest sits at", "Where the largest difference is; positions are counted from 0.", format_position
    ),
    Metric("worst.reference", "Baseline there", "What the baseline answers at that place.", format_value),
    Metric("worst.answer", "Copy there", "What the copy answers at that place.", format_value),
)
CLASSIFICATION_METRICS = (
    Metric(
        "classes.top5_changed",
        "First five reordered",
        "Rows on which the order of the five likeliest classes (or of all, where there are fewer) is another.",
        format_count,
    ),
    Metric(
        "classes.top5_rank_change",
        "Ranks moved",
        "By how many ranks the baseline's five likeliest classes move, on average over all rows.",
        format_number,
    ),
    Metric(
        "classes.reference_accuracy",
        "Baseline is right on",
        "The share of rows with the right class, and the interval that holds the true share 95 times in 100.",
        format_accuracy,
    ),
    Metric(
        "classes.answer_accuracy",
        "Copy is right on",
        "The same for the copy. The same accuracy is not the same answers: other rows may be the wrong ones.",
        format_accuracy,
    ),
    Metric("classes.broken", "Right, now wrong", "Rows that the baseline has right and the copy wrong.", format_count),
    Metric("classes.fixed", "Wrong, now right", "Rows that the baseline has wrong and the copy right.", format_count),
)
ALL_METRICS = (*DISTANCE_METRICS, *CLOSENESS_METRICS, *WORST_VALUE_METRICS, *CLASSIFICATION_METRICS)


def tolerance_label(result: Mapping[str, Any] | None) -> str:
    """Pass, or by how much not; `passed` is a `Passed` as JSON, None where nothing was asked."""
    if result is None:
        return "–"
    if result["passed"]:
        return "Pass"
    return f"Fail: {result['values_failing']:,} values in {result['rows_failing']:,} rows"
