"""Pictures: the idea of the house, drawn from what the formats claim, and rows of data that are images."""

import base64
import io
from collections.abc import Iterable

import numpy as np

from core.formats.contract import Format

COLOURS = {"architecture": "#6366F1", "weights": "#0D9488", "optimizer state": "#D97706"}
SHORT = {"architecture": "Architecture", "weights": "Weights", "optimizer state": "Optimizer"}
ADDED, TAKEN = (79, 70, 229), (217, 119, 6)  # red, green, blue of ink that was added and taken away
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


def row_image(values: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """One row of pixels in [0, 1] as a PNG of about `side` pixels, dark ink on white as on paper."""
    pixels = (255 * (1 - np.clip(values.reshape(shape), 0, 1))).astype("uint8")
    return _png(pixels, side)


def moved_image(values: np.ndarray, origin: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """What was changed of a row, as a PNG of about `side` pixels: violet where ink was added, orange where it was taken
    away, each as strong as the change is beside the largest."""
    moved = (values.astype("float64") - origin.astype("float64")).reshape(*shape, 1)
    share = np.abs(moved) / (np.abs(moved).max() or 1.0)
    ink = np.where(moved > 0, np.array(ADDED), np.array(TAKEN))
    return _png((255 * (1 - share) + ink * share).astype("uint8"), side)


def _png(pixels: np.ndarray, side: int) -> bytes:
    """Pixels, of one value or three, as a PNG of about `side` pixels."""
    from PIL import Image

    scale = max(1, side // max(pixels.shape[:2]))
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1)).save(buffer, format="PNG")
    return buffer.getvalue()


def row_image_url(values: np.ndarray, shape: tuple[int, int], side: int = 32) -> str:
    """The same as a data URL: for a table's cell, or where the next picture comes before this one could be fetched."""
    return "data:image/png;base64," + base64.b64encode(row_image(values, shape, side)).decode()
