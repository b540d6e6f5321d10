"""The idea of the house as a picture, drawn from what the formats claim."""

from collections.abc import Iterable

from core.formats.base import Format

COLOURS = {"architecture": "#6366F1", "weights": "#0D9488", "optimizer state": "#D97706"}
SHORT = {"architecture": "Architecture", "weights": "Weights", "optimizer state": "Optimizer"}
ROW, TOP, LEFT, WIDE, GAP = 44, 138, 136, 122, 12


def idea(formats: Iterable[Format], dark: bool) -> str:
    """One picture of the idea, as SVG: a model is three things, and a format may keep all of them or some."""
    formats = list(formats)
    ink, faint = ("#ECEAF6", "#6B6785") if dark else ("#1E1B2E", "#B9B6CC")
    height = TOP + ROW * len(formats) + 6
    parts = [_text(12, 62, "A model is", ink, 19, 700), _text(12, 118, "A copy may keep", ink, 16, 600)]
    for column, (part, colour) in enumerate(COLOURS.items()):
        x = LEFT + column * (WIDE + GAP)
        parts.append(_box(x, 30, WIDE, 52, colour) + _text(x + WIDE / 2, 62, SHORT[part], "#FFFFFF", 18, 600, "middle"))
        if column:
            parts.append(_text(x - GAP / 2, 63, "+", ink, 19, 700, "middle"))
    for index, one in enumerate(formats):
        parts.append(_row(one, TOP + index * ROW, ink, faint))
    width = LEFT + 3 * (WIDE + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="Source Sans Pro, Source Sans, Segoe UI, Helvetica, Arial, sans-serif">{"".join(parts)}</svg>'
    )


def _row(one: Format, y: float, ink: str, faint: str) -> str:
    # The ending of the file says it shorter, where the label has one.
    name = one.label.partition("(")[2].rstrip(")") or one.label
    drawn = [_text(12, y + 23, name, ink, 17, 400)]
    for column, (part, colour) in enumerate(COLOURS.items()):
        x = LEFT + column * (WIDE + GAP)
        if part in one.keeps:
            drawn.append(
                _box(x, y, WIDE, 34, colour) + _text(x + WIDE / 2, y + 22, "kept", "#FFFFFF", 15, 600, "middle")
            )
        elif part == "architecture" and "graph" in one.keeps:
            drawn.append(_outline(x, y, colour, "") + _text(x + WIDE / 2, y + 22, "as a graph", ink, 15, 400, "middle"))
        else:
            drawn.append(
                _outline(x, y, faint, "5 5") + _text(x + WIDE / 2, y + 22, "not kept", faint, 14, 400, "middle")
            )
    return "".join(drawn)


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="9" fill="{fill}"/>'


def _outline(x: float, y: float, stroke: str, dashes: str) -> str:
    return (
        f'<rect x="{x + 1}" y="{y + 1}" width="{WIDE - 2}" height="32" rx="8" fill="none" stroke="{stroke}" '
        f'stroke-width="1.5" stroke-dasharray="{dashes}"/>'
    )


def _text(x: float, y: float, words: str, fill: str, points: int, weight: int, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{fill}" font-size="{points}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{words}</text>'
    )
