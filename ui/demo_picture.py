"""Picture of a demo's data on its card: digits, words, curves or points, drawn from rows of the data itself."""

from html import escape

import numpy as np
import streamlit as st

from core.demos import get_demo
from core.demos.base import Demo, Split
from core.figures.images import row_image_url
from core.figures.theme import COLOURS, NEUTRAL
from ui.drawing import INK, draw_svg

WIDTH, HEIGHT = 320, 112  # units of the drawing
MARGIN = 16
MAX_WORDS, MAX_CURVES = 12, 18
IMAGE_SIDE = 56


@st.cache_data(show_spinner=False)
def draw_demo_picture(key: str) -> str:
    """Return the picture of a demo's data as SVG; empty where the demo gives no rows for one."""
    demo = get_demo(key)
    if demo.sample is None:
        return ""
    return draw_svg(WIDTH, HEIGHT, "".join(_draw_rows(demo, demo.sample())), font_size=13)


def _draw_rows(demo: Demo, sample: Split) -> list[str]:
    values = next(iter(sample.inputs.values()))
    if shape := demo.image_shapes.get(demo.defaults.dataset):
        return _draw_images(sample, shape, has_image_targets=bool(demo.output_image_shapes))
    if values.ndim == 3:
        return _draw_curves(values[:, :, 0])
    if values.dtype.kind == "U" and len(sample.inputs) == 1:
        return _draw_words(values[:, 0], demo, sample)
    return _draw_points(demo, sample)


def _draw_images(sample: Split, shape: tuple[int, int], has_image_targets: bool) -> list[str]:
    """Draw ten images in two lines; five above their targets, where these are images too."""
    asked = next(iter(sample.inputs.values()))
    rows = [*asked[:5], *(next(iter(sample.targets.values()))[:5] if has_image_targets else asked[5:10])]
    return [
        f'<image href="{row_image_url(pixels, shape, IMAGE_SIDE)}" x="{4 + (index % 5) * 64}" '
        f'y="{1 + index // 5 * 56}" width="54" height="54"/>'
        for index, pixels in enumerate(rows)
    ]


def _draw_words(words: np.ndarray, demo: Demo, sample: Split) -> list[str]:
    """Draw some words in the colour of their class, spread over all of the rows."""
    classes = next(iter(sample.targets.values())).argmax(axis=1)
    chosen = [row for row in range(0, len(words), max(len(words) // 24, 1)) if len(words[row]) <= 13][:MAX_WORDS]
    return [
        f'<text x="{6 + index % 3 * 106}" y="{22 + index // 3 * 26}" fill="{COLOURS[classes[row]]}" font-weight="600">'
        f"{escape(str(words[row]))}<title>{escape(demo.labels[classes[row]])}</title></text>"
        for index, row in enumerate(chosen)
    ]


def _draw_curves(curves: np.ndarray) -> list[str]:
    """Draw some of the sequences over their steps, all to one scale; `curves` is (rows, steps)."""
    chosen = curves[:: max(len(curves) // MAX_CURVES, 1)][:MAX_CURVES]
    x = _scale(np.arange(curves.shape[1]), MARGIN, WIDTH - MARGIN)
    y = _scale(chosen, HEIGHT - MARGIN, MARGIN)
    return [
        f'<polyline fill="none" stroke="{COLOURS[index % len(COLOURS)]}" stroke-width="1.6" opacity="0.85" points="'
        + " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, line, strict=True))
        + '"/>'
        for index, line in enumerate(y)
    ]


def _draw_points(demo: Demo, sample: Split) -> list[str]:
    """Draw each row as a point: its first number across; upward its last number, by class, or the value to predict."""
    numbers = [field for field in demo.input_fields if field.kind == "number"]
    first, last = next(iter(sample.inputs.values()))[:, 0], [*sample.inputs.values()][-1][:, -1]
    target = next(iter(sample.targets.values()))
    up, label = (last, numbers[-1].label) if demo.labels else (target[:, 0], next(iter(sample.targets)))
    classes = target.argmax(axis=1) if demo.labels else np.zeros(len(first), int)
    x, y = _scale(first, MARGIN + 8, WIDTH - MARGIN), _scale(up, HEIGHT - 24, 26)
    points = [
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{COLOURS[class_]}" opacity="0.7"/>'
        for across, down, class_ in zip(x, y, classes, strict=True)
    ]
    return [
        f'<path d="M{MARGIN} 4V{HEIGHT - 18}H{WIDTH - 8}" fill="none" stroke="{NEUTRAL}"/>',
        *points,
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 4}" fill="{INK}" text-anchor="end">{escape(numbers[0].label)} →</text>',
        f'<text x="{MARGIN + 6}" y="14" fill="{INK}">↑ {escape(label)}</text>',
    ]


def _scale(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Map values linearly onto the range from `start`, their least, to `end`, their largest."""
    least, most = float(values.min()), float(values.max())
    return start + (values - least) * (end - start) / ((most - least) or 1.0)
