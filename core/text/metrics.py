"""Metrics of a comparison: what each is called, how it is formatted, and what it means."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.text.numbers import (
    format_accuracy,
    format_cosine,
    format_count,
    format_decibels,
    format_number,
    format_position,
    format_rounded_up,
    format_value,
)


class Metric(NamedTuple):
    """One number on an output: its path in `OutputMetrics` as JSON, its name, meaning, format."""

    key: str
    label: str
    format_value: Callable[[Any], str]

    @property
    def description(self) -> str:
        return METRIC_DESCRIPTIONS[self.key]

    def format_from(self, metrics: Mapping[str, Any]) -> str:
        """Format the number of an output; a dash where it makes no sense."""
        value: Any = metrics
        for part in self.key.split("."):
            value = None if value is None else value[part]
        return "–" if value is None else self.format_value(value)


DISTANCE_METRICS = (
    Metric("changed", "Answers changed", format_count),
    Metric("max_abs", "Largest", format_number),
    Metric("mean_abs", "Mean", format_number),
    Metric("median_abs", "Median", format_number),
    Metric("p99_abs", "99th percentile", format_number),
    Metric("atol_needed", "Absolute tolerance needed", format_rounded_up),
    Metric("rtol_needed", "Relative tolerance needed", format_rounded_up),
)
CLOSENESS_METRICS = (
    Metric("max_rel", "Largest relative", format_number),
    Metric("mean_rel", "Mean relative", format_number),
    Metric("median_rel", "Median relative", format_number),
    Metric("max_ulp", "Largest in last places", format_count),
    Metric("mean_ulp", "Mean in last places", format_number),
    Metric("cosine", "Cosine", format_cosine),
    Metric("snr_db", "Signal to noise", format_decibels),
    Metric("kl", "KL divergence", format_number),
    Metric("reference_nan", "NaN, baseline", format_count),
    Metric("answer_nan", "NaN, copy", format_count),
    Metric("reference_inf", "Infinite, baseline", format_count),
    Metric("answer_inf", "Infinite, copy", format_count),
)
WORST_VALUE_METRICS = (
    Metric("worst", "Largest sits at", format_position),
    Metric("worst.reference", "Baseline there", format_value),
    Metric("worst.answer", "Copy there", format_value),
)
CLASSIFICATION_METRICS = (
    Metric("classes.top5_changed", "First five reordered", format_count),
    Metric("classes.top5_rank_change", "Ranks moved", format_number),
    Metric("classes.reference_accuracy", "Baseline is right on", format_accuracy),
    Metric("classes.answer_accuracy", "Copy is right on", format_accuracy),
    Metric("classes.broken", "Right, now wrong", format_count),
    Metric("classes.fixed", "Wrong, now right", format_count),
)
ALL_METRICS = (*DISTANCE_METRICS, *CLOSENESS_METRICS, *WORST_VALUE_METRICS, *CLASSIFICATION_METRICS)
METRIC_DESCRIPTIONS = {
    "changed": "Rows on which the copy answers something else than the baseline.",
    "max_abs": "The largest difference between a number of the copy and the same number of the baseline.",
    "mean_abs": "The difference of all numbers on average.",
    "median_abs": "Half of all numbers differ by less than this.",
    "p99_abs": "99 of 100 numbers differ by less than this.",
    "atol_needed": (
        "The smallest absolute tolerance that passes when the relative one is 0. Infinite: NaN or infinity on one "
        "side only, which no tolerance passes."
    ),
    "rtol_needed": (
        "The smallest relative tolerance that passes when the absolute one is 0. Large or infinite where the value of "
        "the baseline is zero or nearly so."
    ),
    "max_rel": (
        "The largest difference as a part of the larger of the two numbers: 0.01 is one percent. Compared with the "
        "larger one it does not explode near zero; 1 is a zero against anything else, 2 two numbers of opposite sign."
    ),
    "mean_rel": "The relative difference on average.",
    "median_rel": "Half of all relative differences are smaller.",
    "max_ulp": (
        "How many numbers that the computer can write lie between the two, at most (units in the last place, ULP). 1: "
        "they are neighbours, nothing lies closer. Near zero such steps are tiny, so this may be huge for nothing."
    ),
    "mean_ulp": "The same on average.",
    "cosine": "Whether all numbers together point the same way: 1 is the same direction, 0 has nothing in common.",
    "snr_db": (
        "How much stronger the answers are than what was changed in them. Every 20 dB are a factor of ten; infinite "
        "when nothing changed."
    ),
    "kl": (
        "How much the probabilities of the copy surprise somebody who believes the baseline, in nats; 0 when they are "
        "the same, infinite where the copy rules out what the baseline does not. Only for probabilities."
    ),
    "reference_nan": "Numbers of the baseline that are no number (NaN).",
    "answer_nan": "Numbers of the copy that are no number (NaN).",
    "reference_inf": "Numbers of the baseline that are infinite.",
    "answer_inf": "Numbers of the copy that are infinite.",
    "worst": "Where the largest difference is; positions are counted from 0.",
    "worst.reference": "What the baseline answers at that place.",
    "worst.answer": "What the copy answers at that place.",
    "classes.top5_changed": (
        "Rows on which the order of the five likeliest classes (or of all, where there are fewer) is another."
    ),
    "classes.top5_rank_change": (
        "By how many ranks the baseline's five likeliest classes move, on average over all rows."
    ),
    "classes.reference_accuracy": (
        "The share of rows with the right class, and the interval that holds the true share 95 times in 100."
    ),
    "classes.answer_accuracy": (
        "The same for the copy. The same accuracy is not the same answers: other rows may be the wrong ones."
    ),
    "classes.broken": "Rows that the baseline has right and the copy wrong.",
    "classes.fixed": "Rows that the baseline has wrong and the copy right.",
}
