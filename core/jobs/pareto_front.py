"""Which copies no other beats in size, speed and closeness at once: the Pareto front, and a sentence on it."""

from collections.abc import Mapping, Sequence

import numpy as np

NUMBER_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def pareto_front(points: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Return the names of the Pareto front, in the order given; less is better on every axis.

    A point dominates another when it is no worse on any axis and better on at least one. What has a None or a NaN
    cannot be compared with the others, and is left out.
    """
    known = {name: [axis for axis in axes if axis is not None and not np.isnan(axis)] for name, axes in points.items()}
    known = {name: axes for name, axes in known.items() if len(axes) == len(points[name])}
    return [name for name, axes in known.items() if not any(_dominates(other, axes) for other in known.values())]


def pareto_sentence(best: list[str], total: int) -> str:
    """Return which of `total` copies nothing beats, in a sentence of Markdown; the names are Markdown too."""
    if total < 2:
        return "Measure and compare two or more copies of one model to see which of them nothing beats."
    if len(best) == total:
        return f"None of these {_number_word(total)} beats another: each is smaller, faster or closer to the original."
    if len(best) == 1:
        return f"Nothing beats {best[0]}: no other is smaller, faster or closer to the original."
    return (
        f"Nothing beats these {_number_word(len(best))}: {', '.join(best[:-1])} and {best[-1]}. Each of the others is "
        "matched or beaten in size, speed and fidelity by one of them."
    )


def _number_word(number: int) -> str:
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)


def _dominates(candidate: list[float], other: list[float]) -> bool:
    return candidate != other and all(left <= right for left, right in zip(candidate, other, strict=True))
