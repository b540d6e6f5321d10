"""Numbers as people read them."""

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, Context
from typing import Any


def shorten_exponent(text: str) -> str:
    return text.replace("e-0", "e-").replace("e+0", "e")


def format_number(value: float | str) -> str:
    """Format with three digits and thousands separators, also "nan", "inf" and "-inf" of JSON."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return shorten_exponent(f"{value:.3g}")


def format_difference(value: float | None) -> str:
    """Format as a number; a dash where it is not known, as of answers that are no numbers."""
    return "–" if value is None else format_number(value)


def format_exact(value: float) -> str:
    """Format with the fewest digits that are read as this very number."""
    return repr(float(value)).removesuffix(".0")


def format_rounded_up(value: float | str) -> str:
    """Format with three digits, rounded up: a tolerance that is rounded down would fail."""
    value = float(value)
    if not math.isfinite(value):
        return format_number(value)
    upward = Context(prec=3, rounding=ROUND_CEILING).create_decimal(value)
    return shorten_exponent(f"{float(upward):.3g}")


def format_count(value: float | str) -> str:
    """Format a whole number with thousands separators."""
    value = float(value)
    return f"{int(value):,}" if math.isfinite(value) else format_number(value)


def format_cosine(value: float | str) -> str:
    """Format with enough digits to tell it from 1, up to the accuracy of the sums behind it."""
    value = float(value)
    distance = 1 - value
    return f"{value:.4g}" if distance > 0.01 or distance < 1e-12 else f"1\u00a0−\u00a0{format_number(distance)}"


def format_decibels(value: float | str) -> str:
    value = float(value)
    return f"{value:.1f}\u00a0dB" if math.isfinite(value) else f"{format_number(value)}\u00a0dB"


def format_share(value: float) -> str:
    """Format a share: 120 %, 12 %, 0.4 %, 0.0001 %; a smaller one as 3e-7."""
    if 0 < value < 1e-6:
        return shorten_exponent(f"{value:.2g}")
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:,.0f} %"


def format_accuracy(value: Mapping[str, Any]) -> str:
    """Format a share of right predictions with its interval."""
    return f"{value['value']:.1%} ({value['low']:.1%} to {value['high']:.1%})"


def format_value(value: Any) -> str:
    """Format one value of a prediction: a number with all digits of float32, or a text."""
    if isinstance(value, float):
        return f"{value:.9g}"
    return value if value not in ("nan", "inf", "-inf") else format_number(value)


def format_position(worst: Mapping[str, Any]) -> str:
    """Format the row and the position of the largest difference, as in an index."""
    place = f", position {', '.join(map(str, worst['index']))}" if worst["index"] else ""
    return f"row {worst['row']:,}{place}"


def format_size(count: int | None) -> str:
    """Format a number of bytes: 950 B, 12.3 kB, 4.5 MB."""
    if count is None:
        return "–"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def format_duration(seconds: float | None) -> str:
    """Format seconds: 0.34 ms, 3 ms, 0.24 s, 12 s, 3 min 20 s."""
    if seconds is None:
        return "–"
    if 0 < seconds < 0.00095:
        return f"{max(seconds * 1000, 0.01):.2g} ms"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def format_score(name: str, value: float | None) -> str:
    """Format a score: an accuracy as percent, an error as a number."""
    if value is None:
        return "–"
    return f"{value:.1%}" if name == "accuracy" else f"{value:.3g}"
