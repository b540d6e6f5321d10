"""How well one colour is read on another, after WCAG 2.2."""

from collections.abc import Iterable

from plotly.colors import hex_to_rgb


def luminance(channels: Iterable[float]) -> float:
    """Return the relative luminance of red, green and blue from 0 to 255."""
    parts = [channel / 255 for channel in channels]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * item for share, item in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as "#RRGGBB", from 1 to 21; 4.5 is asked of letters, 3 of lines."""
    darker, lighter = sorted(luminance(hex_to_rgb(colour)) for colour in (first, second))
    return (lighter + 0.05) / (darker + 0.05)
